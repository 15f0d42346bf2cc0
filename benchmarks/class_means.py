"""Draw what flow-svm learnt from: the mean flow map of each class, with the parts of the face marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from phase_maps import CLASSES, PhaseMaps
from PIL import Image, ImageDraw, ImageFont

from merkit.inputs.flow_map import ASPECT, LANDMARKS, MAP_SIZE, decode_phase_map, map_p95
from merkit.motion.colors import flow_to_rgb, wheel_legend

_WIDTH, _GAP, _TOP, _BOTTOM = 420, 24, 40, 74
_INK, _SOFT, _PAPER = (28, 32, 38), (96, 104, 114), (255, 255, 255)


def class_means(data: PhaseMaps) -> dict[str, NDArray[np.float64]]:
    """Mean over the clips of each class of median-free, p95-normalised maps, each (28, 28, 2)."""
    maps = decode_phase_map(data.maps).astype(np.float64)
    maps /= map_p95(maps)[:, None, None, None]
    return {name: maps[data.labels == name].mean(axis=0) for name in CLASSES}


def draw_class_means(data: PhaseMaps, target: Path) -> None:
    """Write the picture: one panel a class, colour for direction and length, arrows, marked landmarks."""
    means = class_means(data)
    height = round(_WIDTH * ASPECT)
    longest = max(float(np.hypot(m[..., 0], m[..., 1]).max()) for m in means.values())
    size = (3 * _WIDTH + 4 * _GAP, _TOP + height + _BOTTOM)
    picture = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(picture)
    title, small = ImageFont.load_default(20), ImageFont.load_default(14)
    for column, (name, mean) in enumerate(means.items()):
        left = _GAP + column * (_WIDTH + _GAP)
        colours = Image.fromarray(flow_to_rgb(mean, longest))
        picture.paste(colours.resize((_WIDTH, height), Image.Resampling.BICUBIC), (left, _TOP))
        draw.rectangle((left, _TOP, left + _WIDTH, _TOP + height), outline=_SOFT)
        draw.text((left, 9), f"{name}, mean of {int((data.labels == name).sum())}", _INK, title)
        _arrows(draw, mean, (left, _TOP), (_WIDTH, height), longest)
        for mark, (x, y) in LANDMARKS.items():
            _mark(draw, mark, (left + x * _WIDTH, _TOP + y * height), small)
    wheel = Image.fromarray(wheel_legend(56))
    picture.paste(wheel, (_GAP, _TOP + height + 10), wheel)
    words = (
        "Colour and arrows: direction of motion from onset to apex in the picture (the person's left is on "
        f"the right); full colour is {longest:.2f} of a map's 95th percentile.",
        "Circles: eyes, brows, base of the nose, lip corners, chin, where the crop puts them. The median of "
        "every map is removed, so a zero is what most of the face does.",
    )
    for line, text in enumerate(words):
        draw.text((_GAP + 72, _TOP + height + 18 + 20 * line), text, _SOFT, small)
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.save(target, optimize=True)


def _arrows(
    draw: ImageDraw.ImageDraw,
    flow: NDArray[np.float64],
    origin: tuple[int, int],
    size: tuple[int, int],
    longest: float,
) -> None:
    step_x, step_y = size[0] / MAP_SIZE, size[1] / MAP_SIZE
    for row in range(MAP_SIZE):
        for column in range(MAP_SIZE):
            u, v = flow[row, column] / longest * 1.8 * step_x
            length = float(np.hypot(u, v))
            if length < 2.0:
                continue
            x, y = origin[0] + (column + 0.5) * step_x, origin[1] + (row + 0.5) * step_y
            tip = (x + u / 2, y + v / 2)
            draw.line((x - u / 2, y - v / 2, *tip), fill=_INK, width=1)
            along, head = np.array([u, v]) / length, min(4.0, 0.45 * length)
            across = np.array([-along[1], along[0]])
            wings = [tuple(np.asarray(tip) - head * (along + side * 0.5 * across)) for side in (-1, 1)]
            draw.polygon([tip, *wings], fill=_INK)


def _mark(draw: ImageDraw.ImageDraw, name: str, at: tuple[float, float], font: ImageFont.ImageFont) -> None:
    radius = 9 if name.startswith("eye") else 5
    box = (at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius)
    draw.ellipse(box, outline=_PAPER, width=5)
    draw.ellipse((box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1), outline=(200, 30, 60), width=2)
    if "right" not in name:
        label = name.split(",")[0]
        spot = (at[0] - radius - 4, at[1]) if "left" in name else (at[0] + radius + 4, at[1])
        anchor = "rm" if "left" in name else "lm"
        draw.text(spot, label, _INK, font, anchor=anchor, stroke_width=3, stroke_fill=_PAPER)
