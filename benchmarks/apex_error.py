"""How far each finder's apex is off, and the onset and offset found in longer clips.

Clips are those of SynthME-1, at every level; nothing was tuned on them.  The error of an apex is to the
annotated frame, where the movement is first full.  Beside the finders stands the middle of the clip, which
costs nothing.

No clip of the benchmark has much time around its expression, so for onset and offset clips of its levels are
drawn with another seed and 10 to 60 frames before the onset and after the offset; there the first frame of
the clip is the reference.

    python benchmarks/apex_error.py [--subjects 8] [--sizes 128 64] [--longer 4] [--seed 4242] [--workers 2]

Intervals: bootstrap over people, 95 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import cv2
import numpy as np
import pandas as pd
from common import print_table, write_result

from merkit.clips import Clip
from merkit.errors import DataError
from merkit.inputs.aligned import FLOW_CROP, aligned_face
from merkit.inputs.apex_finders import FINDERS, find_apex
from merkit.inputs.face_motion import FaceMotion
from merkit.inputs.interval import find_interval
from merkit.simulate import simulate_table
from merkit.simulate.synthme import LEVELS, synthme_settings
from merkit.video.sources import ArrayFrames

NEAR, LONGER = "clips", "longer clips"
MIDDLE = "middle of the clip"
OF_FLOW = ("course", "flow", "flow-regions")
"""Finders that look at flow, which is measured once for them."""
INTERVALS = ("course", "flow", "flow-regions", "difference", "lbp")
CONTEXT = (10, 60)
BOOTSTRAP = 2000


def in_memory(clip: Clip) -> Clip:
    """The same clip, its frames drawn once."""
    frames = clip.source.read(0, len(clip.source))
    return replace(clip, source=ArrayFrames(frames, clip.source.numbers))


def apexes(level: str, size: int, subjects: int) -> Iterator[dict[str, Any]]:
    """Errors in frames, one row a clip and finder; a clip without a found face is one row."""
    table = simulate_table(synthme_settings(level, size, subjects=subjects))
    for place in range(len(table)):
        clip = in_memory(table[place])
        about = {"level": level, "size": size, "subject": clip.subject, "fps": clip.fps}
        try:
            face = aligned_face(clip, FLOW_CROP, colour="grey")
        except DataError:
            yield {**about, "finder": None, "off": None}
            continue
        motion = FaceMotion.of(face)
        first, last = clip.ends
        true = clip.index(clip.apex or 0) - first
        yield {**about, "finder": MIDDLE, "off": (last - first + 1) // 2 - true}
        for name in FINDERS:
            found = find_apex(motion if name in OF_FLOW else face, name, fps=clip.fps)
            yield {**about, "finder": name, "off": found - true}


def intervals(level: str, subjects: int, seed: int) -> Iterator[dict[str, Any]]:
    """Errors of onset, apex and offset in frames, one row a clip and finder."""
    settings = synthme_settings(level, subjects=subjects, seed=seed)
    settings = replace(settings, recipe=replace(settings.recipe, context=CONTEXT))  # type: ignore[type-var]
    table = simulate_table(settings)
    for place in range(len(table)):
        clip = in_memory(table[place])
        first, last = clip.ends
        true = np.array([first, clip.index(clip.apex or 0), last])
        whole = replace(clip, onset=None, apex=None, offset=None)
        about = {"level": level, "subject": clip.subject, "n_frames": len(clip.source)}
        try:
            face = aligned_face(whole, FLOW_CROP, colour="grey")
        except DataError:
            yield {**about, "finder": None}
            continue
        motion = FaceMotion.of(face)
        length = len(face.frames)
        rows = {"middle third of the clip": np.array([length / 3, length / 2, 2 * length / 3]).round()}
        for name in INTERVALS:
            found = find_interval(motion if name in OF_FLOW else face, name, fps=clip.fps)
            assert found is not None, "a noisy clip is never still"
            rows[name] = np.array([found.onset, found.apex, found.offset])
        for name, marks in rows.items():
            off = dict(zip(("onset", "apex", "offset"), (marks - true).tolist(), strict=True))
            shared = max(0, min(marks[2], last) - max(marks[0], first) + 1)
            union = max(marks[2], last) - min(marks[0], first) + 1
            yield {**about, "finder": name, **off, "iou": shared / union}


def measured(job: tuple[str, str, int, int, int]) -> list[dict[str, Any]]:
    """The rows of one level; runs in a process of its own."""
    cv2.setNumThreads(1)
    kind, level, size, subjects, seed = job
    return list(apexes(level, size, subjects) if kind == NEAR else intervals(level, subjects, seed))


def mean_with_interval(part: pd.DataFrame, column: str) -> dict[str, float | list[float]]:
    """Mean of the absolute values, with the bootstrap interval over people."""
    values = part[column].abs()
    sums = values.groupby(part.subject).agg(["sum", "count"]).to_numpy()
    picks = np.random.default_rng(0).integers(0, len(sums), (BOOTSTRAP, len(sums)))
    drawn = sums[picks].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    return {"mean": round(float(values.mean()), 3), "ci95": [round(float(low), 3), round(float(high), 3)]}


def apex_summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One row for each size, level and finder."""
    rows = []
    for (size, level, finder), part in table.groupby(["size", "level", "finder"], sort=False):
        ms = 1000.0 / float(part.fps.iloc[0])
        found = mean_with_interval(part, "off")
        rows.append(
            {
                "size": size,
                "level": level,
                "finder": finder,
                "clips": len(part),
                "mean_frames": found["mean"],
                "ci95_frames": found["ci95"],
                "median_frames": float(part.off.abs().median()),
                "mean_ms": round(float(found["mean"]) * ms, 1),  # type: ignore[arg-type]
                "bias_frames": round(float(part.off.mean()), 2),
                "beyond_40_ms": round(float((part.off.abs() * ms > 40).mean()), 3),
            }
        )
    return rows


def interval_summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One row for each level and finder."""
    rows = []
    for (level, finder), part in table.groupby(["level", "finder"], sort=False):
        row: dict[str, Any] = {"level": level, "finder": finder, "clips": len(part)}
        for mark in ("onset", "apex", "offset"):
            row[mark] = mean_with_interval(part, mark)
            row[f"{mark}_median"] = float(part[mark].abs().median())
        rows.append({**row, "iou_at_least_half": round(float((part.iou >= 0.5).mean()), 3)})
    return rows


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--subjects", type=int, default=8, help="of SynthME-1, 12 clips each")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 64])
    parser.add_argument("--longer", type=int, default=4, help="people in the longer clips")
    parser.add_argument("--seed", type=int, default=4242, help="of the longer clips")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    jobs = [
        *((LONGER, level, 0, asked.longer, asked.seed) for level in LEVELS),
        *((NEAR, level, size, asked.subjects, 0) for size in asked.sizes for level in LEVELS),
    ]
    tables: dict[str, list[pd.DataFrame]] = {NEAR: [], LONGER: []}
    with ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn")) as pool:
        for job, rows in zip(jobs, pool.map(measured, jobs), strict=True):
            print(*job)
            tables[job[0]].append(pd.DataFrame(rows))
    near, far = (pd.concat(tables[kind]) for kind in (NEAR, LONGER))
    result = {
        "subjects": asked.subjects,
        "fps": 100.0,
        "no_face": int(near.finder.isna().sum()),
        "apex": apex_summary(near.dropna(subset=["finder"])),
        "longer": {
            "subjects": asked.longer,
            "context_frames": CONTEXT,
            "frames": [int(far.n_frames.min()), int(far.n_frames.max())],
            "no_face": int(far.finder.isna().sum()),
        },
        "interval": interval_summary(far.dropna(subset=["finder"])),
    }
    print_table([{k: v for k, v in row.items() if k != "ci95_frames"} for row in result["apex"]], "apex")
    shown = [
        {k: v["mean"] if isinstance(v, dict) else v for k, v in row.items()} for row in result["interval"]
    ]
    print_table(shown, "onset, apex and offset in longer clips")
    print(write_result("apex_error", result, seeds=[asked.seed]).name)


if __name__ == "__main__":
    main()
