"""The pictures of generated trees: noise that drifts, or a simulated face that moves."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.simulate.action_units import ACTION_UNITS
from merkit.simulate.camera import Camera
from merkit.simulate.encoding import encode
from merkit.simulate.native.clip import NativeClip
from merkit.simulate.picture import load_portrait
from merkit.simulate.state import FaceState, Movement
from merkit.simulate.timing import TimeCourse

Picture = NDArray[np.uint8]
Painter = Callable[[int], Picture]
"""Makes the picture of a frame number, (H, W, 3) uint8."""

_JPEG_QUALITY = 95
_TURN = 61
"""Frames in which the noise runs once through its drift; prime, so that no two marks look alike."""
_FACE_PX, _PEAK_PX, _SMALLEST_FACE_PX = 0.5, 0.0075, 40.0
"""Width of the face and longest displacement, in widths of the picture and of the face."""


def noise(folder: str, size: tuple[int, int], seed: int) -> Painter:
    """Return noise that belongs to one folder and drifts smoothly from frame to frame.

    Parameters
    ----------
    folder : str
        Every folder has its own noise.
    size : (width, height)
        In pixels.
    seed : int
        Equal seeds give equal pictures.
    """
    rng = np.random.default_rng([seed, zlib.crc32(folder.encode())])
    width, height = size
    grain = (max(height // 4, 1), max(width // 4, 1), 3)
    still, moving = (
        cv2.resize(rng.uniform(-1, 1, grain).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        for _ in range(2)
    )

    def paint(number: int) -> NDArray[np.uint8]:
        drift = np.sin(2 * np.pi * number / _TURN), np.cos(2 * np.pi * number / _TURN)
        levels = 128 + 60 * still + 40 * drift[0] * moving + 20 * drift[1] * moving[::-1]
        return np.clip(levels, 0, 255).astype(np.uint8).reshape(height, width, 3)

    return paint


def faces(clips: list[NativeClip], size: tuple[int, int], seed: int) -> Painter:
    """Return a simulated face that performs the clips of one folder at their frame numbers.

    Action units that the simulator cannot move are left out; a clip without any is performed with a
    frown.  Movements are 0.75 % of the width of the face long.
    """
    face_px = size[0] * _FACE_PX
    if face_px < _SMALLEST_FACE_PX:
        raise ConfigError(f"size={size}: faces need pictures at least 80 wide; give a larger size")
    portrait = load_portrait(None, face_px, size)
    acts = []
    for clip in clips:
        if clip.onset is None or clip.offset is None:
            continue
        apex = (clip.onset + clip.offset) // 2 if clip.apex is None else clip.apex
        field = portrait.field(_movable(clip.aus))
        acts.append(
            (field, TimeCourse(0, apex - clip.onset, apex - clip.onset, clip.offset - clip.onset), clip.onset)
        )
    peak, camera = _PEAK_PX * face_px, Camera(noise=1.0)

    def paint(number: int) -> NDArray[np.uint8]:
        strengths = [(field, float(peak * course.intensity(number - onset))) for field, course, onset in acts]
        state = FaceState(tuple(Movement(field, px) for field, px in strengths if px > 0))
        rng = np.random.default_rng([seed, zlib.crc32(clips[0].name.encode()), number])
        return camera.expose(portrait.render(state), 0.0, rng)

    return paint


def save_picture(path: Path, picture: NDArray[np.uint8], grey: bool) -> None:
    """Write an (H, W, 3) RGB picture in the format that the name asks for.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if grey else picture
    path.write_bytes(encode(np.asarray(pixels, np.uint8), path.suffix, _JPEG_QUALITY))


def _movable(text: str) -> str:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return "+".join(str(n) for n in dict.fromkeys(numbers) if n in ACTION_UNITS) or "4"
