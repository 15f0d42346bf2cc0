"""A made-up but realistic analysis, for the tests of everything that shows one.

The face is scikit-image's astronaut (Eileen Collins, NASA, public domain), which ships with it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merkit.analysis.pictures import event_pictures
from merkit.analysis.result import (
    REGIONS,
    ActionUnitEvidence,
    Analysis,
    Event,
    EventPictures,
    Recognition,
    RegionMotion,
    Stretch,
)

#: Where a planted class moves the crop: (x, y) as fractions, (u, v) at the peak, spread as a fraction.
PATTERNS: dict[str, list[tuple[float, float, float, float, float]]] = {
    "positive": [(0.31, 0.70, -1.2, -1.0, 0.08), (0.69, 0.70, 1.2, -1.0, 0.08)],
    "negative": [(0.3, 0.33, 0.7, 1.1, 0.09), (0.7, 0.33, -0.7, 1.1, 0.09)],
    "surprise": [(0.3, 0.32, 0.0, -1.4, 0.11), (0.7, 0.32, 0.0, -1.4, 0.11)],
}
REGION_OF = {"positive": "lip corners", "negative": "brows", "surprise": "brows"}
WORDS = {"positive": "up and outwards", "negative": "down and inwards", "surprise": "up"}
ANGLE = {"positive": 40.0, "negative": 238.0, "surprise": 91.0}
UNITS = {
    "positive": ("AU12", "lip corner puller", "both lip corners moved up and outwards"),
    "negative": ("AU4", "brow lowerer", "the brows moved down and towards each other"),
    "surprise": ("AU1+2", "brow raiser", "the inner and outer brows moved up"),
}


@cache
def face_crop(width: int = 320) -> NDArray[np.uint8]:
    """The astronaut's face, (1.41 width, width, 3) uint8, eyes where merkit's crop has them."""
    import cv2
    from skimage import data

    picture = data.astronaut()
    # Eye centres read off the picture by hand.
    x0, x1, y0 = 202.0, 247.0, 101.0
    scale = 0.444 * width / (x1 - x0)
    matrix = np.array([[scale, 0, 0.278 * width - scale * x0], [0, scale, 0.401 * 1.41 * width - scale * y0]])
    size = (width, round(1.41 * width))
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC), dtype=np.uint8)


def planted_flow(pattern: str, width: int = 160, amplitude: float = 1.0) -> NDArray[np.float32]:
    """Smooth displacement field of one class, (1.41 width, width, 2), in pixels of its grid."""
    height = round(1.41 * width)
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    flow = np.zeros((height, width, 2), dtype=np.float32)
    for px, py, u, v, spread in PATTERNS[pattern]:
        bump = np.exp(-((x - px) ** 2 + (1.41 * (y - py)) ** 2) / (2 * spread**2))
        flow += amplitude * bump[..., None] * np.array([u, v])
    return flow


@cache
def pictures_of(pattern: str, seed: int = 0) -> EventPictures:
    """Pictures of one planted event with camera noise, made by merkit's own encoder."""
    rng = np.random.default_rng(seed)
    crop = face_crop()
    onset, apex = (np.clip(crop + rng.normal(0, 3, crop.shape), 0, 255).astype(np.uint8) for _ in range(2))
    shape = np.sin(np.linspace(0.1, np.pi - 0.3, 24))
    flows = [planted_flow(pattern, amplitude=a) + rng.normal(0, 0.05, (226, 160, 2)) for a in shape]
    return event_pictures(onset, apex, flows)


def fake_event(
    pattern: str,
    apex_s: float,
    fps: float,
    *,
    duration_s: float = 0.3,
    abstained: bool = False,
    score: float = 6.0,
    pictures: bool = True,
    seed: int = 0,
    warnings: tuple[str, ...] = (),
) -> Event:
    """One event; above half a second it is a macro-expression and has no recognition."""
    onset, apex, offset = (round((apex_s + d * duration_s) * fps) for d in (-0.45, 0.0, 0.55))
    kind = "micro" if duration_s <= 0.5 else "macro"
    strength = 1.4 if kind == "micro" else 3.8
    recognition = None
    if kind == "micro":
        order = [pattern, *(name for name in ("negative", "positive", "surprise") if name != pattern)]
        shares = (0.41, 0.33, 0.26) if abstained else (0.78, 0.13, 0.09)
        chances = dict(zip(order, shares, strict=True))
        reason = "the two most probable classes are too close" if abstained else ""
        probabilities = {name: chances[name] for name in sorted(chances)}
        recognition = Recognition(pattern, probabilities, abstained, reason)
    sides = ("left", "right")
    angles = (ANGLE[pattern], (180.0 - ANGLE[pattern]) % 360.0)
    regions = [
        RegionMotion(REGION_OF[pattern], side, 0.8 * m, m, angle, WORDS[pattern])
        for side, m, angle in zip(sides, (strength, 0.8 * strength), angles, strict=True)
    ]
    regions.append(RegionMotion("cheeks", "both", 0.25 * strength, 0.31 * strength, 84.0, "up"))
    return Event(
        onset, apex, offset, onset / fps, apex / fps, offset / fps, kind, score, recognition, tuple(regions),
        (ActionUnitEvidence(*UNITS[pattern]),), warnings, pictures_of(pattern, seed) if pictures else None,
    )  # fmt: skip


def fake_curves(n_frames: int, fps: float, events: list[Event], seed: int = 0) -> pd.DataFrame:
    """Noisy motion curves with a bump at each event."""
    rng = np.random.default_rng(seed)
    time = np.arange(n_frames) / fps
    columns: dict[str, NDArray[np.floating]] = {}
    for k, region in enumerate(REGIONS):
        noise = np.abs(np.convolve(rng.normal(0, 1, n_frames), np.hanning(9) / 5, mode="same"))
        curve = 0.06 + 0.09 * noise * (1 + 0.2 * k)
        for event in events:
            share = max((r.motion_px200 for r in event.regions if r.name == region), default=0.04)
            width = event.duration_s / 3.2
            curve += share * np.exp(-0.5 * ((time - event.apex_s) / width) ** 2)
        columns[region] = curve
    head = np.abs(np.convolve(rng.normal(0, 3, n_frames), np.hanning(25) / 12, mode="same"))
    state = np.full(n_frames, "rest", dtype=object)
    return pd.DataFrame(
        {"frame": np.arange(n_frames), "time_s": time, **columns, "head_px200_s": head,
         "observable": True, "state": state}
    )  # fmt: skip


def fake_analysis(
    duration_s: float = 12.0,
    fps: float = 100.0,
    *,
    events: list[Event] | None = None,
    video: str = "subject_07.mp4",
) -> Analysis:
    """An analysis with micro and macro events, one abstained, and every kind of stretch."""
    n_frames = round(duration_s * fps)
    if events is None:
        at = duration_s / 12.0
        closer = ("The head moved 3 px during this event; the regions are less certain.",)
        events = [
            fake_event("positive", 1.6 * at, fps, score=8.3),
            fake_event("surprise", 4.1 * at, fps, duration_s=0.22, score=5.1, seed=1),
            fake_event("positive", 6.9 * at, fps, duration_s=1.1, score=14.9),
            fake_event("negative", 10.3 * at, fps, abstained=True, score=3.6, warnings=closer),
        ]
    curves = fake_curves(n_frames, fps, events)
    spans = [
        ("blink", 0.24, 0.255, True),
        ("blink", 0.78, 0.795, True),
        ("speech", 0.43, 0.5, False),
        ("head motion", 0.64, 0.72, False),
        ("no face", 0.93, 0.97, False),
        ("cut", 0.93, 0.931, False),
    ]
    stretches = []
    for kind, start, stop, observable in spans:
        a, b = round(start * n_frames), round(stop * n_frames)
        stretches.append(Stretch(kind, a, b, a / fps, b / fps, observable))
        if not observable:
            curves.loc[a : b - 1, "observable"] = False
            curves.loc[a : b - 1, "state"] = kind
        if kind == "no face":
            curves.loc[a : b - 1, [*REGIONS, "head_px200_s"]] = np.nan
    track = curves[["frame", "time_s"]].assign(x=210.0, y=90.0, w=221.0, h=221.0, segment=0, angle_deg=1.5)
    track.loc[curves["state"] == "no face", ["x", "y", "w", "h"]] = np.nan
    face = {
        "width_px": 221.4,
        "found_fraction": 0.96,
        "observable_fraction": float(curves["observable"].mean()),
        "detector": "blazeface+mesh",
        "n_faces": 2,
        "chosen": 0,
    }
    return Analysis(
        video=video, fps=fps, n_frames=n_frames, duration_s=duration_s, width=640, height=480, face=face,
        events=events, stretches=stretches, curves=curves, track=track,
        warnings=["Two faces were seen; the largest was analysed. Choose another with --face 1."],
        provenance={
            "merkit": "0.1.0", "sha256": "9f2b" * 16, "parameters": {"lag_s": 0.2, "threshold": 3.5},
            "model": {"name": "flow-svm", "card": "methods/flow-svm.md", "trained on": "research clips"},
            "libraries": {"numpy": "2.4.6", "opencv": "4.14.0", "scikit-learn": "1.9.1"},
        },
    )  # fmt: skip


def empty_analysis(video: str = "street.mp4") -> Analysis:
    """A film in which no face was found."""
    analysis = fake_analysis(6.0, 25.0, events=[], video=video)
    analysis.face, analysis.warnings = None, []
    analysis.curves[list(REGIONS)] = np.nan
    analysis.curves["observable"], analysis.curves["state"] = False, "no face"
    analysis.stretches = [Stretch("no face", 0, 150, 0.0, 6.0, False)]
    return analysis
