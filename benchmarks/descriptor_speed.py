"""How fast descriptors and temporal steps are, side by side with loops as one would first write them.

Clips of 64 frames of 128×128.  Both versions are held to each other first, then timed in turns, one
thread each; a speed is the median of the repeats.  Asked for: LBP-TOP and HOOF five times as fast as the
loop, all others as fast.

    python benchmarks/descriptor_speed.py [--repeats 5] [--only WORD]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from common import print_table, write_result
from plain import descriptors as plain
from plain import temporal as plain_temporal
from scipy.ndimage import gaussian_filter

from merkit.descriptors import bi_woof, fhofo, higo, hoof, lbp_sip, lbp_top, mdmo
from merkit.descriptors.blocks import block_map
from merkit.motion.dynamic_image import approximate_rank_pooling, exact_rank_pooling
from merkit.motion.interpolate import resample_linear, resample_tim

FRAMES, SIDE, SEED = 64, 128, 0
FIVE_TIMES = ("LBP-TOP", "HOOF")


class Pair(NamedTuple):
    """One thing done in two ways, and how far apart the results may lie: total difference over total."""

    name: str
    ours: Callable[[], np.ndarray]
    loop: Callable[[], np.ndarray]
    apart: float
    against: str


def clip_and_flow(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A soft picture in which a part moves and all is noisy, uint8; and a smooth flow of one pixel."""
    picture = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 2)
    part = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 8)
    time_course = np.sin(np.linspace(0, np.pi, FRAMES))[:, None, None]
    clean = 128 + 40 * picture / picture.std() + 8 * time_course * part / part.std()
    frames = np.rint(clean + 2 * rng.normal(size=clean.shape)).clip(0, 255).astype(np.uint8)
    field = gaussian_filter(rng.normal(size=(SIDE, SIDE, 2)), (6, 6, 0))
    flow = time_course[1:, ..., None] * field / field.std() + 0.1 * rng.normal(
        size=(FRAMES - 1, SIDE, SIDE, 2)
    )
    return frames, flow.astype(np.float32)


def pairs(frames: np.ndarray, flow: np.ndarray) -> list[Pair]:
    """Everything that is timed."""
    regions = block_map((SIDE, SIDE), 6, 6)
    means = plain_temporal.running_means(frames)
    earlier, later = np.triu_indices(FRAMES, 1)
    weight = 0.1 * float(
        np.mean([((means[q] - means[t]) ** 2).sum() for t, q in zip(earlier, later, strict=True)])
    )
    slices, blocks, paper = "scikit-image, slice by slice", "NumPy, block by block", "as the paper writes it"
    return [
        Pair(
            "LBP-TOP, 4 neighbours, radii 1",
            lambda: lbp_top(frames, (5, 5), (1, 1, 1), 4),
            lambda: plain.lbp_top(frames, (5, 5), 1, 4),
            1e-12,
            slices,
        ),
        Pair(
            "LBP-TOP, 8 neighbours, radii 3",
            lambda: lbp_top(frames, (5, 5), (3, 3, 3), 8),
            lambda: plain.lbp_top(frames, (5, 5), 3, 8),
            1e-12,
            slices,
        ),
        Pair(
            "LBP-SIP",
            lambda: lbp_sip(frames),
            lambda: plain.lbp_sip(frames, (5, 5), (1, 1, 4)),
            1e-12,
            blocks,
        ),
        Pair("HIGO", lambda: higo(frames), lambda: plain.higo(frames, (8, 8), 8), 1e-12, blocks),
        Pair("HOOF", lambda: hoof(flow, (5, 5)), lambda: plain.hoof(flow, (5, 5), 8), 1e-4, blocks),
        Pair(
            "FHOFO", lambda: fhofo(flow, (5, 5)), lambda: plain.fhofo(flow, (5, 5), 8, 36, 10.0), 1e-4, blocks
        ),
        Pair(
            "Bi-WOOF, every frame",
            lambda: bi_woof(flow),
            lambda: plain.bi_woof(flow, (6, 6), 8),
            1e-4,
            blocks,
        ),
        Pair(
            "MDMO, 36 regions",
            lambda: mdmo(flow, regions),
            lambda: plain.mdmo(flow, regions),
            1e-3,
            "NumPy, region by region",
        ),
        Pair(
            "TIM to 10 frames",
            lambda: resample_tim(frames, 10),
            lambda: plain_temporal.tim(frames, 10),
            1e-10,
            paper,
        ),
        Pair(
            "linear to 10 frames",
            lambda: resample_linear(frames, 10),
            lambda: plain_temporal.linear(frames, 10),
            1e-12,
            "np.interp, pixel by pixel",
        ),
        Pair(
            "dynamic image, approximate",
            lambda: approximate_rank_pooling(frames),
            lambda: plain_temporal.approximate_rank_pooling(frames),
            1e-9,
            paper,
        ),
        Pair(
            "dynamic image, exact",
            lambda: exact_rank_pooling(frames, 0.1),
            lambda: plain_temporal.exact_rank_pooling(frames, weight, 1e-5),
            5e-2,
            "scikit-learn on pairs",
        ),
    ]


def seconds(do: Callable[[], Any]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose name holds this word")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    frames, flow = clip_and_flow(np.random.default_rng(SEED))
    rows = []
    for pair in pairs(frames, flow):
        if options.only.lower() not in pair.name.lower():
            continue
        ours, loop = pair.ours(), pair.loop()
        # Vectors along the edge of a bin may fall to either side of it, so not the largest difference.
        apart = float(np.abs(ours - loop).sum() / np.abs(loop).sum())
        if not apart <= pair.apart:
            raise SystemExit(f"{pair.name}: the two ways differ by {apart:.1e} of the whole")
        taken = [(seconds(pair.ours), seconds(pair.loop)) for _ in range(options.repeats)]
        quick, slow = (median(column) for column in zip(*taken, strict=True))
        least = 5.0 if pair.name.startswith(FIVE_TIMES) else 1.0
        rows.append(
            {
                "what": pair.name,
                "clips a second": round(1 / quick, 1),
                "loop": round(1 / slow, 2),
                "times": round(slow / quick, 1),
                "asked for": least,
                "met": "yes" if slow / quick >= least else "NO",
                "apart": f"{apart:.0e}",
                "against": pair.against,
            }
        )
    print_table(rows, f"{FRAMES} frames of {SIDE}×{SIDE}, one thread, median of {options.repeats}")
    if not options.only:
        path = write_result(
            "descriptor_speed",
            {"frames": FRAMES, "side": SIDE, "repeats": options.repeats, "rows": rows},
            [SEED],
        )
        print(f"saved {path.name}")


if __name__ == "__main__":
    main()
