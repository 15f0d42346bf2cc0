"""What can be seen at all: estimated flow against the true flow of simulated faces.

One expression is photographed still and at its apex, with fresh noise each time, and every backend
estimates the flow between the two.  The error is the mean length of the difference to the true flow
over the pixels that move by at least a tenth of the peak; predicting no motion at all is the line to
beat.  The gain is how much of the true motion comes out: the slope of estimated against true vectors.

    python benchmarks/simulator_flow.py [--engines portrait head] [--repeats 3] [--head FILE]
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from common import print_table, write_result
from rich.progress import track

from merkit.motion import optical_flow
from merkit.motion.flow import BACKENDS
from merkit.simulate import Camera, Engine, FaceState, Movement, load_portrait

PEAKS = (0.1, 0.25, 0.5, 1.0, 2.0)
NOISES = (0.0, 1.0, 2.0, 3.0)
UNITS = ("AU12", "AU4", "AU1+2", "AU7", "AU17")
SIZE, FACE_PX = (256, 256), 160.0
MOVES = 0.1
"""Share of the peak from which on a pixel counts as moving."""


def faces(engine: str, head: str | None, count: int) -> Iterator[Engine]:
    """Faces to photograph: the same portrait, or another head each."""
    if engine == "portrait":
        portrait = load_portrait(face_px=FACE_PX, size=SIZE)
        yield from itertools.repeat(portrait, count)
        return
    from merkit.simulate.head3d import Head, load_head_model

    model = load_head_model(head)
    for seed in range(count):
        yield Head.from_seed(model, seed, face_px=FACE_PX, size=SIZE)


def measure(face: Engine, units: str, peak: float, seed: int) -> list[dict[str, Any]]:
    """Error and gain of every backend at every noise, for one expression."""
    at_rest, moved = FaceState(), FaceState((Movement(face.field(units), peak),))
    flow, visible = face.flow(at_rest, moved)
    where = visible & (np.hypot(flow[..., 0], flow[..., 1]) >= MOVES * peak)
    true = flow[where].astype(np.float64)
    light = [face.render(state) for state in (at_rest, moved)]
    rows = []
    for noise in NOISES:
        camera, rng = Camera(noise=noise, drift=0.0), np.random.default_rng([seed, int(10 * noise)])
        first, second = (
            cv2.cvtColor(camera.expose(picture.copy(), 0.0, rng), cv2.COLOR_RGB2GRAY) for picture in light
        )
        row: dict[str, Any] = {"peak_px": peak, "noise": noise, "units": units}
        row["zero"] = {"epe": float(np.hypot(*true.T).mean()), "gain": 0.0}
        for backend in BACKENDS:
            found = optical_flow(first, second, backend)[where].astype(np.float64)
            row[backend] = {
                "epe": float(np.hypot(*(found - true).T).mean()),
                "gain": float((found * true).sum() / (true * true).sum()),
            }
        rows.append(row)
    return rows


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over expressions and faces, one row for each peak and noise."""
    table = []
    for peak, noise in itertools.product(PEAKS, NOISES):
        mine = [row for row in rows if row["peak_px"] == peak and row["noise"] == noise]
        line: dict[str, Any] = {"peak_px": peak, "noise": noise}
        for name in ("zero", *BACKENDS):
            for what in ("epe", "gain"):
                if name != "zero" or what == "epe":
                    line[f"{name} {what}"] = round(float(np.mean([row[name][what] for row in mine])), 4)
        table.append(line)
    return table


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=("portrait", "head"), default=["portrait", "head"])
    parser.add_argument("--repeats", type=int, default=3, help="other noise, and another head, each time")
    parser.add_argument("--head", help="file of the 3D head; where merkit finds one by default")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    result: dict[str, Any] = {"size": SIZE, "face_px": FACE_PX, "units": UNITS, "repeats": asked.repeats}
    for engine in asked.engines:
        rows: list[dict[str, Any]] = []
        work = [
            (face, units, peak, seed)
            for seed, face in enumerate(faces(engine, asked.head, asked.repeats))
            for units, peak in itertools.product(UNITS, PEAKS)
        ]
        for face, units, peak, seed in track(work, engine):
            rows += measure(face, units, peak, seed)
        result[engine] = summary(rows)
        print_table(result[engine], f"{engine}: error in px over the moving skin, and gain")
    print(write_result("simulator_flow", result, seeds=range(asked.repeats)))


if __name__ == "__main__":
    main()
