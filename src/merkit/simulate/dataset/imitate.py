"""Settings of a dataset that imitates a real one, from a few words."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from merkit.errors import ConfigError, DataError, did_you_mean
from merkit.simulate.camera import Camera
from merkit.simulate.dataset.recipe import AsDataset
from merkit.simulate.dataset.settings import ENGINES, MANIFEST, NamedFile, Settings, head_of, one_of
from merkit.simulate.native.tree import get_layout

LIKE = ("casme2", "smic-hs", "samm", "casme-sq", "samm-lv")
"""Datasets that can be imitated."""
FORMS = ("native", MANIFEST)
"""As the owners of the imitated dataset hand it out; or a table of clips, and a folder for each."""
FACE_SHARE = {"head": (0.58, 0.66), "portrait": (0.60, 0.68)}
"""Width of the faces, of the smaller side of the frame: from hair to chin they fit into it."""
_SUBJECTS, _CLIPS, _VIDEOS, _DURATION_S, _FPS, _SIZE = 20, 12, 2, 30.0, 200.0, 256
_JPEG_QUALITY = 95
# At a higher factor the encoder freezes the noise from frame to frame, and with it small motions.
_CRF = 4
_OPEN = 0.5
"""Share of the time between two frames during which the shutter is open."""


def settings_like(
    like: str | None = None,
    *,
    form: str | None = None,
    subjects: int = _SUBJECTS,
    clips: int | None = None,
    fps: float | None = None,
    size: int | Sequence[int] = _SIZE,
    engine: str = "head",
    faces: Iterable[str | Path] = (),
    head: str | Path | None = None,
    seed: int = 0,
    difficulty: str = "medium",
    classes: Iterable[str] = (),
    noise: float | None = None,
    camera: Mapping[str, Any] | None = None,
    videos: bool = False,
    duration_s: float | None = None,
    micro: int | None = None,
    macro: int | None = None,
    quality: int | None = None,
    crf: int | None = None,
    truth: str = "basic",
) -> Settings:
    """Settings of a dataset that imitates a real one.

    Parameters
    ----------
    like : str, optional
        A dataset whose classes, action units, durations and form are imitated, one of :data:`LIKE`.
        Without one, expressions are as in CASME II and SAMM together, in three classes.
    form : {"native", "manifest"}, optional
        That of the imitated dataset, or a manifest; a manifest where there is none.
    subjects, clips : int
        People, and clips of each, or long videos.
    fps : float, optional
        That of the imitated dataset, or 200.
    size : int or (width, height)
        Of the frames in pixels.
    engine : {"head", "portrait"}
        Parametric 3D heads, as many people as one likes; or face pictures that move.
    faces : iterable of path
        Pictures for the portrait engine; the portrait of scikit-image without any.
    head : path, optional
        File of the parametric head, if it is not in its usual place.
    seed : int
        Equal settings with equal seeds give equal bytes.
    difficulty : {"easy", "medium", "hard"}
        How far expressions move, how still the head is kept, and how noisy the camera is.
    classes : iterable of str
        Only these of the dataset's classes.
    noise : float, optional
        Standard deviation of the camera's noise in grey levels, instead of the difficulty's.
    camera : mapping, optional
        Further settings of :class:`merkit.simulate.Camera`.
    videos : bool
        Long videos with several expressions and with distractors; a dataset of long videos implies it.
    duration_s : float, optional
        Length of each in seconds.
    micro, macro : int, optional
        Expressions in each; as often a minute as in the dataset without.
    quality : int, optional
        JPEG frames of this quality; a manifest gets lossless PNG frames without it.
    crf : int, optional
        Quality of video files in a manifest; 0 is best.
    truth : {"basic", "flow"}
        Keep the true flow of the apex, or of every frame.

    Raises
    ------
    ConfigError
        For a value that is not allowed; the message names it and what is.
    """
    if like is not None:
        one_of("like", like, LIKE)
    one_of("engine", engine, ENGINES)
    pictures = tuple(NamedFile.of(face) for face in faces)
    if pictures and engine != "portrait":
        raise ConfigError("faces: are for the portrait engine; ask for it too, or leave them out")
    one_of("form", form or MANIFEST, FORMS)
    if like is None and form == "native":
        raise ConfigError("form: native is that of a dataset; say which with like")
    model = None if like is None else get_layout(like)
    # Whose form it gets; None for a manifest.
    native = None if form == MANIFEST else model
    recipe = AsDataset.make(like or "default", difficulty, tuple(classes), micro, macro)
    long = videos or (model is not None and model.long)
    if native is not None and videos and not native.long:
        raise ConfigError(f"videos: {like} holds clips; leave out videos, or take samm-lv or casme-sq")
    for name, value in (("duration", duration_s), ("micro", micro), ("macro", macro)):
        if value is not None and not long:
            raise ConfigError(f"{name}: is for long videos; ask for videos too, or leave it out")
    if long and recipe.classes != AsDataset.make(recipe.imitated).classes:
        raise ConfigError("classes: long videos hold every class; leave out one of the two")
    usual = _FPS if model is None else model.fps
    if native is not None and fps not in (None, usual):
        raise ConfigError(
            f"fps: {like} has {usual:g}, which its readers assume; leave out fps, or make a manifest"
        )
    rate = usual if fps is None else fps
    own = ".mp4" if long else ".png" if quality is None else ".jpg"
    suffix = own if native is None else native.suffix
    grey = model is not None and model.grey
    taken: dict[str, Any] = {"grey": grey, "noise": recipe.noise, **(camera or {})}
    if noise is not None:
        if "noise" in (camera or {}):
            raise ConfigError("noise: is given twice, as itself and for the camera; give it once")
        taken["noise"] = noise
    if rate > 0:
        taken.setdefault("shutter_s", round(_OPEN / rate, 6))
    return Settings(
        layout_name=MANIFEST if native is None else native.name,
        dataset="",
        recipe=recipe,
        subjects=subjects,
        clips=(_VIDEOS if long else _CLIPS) if clips is None else clips,
        fps=float(rate),
        size=_pair(size),
        engine=engine,
        face_share=FACE_SHARE[engine],
        faces=pictures,
        head=_head_or_advice(engine, head),
        seed=seed,
        camera=Camera.from_settings(taken),
        duration_s=float(_DURATION_S if duration_s is None else duration_s) if long else 0.0,
        suffix=suffix,
        quality=_JPEG_QUALITY if suffix == ".jpg" and quality is None else quality,
        crf=_CRF if suffix == ".mp4" and crf is None else crf,
        truth=truth,
    )


def chosen_settings(settings: Settings | None, options: Mapping[str, Any]) -> Settings:
    """The settings as given, or made of keywords; not both.

    Raises
    ------
    ConfigError
        For a keyword that there is not; the nearest is suggested.
    """
    if settings is not None:
        if options:
            raise ConfigError(f"{next(iter(options))}: is given beside whole settings; change these instead")
        return settings
    known = list(inspect.signature(settings_like).parameters)
    for name in options:
        if name not in known:
            raise ConfigError(
                f"{name}: there is no such option{did_you_mean(name, known)}: {', '.join(known)}"
            )
    return settings_like(**options)


def _head_or_advice(engine: str, head: str | Path | None) -> NamedFile | None:
    try:
        return head_of(engine, head)
    except DataError as error:
        if head is not None:
            raise
        raise DataError(f"{error}, or use --engine portrait") from error


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2:
        raise ConfigError(f"size: {size} is neither one number nor a width and a height")
    return int(sides[0]), int(sides[1])
