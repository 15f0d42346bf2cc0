"""The clip cache: what filling it and finding in it cost, and what the digest of the frames costs.

Writes a small tree in the form of CASME II with simulated faces, prepares it for flow-svm in processes of
its own, with an empty cache and again, and takes the parts of the work apart clip by clip.  Then arrays as
large as the inputs of networks are kept and found, as they are and packed by zip.

    python benchmarks/clip_cache.py [--clips 20] [--frames 30] [--workers 2] [--runs 3]
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import print_table, write_result

from merkit.cache import ClipCache, Step
from merkit.cache.key import content, key_of
from merkit.cache.record import pack, unpack
from merkit.clips import Clip
from merkit.datasets import read_dataset
from merkit.inputs.aligned import aligned_face
from merkit.methods import create_recognizer
from merkit.simulate.native import NativeClip, write_tree

SIZE = (640, 480)


def clips_of(count: int, frames: int) -> list[NativeClip]:
    """Clips of two for each person, onset to offset of so many frames."""
    names = ("happiness", "disgust", "surprise")
    return [
        NativeClip(
            f"{1 + place // 2:02}", f"EP{1 + place % 2:02}_1", 11, 11 + frames // 2, 10 + frames,
            names[place % 3], "4", first=6, last=15 + frames,
        )
        for place in range(count)
    ]  # fmt: skip


def write_clips(root: Path, count: int, frames: int) -> None:
    """Write a tree of so many clips; those after the second are copies in other bytes, to save time."""
    clips = clips_of(count, frames)
    write_tree("casme2", root, clips=clips, size=SIZE, style="faces", frames="none")
    write_tree("casme2", root / "two", clips=clips[:2], size=SIZE, style="faces")
    two = sorted((root / "two" / "CASME2_RAW_selected").glob("*/*"))
    for place, folder in enumerate(sorted((root / "CASME2_RAW_selected").glob("*/*"))):
        for file in two[place % 2].iterdir():
            # What follows the picture in a file is not looked at.
            (folder / file.name).write_bytes(file.read_bytes() + bytes([place]))


def seconds(do: Callable[..., Any], *given: Any, **how: Any) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    do(*given, **how)
    return time.perf_counter() - started


def prepare(root: Path, cache: Path, workers: int) -> float:
    """Seconds of ``merkit prepare`` from start to end of the program."""
    words = [sys.executable, "-m", "merkit", "prepare", "casme2", str(root), "--for", "flow-svm"]
    environment = {**os.environ, "MERKIT_CLIP_CACHE": str(cache)}
    return seconds(
        subprocess.run, [*words, "--workers", str(workers), "--quiet"], env=environment, check=True
    )


def parts(root: Path, folder: Path) -> dict[str, float]:
    """Median milliseconds a clip of each part of the work, in one process."""
    step = create_recognizer("flow-svm").step
    cache = ClipCache(folder)
    times: dict[str, list[float]] = {}
    for clip in read_dataset("casme2", root):
        start, stop = step.reach(clip)
        key = key_of(step, clip)
        done = step.of(clip)
        cache.put(step, clip, key, done)
        for name, work in {
            "digest of the frames": partial(content, clip.source, start, stop),
            "whole key": partial(key_of, step, clip),
            "decoding the frames": partial(getattr, clip, "frames"),
            "measuring": partial(step.of, clip),
            "keeping": partial(cache.put, step, clip, key, done),
            "finding, with its key": partial(_find, cache, step, clip),
        }.items():
            times.setdefault(name, []).append(seconds(work))
    return {name: round(1000 * statistics.median(values), 2) for name, values in times.items()}


def _find(cache: ClipCache, step: Step, clip: Clip) -> np.ndarray:
    return cache(step, clip).features["flow_map"]


def forms(root: Path, runs: int) -> list[dict[str, Any]]:
    """Size and times of arrays as large as inputs of networks, kept as they are and packed by zip."""
    face = aligned_face(next(iter(read_dataset("casme2", root))), colour="grey")
    flow = np.random.default_rng(0).normal(0, 1, (8, 2, 300, 245)).astype(np.float32)
    rows = []
    for name, array in {"crops, uint8": face.frames, "flow, float32": flow}.items():
        for form, write, read in (
            ("as it is", lambda a: pack({"a": a}, {}), lambda b: unpack(b, "").arrays["a"]),
            ("npz, packed", _packed, lambda b: np.load(io.BytesIO(b))["a"]),
        ):
            data = write(array)
            rows.append(
                {
                    "array": f"{name} {array.shape}",
                    "form": form,
                    "mb": round(len(data) / 1e6, 2),
                    "write_ms": round(1000 * min(seconds(write, array) for _ in range(runs)), 1),
                    "read_ms": round(1000 * min(seconds(read, data) for _ in range(runs)), 1),
                }
            )
    return rows


def _packed(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=array)
    return buffer.getvalue()


def main() -> None:
    """Measure, print and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "casme2"
        write_clips(root, options.clips, options.frames)
        cold = [prepare(root, Path(name) / f"cache{run}", options.workers) for run in range(options.runs)]
        warm = [prepare(root, Path(name) / f"cache{run}", options.workers) for run in range(options.runs)]
        result = {
            "clips": options.clips,
            "frames_a_clip": options.frames,
            "size": SIZE,
            "workers": options.workers,
            "cold_s": round(statistics.median(cold), 2),
            "warm_s": round(statistics.median(warm), 2),
            "ms_a_clip": parts(root, Path(name) / "parts"),
            "forms": forms(root, options.runs),
        }
    print_table([{"prepare": n, "seconds": result[n]} for n in ("cold_s", "warm_s")])
    print_table([{"part": n, "ms a clip": v} for n, v in result["ms_a_clip"].items()])
    print_table(result["forms"])
    print(write_result("clip_cache", result))


if __name__ == "__main__":
    main()
