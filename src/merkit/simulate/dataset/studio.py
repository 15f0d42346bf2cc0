"""Who sits before the camera: the engine of a person, and what the truth says of it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.simulate.action_units import face_width
from merkit.simulate.dataset.settings import NamedFile, Settings
from merkit.simulate.dataset.subjects import Subject
from merkit.simulate.head3d import Head, HeadModel, load_head_model
from merkit.simulate.picture import DEFAULT_FACE, face_landmarks, read_face
from merkit.simulate.portrait import SMALLEST_FACE_PX, Portrait
from merkit.simulate.state import Engine

PORTRAIT_ONLY = ("mirrored", "brightness", "warmth", "side_light")
"""What of a subject changes a portrait and no 3D head, which draws its own light."""
_WIDEST = 0.8
"""A portrait with little around the face may fill so much of the smaller side of the frame."""


def fitting(settings: Settings, subject: Subject) -> Subject:
    """The person with a face that fits the frames: a portrait cannot show more than the picture does.

    Raises
    ------
    DataError
        If the picture cannot be read, shows no face, too small a one, or too little around it; or if the
        head file is damaged.
    """
    if settings.engine == "head":
        assert settings.head is not None
        _head_model(settings.head)
        return subject
    picture = _picture(settings, subject)
    rgb, points = _face(picture)
    found = face_width(points)
    name = picture.path.name if picture else DEFAULT_FACE
    if found < SMALLEST_FACE_PX:
        raise DataError(
            f"face picture {name}: the face is {found:.0f} px wide, at least {SMALLEST_FACE_PX:.0f} px are "
            "needed; use a larger picture"
        )
    width, height = settings.size
    # One pixel is lost at the edge, and one to rounding.
    needed = found * max(width / (rgb.shape[1] - 2), height / (rgb.shape[0] - 2))
    if needed > _WIDEST * min(width, height):
        raise DataError(
            f"face picture {name}: shows too little around the face for frames of {width} x {height} pixels; "
            "use a picture with more of the head and shoulders, or frames of its shape"
        )
    return replace(subject, face_px=round(max(subject.face_px, float(needed)), 2))


def make_engine(settings: Settings, subject: Subject) -> Engine:
    """What draws a person.

    Raises
    ------
    DataError
        If the picture or the head file will not do.
    """
    if settings.engine == "head":
        assert settings.head is not None
        model = _head_model(settings.head)
        return Head.from_seed(model, subject.identity, subject.face_px, settings.size)
    picture = _picture(settings, subject)
    rgb, points = _face(picture)
    if subject.mirrored:
        rgb = np.ascontiguousarray(rgb[:, ::-1])
        # The mesh is not quite the same on a mirrored picture as mirrored, so it is found anew.
        points = face_landmarks(rgb, picture.path.name if picture else DEFAULT_FACE)
    portrait = Portrait.from_picture(_lit(rgb, subject), points, subject.face_px, settings.size)
    # `fitting` has seen to it.
    assert portrait.shape == settings.size[::-1]
    return portrait


def describe(settings: Settings, subject: Subject, engine: Engine) -> dict[str, Any]:
    """What the truth says of an engine."""
    about: dict[str, Any] = {"name": settings.engine, "face_px": round(float(engine.face_px), 4)}
    if isinstance(engine, Head):
        return {**about, **engine.person}
    picture = _picture(settings, subject)
    return {
        **about,
        "picture": picture.path.name if picture else DEFAULT_FACE,
        "picture_sha256": picture.sha256 if picture else "",
        **{name: getattr(subject, name) for name in PORTRAIT_ONLY},
    }


def note(settings: Settings) -> str:
    """What a user should know about the people, empty if there is nothing."""
    people, pictures = settings.subjects, max(len(settings.faces), 1)
    if settings.engine != "portrait" or people <= pictures:
        return ""
    shown = "one picture" if pictures == 1 else f"{pictures} pictures"
    return (
        f"{people} subjects are made of {shown} and look alike but for light, size and side; a method can "
        "know them again, so scores across subjects say little: give more with --faces FOLDER, or use "
        "--engine head"
    )


# One file of 6 MB for all subjects.
@lru_cache(maxsize=1)
def _head_model(file: NamedFile) -> HeadModel:
    return load_head_model(file.path)


def _picture(settings: Settings, subject: Subject) -> NamedFile | None:
    return settings.faces[subject.number % len(settings.faces)] if settings.faces else None


@lru_cache(maxsize=4)
def _face(picture: NamedFile | None) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """A picture and the landmarks of the face in it."""
    path: Path | None = picture.path if picture else None
    rgb, name = read_face(path)
    return rgb, face_landmarks(rgb, name)


def _lit(rgb: NDArray[np.uint8], subject: Subject) -> NDArray[np.uint8]:
    """The picture in another light: brighter or darker, warmer or cooler, and from one side."""
    side = 1 + subject.side_light * np.linspace(-1, 1, rgb.shape[1])[None, :, None]
    colour = 1 + subject.warmth * np.array([1.0, 0.0, -1.0])
    lit = rgb * (subject.brightness * side * colour)
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)
