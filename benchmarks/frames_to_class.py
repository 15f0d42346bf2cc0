"""From raw frames to a class: simulated clips through the input steps and the shipped recognizer.

Every clip is a portrait that performs one expression, with a head that sways and a camera with noise.
The shipped flow-svm learnt from published maps of real faces alone.  Measured are the share of right
classes, how far the estimated apex is off, and the seconds a clip takes.

    python benchmarks/frames_to_class.py [--repeats 4] [--noise 2]

The faces are the portrait of scikit-image and, where MERKIT_TEST_DATA has them, one frame each of two videos.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from common import default_data, proportion, write_result
from rich.progress import track

from merkit.clips import Clip
from merkit.inputs.apex import apex_of
from merkit.inputs.onset_apex_flow import FlowSettings, onset_apex_flow
from merkit.methods import load_shipped
from merkit.simulate import Camera, FaceState, HeadMotion, Movement, Portrait, TimeCourse, load_portrait
from merkit.video.open import open_video

CLASS_OF = {"AU12": "positive", "AU4": "negative", "AU1+2": "surprise"}
FACE_PX = (60, 100, 200)
PEAKS = (0.5, 1.0, 2.0)
"""Pixels of a face 200 px wide."""
SIDES = ("both", "left", "right", "both")
KINDS = ((100.0, False), (200.0, False), (100.0, False), (100.0, True))
"""Frames a second, and whether there is a blink somewhere, of four clips alike."""
VARIANTS = {
    "default": FlowSettings(),
    "single frames": FlowSettings(average_s=0.0),
    "dis-fine": FlowSettings(backend="dis-fine"),
}
ESTIMATED = "estimated apex"
VIDEOS = ("webcam_man_talking_400x300.mp4", "woman_expressions_640x360.mp4")


def portraits(folder: Path) -> dict[str, dict[int, Portrait]]:
    """Every face in every width."""
    data = default_data() / "videos"
    pictures: dict[str, Path | None] = {"scikit-image portrait": None}
    for video in VIDEOS:
        if (data / video).is_file():
            frame = next(iter(open_video(data / video).frames(5, 6)))
            pictures[video] = folder / f"{video}.png"
            cv2.imwrite(str(pictures[video]), frame.rgb[..., ::-1])
    return {
        name: {px: load_portrait(file, px, (2 * px, round(2.2 * px))) for px in FACE_PX}
        for name, file in pictures.items()
    }


def film(
    face: Portrait, units: str, side: str, peak: float, fps: float, noise: float, blink: bool, seed: int
) -> Clip:
    """A clip with two still frames before its onset and behind its offset."""
    rng = np.random.default_rng(seed)
    rise, hold, fall = (0.13 * rng.uniform(0.7, 1.4), 0.02, 0.2 * rng.uniform(0.7, 1.4))
    onset = 2
    apex = onset + round(rise * fps)
    release = apex + round(hold * fps)
    course = TimeCourse(onset, apex, release, release + round(fall * fps))
    scale = face.face_px / 200
    length = course.offset + 3
    poses = HeadMotion(1.5 * scale, 0.3, 0.004).path(length, fps, rng)
    field = face.field(units, side, float(rng.uniform(-0.3, 0.3)))  # type: ignore[arg-type]
    closing = onset + rng.uniform(0.1, 0.9) * (course.offset - onset)
    camera, frames = Camera(noise=noise), []
    for t in range(length):
        px = float(course.intensity(t)) * peak * scale
        closed = max(0.0, 1 - abs(t - closing) / (0.1 * fps)) if blink else 0.0
        state = FaceState((Movement(field, px),) if px > 0 else (), (closed, closed), poses[t])
        frames.append(camera.expose(face.render(state), t / fps, rng))
    return Clip.from_array(
        np.stack(frames), fps=fps, onset=onset, apex=apex, offset=course.offset, id=f"{units}-{seed}"
    )


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--noise", type=float, default=2.0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    model: Any = load_shipped("flow-svm")

    def judged(clip: Clip, settings: FlowSettings) -> str:
        values = onset_apex_flow(clip, settings).flow_map.values
        return str(model.classes_[model.predict_maps(values[None])[0].argmax()])

    with tempfile.TemporaryDirectory() as folder:
        faces = portraits(Path(folder))
    rows: list[dict[str, Any]] = []
    plan = [
        (name, px, peak, units, repeat)
        for name in faces
        for px in FACE_PX
        for peak in PEAKS
        for units in CLASS_OF
        for repeat in range(options.repeats)
    ]
    for seed, (name, px, peak, units, repeat) in enumerate(track(plan)):
        fps, blink = KINDS[repeat % 4]
        side = SIDES[repeat % 4]
        clip = film(faces[name][px], units, side, peak, fps, options.noise, blink, seed)
        row = {"face": name, "px": px, "peak": peak, "units": units, "side": side, "fps": fps, "blink": blink}
        started = time.perf_counter()
        found = apex_of(clip, "estimated").number
        row |= {
            "apex_ms": (found - (clip.apex or 0)) / fps * 1000,
            "apex_s": time.perf_counter() - started,
        }
        for variant, settings in VARIANTS.items():
            started = time.perf_counter()
            row[variant] = judged(clip, settings) == CLASS_OF[units]
            row[f"{variant} s"] = time.perf_counter() - started
        row[ESTIMATED] = judged(replace(clip, apex=found), FlowSettings()) == CLASS_OF[units]
        rows.append(row)
    table = pd.DataFrame(rows)
    result = {"options": vars(options), "faces": list(faces), **summary(table)}
    print(write_result("frames_to_class", result, seeds=range(len(plan))).name)


def summary(table: pd.DataFrame) -> dict[str, Any]:
    """Shares and errors by what they depend on."""
    # Errors are to the start of the plateau; an apex found on it is right.
    table["off"] = np.where((table.apex_ms > 0) & (table.apex_ms <= 20), 0.0, table.apex_ms.abs())
    calm = table[~table.blink]
    shares = [
        {"face_px": px, "peak_px200": peak, "units": units, **proportion(int(part.default.sum()), len(part))}
        for (px, peak, units), part in calm.groupby(["px", "peak", "units"], sort=False)
    ]
    seen = calm[calm.peak >= 1]
    sides = [
        {"units": units, "side of the person": side, **proportion(int(part.default.sum()), len(part))}
        for (units, side), part in seen.groupby(["units", "side"], sort=False)
    ]
    variants, apex = [], []
    for (blink, px, peak), part in table.groupby(["blink", "px", "peak"]):
        about = {"blink": bool(blink), "face_px": px, "peak_px200": peak, "n": len(part)}
        right = {v: round(float(part[v].mean()), 3) for v in (*VARIANTS, ESTIMATED)}
        variants.append({**about, **right})
        errors = {
            "mean_ms": round(float(part.off.mean()), 1),
            "median_ms": round(float(part.off.median()), 1),
            "mean_frames": round(float((part.off * part.fps / 1000).mean()), 2),
            "beyond_40_ms": round(float((part.off > 40).mean()), 3),
        }
        apex.append({**about, **errors})
    seconds = {
        "with annotated apex": round(float(table["default s"].median()), 3),
        "estimating the apex": round(float(table["apex_s"].median()), 3),
    }
    for name, rows in (("shares", shares), ("sides", sides), ("variants", variants), ("apex", apex)):
        print(name, pd.DataFrame(rows).to_string(index=False), sep="\n")
    print(seconds)
    return {
        "shares": shares,
        "sides": sides,
        "variants": variants,
        "apex": apex,
        "median_seconds_a_clip": seconds,
    }


if __name__ == "__main__":
    main()
