"""How many frames a second the engines draw, with 1 and 2 worker processes.

Each worker draws a long video with expressions, talk, blinks, gaze and turns of the head, at 256×256;
with and without the camera.  The head engine takes the head file, and is left out without it.

    python benchmarks/simulator_speed.py [--seconds 8] [--head FILE]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from common import default_data, print_table, write_result

from merkit.simulate import Camera, Engine, draw_video, load_portrait
from merkit.simulate.head3d import Head, load_head_model

SIZE, FACE_PX, FPS, BAR = (256, 256), 150.0, 60.0, 50.0


def portrait(_: Path | None) -> Engine:
    """The default picture."""
    return load_portrait(face_px=FACE_PX, size=SIZE)


def head(file: Path | None) -> Engine:
    """A person of the parametric head."""
    return Head.from_seed(load_head_model(file), 1, FACE_PX, SIZE)


ENGINES: dict[str, Callable[[Path | None], Engine]] = {"portrait": portrait, "head": head}


def draw(engine: str, file: Path | None, seconds: float, camera: bool, seed: int) -> tuple[int, float]:
    """Draw for so long; the number of frames and the time they took, without making the engine."""
    import cv2

    cv2.setNumThreads(1)
    drawn = ENGINES[engine](file)
    video = draw_video("casme-sq", FPS, 60, drawn.face_px, np.random.default_rng(seed), n_micro=3, n_macro=3)
    states = video.states(drawn)
    order = np.random.default_rng(seed).permutation(len(states))
    lens, rng = Camera(), np.random.default_rng(seed)
    drawn.render(states[0])
    started, frames = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        number = int(order[frames % len(order)])
        light = drawn.render(states[number])
        if camera:
            lens.expose(light, number / FPS, rng)
        frames += 1
    return frames, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=3)
    data = default_data()
    parser.add_argument("--head", type=Path, default=data / "face3d_ict" / "face3d_ict.npz")
    options = parser.parse_args()
    names = [name for name in ENGINES if name != "head" or options.head.exists()]
    rows = []
    for name in names:
        for workers in (1, 2):
            for camera in (False, True):
                rates = []
                for repeat in range(options.repeats):
                    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                        jobs = [
                            pool.submit(
                                draw, name, options.head, options.seconds, camera, 10 * repeat + worker
                            )
                            for worker in range(workers)
                        ]
                        rates.append(sum(frames / taken for frames, taken in (job.result() for job in jobs)))
                rows.append(
                    {
                        "engine": name,
                        "workers": workers,
                        "camera": "yes" if camera else "no",
                        "frames a second": round(median(rates), 1),
                        "least": round(min(rates), 1),
                        "most": round(max(rates), 1),
                    }
                )
    print_table(rows, f"{SIZE[0]}×{SIZE[1]}, face {FACE_PX:g} px; asked for: {BAR:g} with 2 workers")
    path = write_result(
        "simulator_speed",
        {"size": SIZE, "face_px": FACE_PX, "bar": BAR, "rows": rows},
        seeds=[10 * repeat + worker for repeat in range(options.repeats) for worker in range(2)],
    )
    print(f"saved {path.name}")


if __name__ == "__main__":
    main()
