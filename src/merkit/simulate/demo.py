"""The demo video: a portrait with three planted micro-expressions, and the truth beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.saving import plain_refusals
from merkit.simulate.camera import Camera
from merkit.simulate.head_motion import HeadMotion
from merkit.simulate.performance import Performance
from merkit.simulate.picture import face_name, load_portrait
from merkit.simulate.portrait import Portrait
from merkit.simulate.scenario import plan_demo
from merkit.simulate.truth import Truth
from merkit.video import VideoWriter

VIDEO_NAME, TRUTH_NAME = "video.mp4", "truth.json"
# At a higher factor the encoder freezes the noise from frame to frame, and with it small motions.
_CODEC, _CRF = "libx264", 4


def plan(
    portrait: Portrait,
    seed: int = 0,
    peak_px: float = 1.5,
    noise: float = 2.0,
    fps: float = 60.0,
    n_blinks: int = 1,
    duration_s: float = 10.0,
    head: HeadMotion | None = None,
    face: str = "",
) -> Truth:
    """Draw a demo from a seed, without rendering it; the parameters are those of `simulate_demo`."""
    for name, value, low, high in (
        ("seed", seed, 0, 2**32 - 1),
        ("peak", peak_px, 0.01, 20),
        ("fps", fps, 20, 1000),
        ("blinks", n_blinks, 0, 50),
        ("duration", duration_s, 1, 3600),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name}: {value} is outside {low} to {high}")
    head = HeadMotion() if head is None else head
    n_frames = round(duration_s * fps)
    events, blinks = plan_demo(n_frames, fps, peak_px, n_blinks, _random(seed, "plan"))
    height, width = portrait.shape
    return Truth(
        video=VIDEO_NAME,
        seed=seed,
        width=width,
        height=height,
        face=face,
        performance=Performance(
            n_frames,
            fps,
            round(portrait.face_px, 3),
            events,
            blinks,
            poses=tuple(head.path(n_frames, fps, _random(seed, "head"))),
        ),
        camera=Camera(noise=noise),
        head_motion=head,
        encoding={"codec": _CODEC, "crf": _CRF},
        version=version("merkit"),
    )


def film(truth: Truth, portrait: Portrait) -> Iterator[NDArray[np.uint8]]:
    """Render and photograph the frames of a truth, one (height, width, 3) picture at a time."""
    for number, state in enumerate(truth.performance.states(portrait)):
        rng = _random(truth.seed, "camera", number)
        yield truth.camera.expose(portrait.render(state), number / truth.performance.fps, rng)


def simulate_demo(
    out_dir: str | Path,
    seed: int = 0,
    peak_px: float = 1.5,
    noise: float = 2.0,
    fps: float = 60.0,
    face: str | Path | None = None,
    n_blinks: int = 1,
    duration_s: float = 10.0,
    head: HeadMotion | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Truth:
    """Film a demo into a folder: ``video.mp4`` and ``truth.json``.

    Parameters
    ----------
    out_dir : path
        Made if it is not there; files of an earlier demo are replaced.
    seed : int
        Decides order, times, asymmetry, head motion and noise; equal seeds give equal frames.
    peak_px : float
        Longest displacement of any pixel at the apex, with a face 200 px wide.
    noise : float
        Standard deviation of the camera's noise at mid-grey, in grey levels.
    fps : float
        Frames a second.
    face : path, optional
        Picture of a face; the astronaut of scikit-image without one.
    n_blinks : int
        How many blinks, apart from the expressions.
    duration_s : float
        Length of the video in seconds.
    head : HeadMotion, optional
        How far the head strays.
    on_progress : callable, optional
        Called as ``on_progress(frames done, frames in all)``.
    """
    portrait = load_portrait(face)
    truth = plan(portrait, seed, peak_px, noise, fps, n_blinks, duration_s, head, face_name(face))
    folder = Path(out_dir)
    with plain_refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with VideoWriter(folder / VIDEO_NAME, fps, codec=_CODEC, crf=_CRF) as writer:
        for number, frame in enumerate(film(truth, portrait)):
            writer.write(frame)
            if on_progress is not None:
                on_progress(number + 1, truth.performance.n_frames)
    truth.save(folder / TRUTH_NAME)
    return truth


_STREAMS = {"plan": 0, "head": 1, "camera": 2}


def _random(seed: int, stream: str, frame: int = 0) -> np.random.Generator:
    """Separate random numbers for each purpose, so that one choice does not shift the others."""
    return np.random.default_rng([seed, _STREAMS[stream], frame])
