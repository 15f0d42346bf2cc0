"""Do drawn performances have the statistics of the datasets they imitate?

Draws clips as in each dataset, at its own frame rate, without rendering any, and sets beside the
published figures: how often each class occurs, which action units its clips have, how long they last
and where the apex lies.  Displacements are the longest vector of the summed fields at the apex on the
mean face, 200 px wide; there is no published figure for them but the range that micro-expressions are
said to have.

    python benchmarks/simulator_realism.py [--clips 10000] [--quick]
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from common import print_table, write_result
from numpy.typing import NDArray

from merkit.simulate import draw_clip
from merkit.simulate.action_units import Side, displacement_field, face_width
from merkit.simulate.durations import DURATIONS
from merkit.simulate.patterns import CLIPS, LIKES
from merkit.simulate.performance import EventKind, PlantedEvent

PUBLISHED_UNITS: Mapping[str, Mapping[str, tuple[int, Mapping[int, int]]]] = {
    "casme2": {
        "happiness": (32, {12: 27, 6: 8, 14: 5, 15: 3}),
        "disgust": (63, {4: 59, 7: 30, 10: 17, 9: 13, 6: 3}),
        "surprise": (25, {2: 20, 1: 18, 25: 2}),
        "repression": (27, {17: 19, 15: 11, 14: 4, 12: 2}),
        "others": (99, {4: 67, 14: 16, 7: 7, 17: 4, 12: 4}),
        "sadness": (7, {1: 7, 4: 1}),
        "fear": (2, {20: 1, 16: 1}),
    },
    "samm": {
        "Happiness": (26, {12: 26, 6: 3, 7: 3}),
        "Disgust": (9, {10: 5, 9: 4}),
        "Surprise": (15, {5: 9, 2: 4, 1: 4, 26: 2}),
        "Other": (26, {2: 13, 24: 6, 18: 4, 39: 4}),
        "Anger": (57, {7: 42, 4: 21, 43: 8}),
        "Contempt": (12, {14: 12, 17: 3, 12: 2}),
        "Sadness": (6, {17: 3, 15: 2, 1: 2}),
        "Fear": (8, {20: 7, 26: 2}),
    },
}
"""Clips of a class and how many of them have a unit, as counted in the coding tables of CASME II (2014)
and SAMM by others than the simulator's own script."""
PUBLISHED_FRAMES: Mapping[tuple[str, EventKind], tuple[int, float, int]] = {
    ("casme2", "micro"): (24, 61, 141),
    ("samm", "micro"): (30, 78, 101),
    ("smic-hs", "micro"): (11, 33, 58),
}
"""Onset to offset in frames: minimum, median, maximum."""
KNOWN_PX = (0.2, 2.0)
"""Displacements of micro-expressions on faces of usual size."""
FACE_PX = 200.0
_GRID_PX = 100.0


@cache
def mean_face() -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Landmarks of the mean face, 100 px wide, and the size of a picture around it."""
    with (files("merkit") / "weights" / "face_template.npz").open("rb") as file, np.load(file) as stored:
        points = stored["points"].astype(np.float64)
    points *= _GRID_PX / face_width(points)
    points += 0.15 * _GRID_PX - points.min(axis=0)
    width, height = (int(n) for n in points.max(axis=0) + 0.15 * _GRID_PX)
    return points, (height, width)


@cache
def field(units: str, side: Side, asymmetry: float) -> NDArray[np.float32]:
    """The field of some units on the mean face."""
    points, shape = mean_face()
    return displacement_field(points, shape, units, side, asymmetry)


def displacement(event: PlantedEvent) -> float:
    """Longest displacement of any pixel at the apex, where all acts are complete."""
    acts = [act for act in event.acts if act.peak_px > 0]
    total = sum((act.peak_px * field(act.action_units, act.side, act.asymmetry) for act in acts), np.zeros(2))
    return float(np.hypot(total[..., 0], total[..., 1]).max())


def draw(like: str, kind: EventKind, clips: int, seed: int) -> list[PlantedEvent]:
    """Expressions as in a dataset, at its own frame rate."""
    rng = np.random.default_rng(seed)
    fps = DURATIONS[like, kind].fps
    return [draw_clip(like, fps, FACE_PX, rng, kind=kind, sway=None).events[0] for _ in range(clips)]


def quantiles(values: NDArray[np.float64]) -> dict[str, float]:
    """Minimum, quantiles and maximum."""
    found = np.percentile(values, [0, 5, 25, 50, 75, 95, 100]).round(3).tolist()
    return dict(zip(("min", "5 %", "25 %", "median", "75 %", "95 %", "max"), found, strict=True))


def unit_rows(like: str, events: list[PlantedEvent]) -> list[dict[str, Any]]:
    """Drawn and published shares of the clips of each class that have a unit."""
    rows = []
    for emotion, (n, units) in PUBLISHED_UNITS[like].items():
        mine = [event for event in events if event.emotion == emotion]
        counted = Counter(int(act.action_units[2:]) for event in mine for act in event.acts)
        for unit, clips in units.items():
            drawn, published = counted[unit] / len(mine), clips / n
            spread = math.sqrt(max(published * (1 - published), 0.25 / len(mine)) / len(mine))
            rows.append(
                {
                    "like": like,
                    "emotion": emotion,
                    "unit": unit,
                    "drawn clips": len(mine),
                    "published clips": n,
                    "drawn": round(drawn, 4),
                    "published": round(published, 4),
                    "difference": round(drawn - published, 4),
                    "standard errors": round((drawn - published) / spread, 2),
                }
            )
    return rows


def class_rows(like: str, events: list[PlantedEvent]) -> list[dict[str, Any]]:
    """Drawn and published shares of the classes."""
    counted, clips = Counter(event.emotion for event in events), CLIPS[like]
    return [
        {
            "like": like,
            "emotion": emotion or "(none)",
            "drawn": round(counted[emotion] / len(events), 4),
            "published": round(count / sum(clips.values()), 4),
        }
        for emotion, count in clips.items()
    ]


def figures(like: str, kind: EventKind, events: list[PlantedEvent]) -> dict[str, Any]:
    """Durations, places of the apex and displacements of one kind of expression of one dataset."""
    frames = np.array([event.offset_frame - event.onset_frame + 1.0 for event in events])
    place = np.array([event.apex_frame - event.onset_frame for event in events]) / (frames - 1)
    px = np.array([displacement(event) for event in events])
    grades = Counter(event.acts[0].intensity or "lids" for event in events)
    statistics = DURATIONS[like, kind]
    low, median, high = PUBLISHED_FRAMES.get(
        (like, kind), (statistics.frames[0], statistics.frames[3], statistics.frames[6])
    )
    return {
        "like": like,
        "kind": kind,
        "clips": len(events),
        "fps": statistics.fps,
        "frames": quantiles(frames),
        "published frames": {"min": low, "median": median, "max": high},
        "apex": quantiles(place),
        "counted apex": dict(zip(("min", "median", "max"), statistics.apex[::3], strict=True)),
        "peak_px": quantiles(px),
        "share of 0.2 to 2 px": round(float(((px >= KNOWN_PX[0]) & (px <= KNOWN_PX[1])).mean()), 4),
        "grades": {letter: round(grades[letter] / len(events), 4) for letter in sorted(grades)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=10000, help="of each dataset and kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="200 clips each, nothing is saved")
    options = parser.parse_args()
    clips = 200 if options.quick else options.clips
    kinds: list[tuple[str, EventKind]] = [(like, "micro") for like in LIKES]
    kinds += [("casme-sq", "macro"), ("samm-lv", "macro")]
    told, units, classes = [], [], []
    for like, kind in kinds:
        events = draw(like, kind, clips, options.seed)
        told.append(figures(like, kind, events))
        if kind == "micro":
            classes += class_rows(like, events)
        if like in PUBLISHED_UNITS:
            units += unit_rows(like, events)
    print_table(
        [
            {
                "like": f"{row['like']} {row['kind']}",
                **{name: row["frames"][name] for name in ("min", "median", "max")},
                "published": "/".join(f"{n:g}" for n in row["published frames"].values()),
                "apex": row["apex"]["median"],
                "counted": row["counted apex"]["median"],
                "px 5 %": row["peak_px"]["5 %"],
                "px median": row["peak_px"]["median"],
                "px 95 %": row["peak_px"]["95 %"],
                "0.2 to 2 px": row["share of 0.2 to 2 px"],
            }
            for row in told
        ],
        "durations in frames, place of the apex, displacements on a face 200 px wide",
    )
    print_table(classes, "classes")
    print_table(units, "clips of a class that have a unit")
    largest = sorted(units, key=lambda row: -abs(row["difference"]))[:6]
    print_table(largest, "largest deviations")
    if options.quick:
        return
    path = write_result(
        "simulator_realism",
        {"figures": told, "classes": classes, "units": units, "largest_deviations": largest},
        seeds=[options.seed],
    )
    print(f"saved {path.name}")


if __name__ == "__main__":
    main()
