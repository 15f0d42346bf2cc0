"""Pictures of strong expressions for pre-training, drawn with the 3D head: one folder a class.

Classes are those of SynthME-1 and the neutral face, with its units, in frames as it has them; its 24 people
are not among those who are drawn.  Everything else varies as in photographs: pose, gaze, light, camera.

    python benchmarks/expression_pictures.py OUT [--people 100] [--each 3]
    merkit pretrain akmnet OUT -o start

Needs the parametric head (``merkit head``, or MERKIT_HEAD).
"""

from __future__ import annotations

import argparse
import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from merkit.saving import write_whole
from merkit.simulate import Camera, FaceState, HeadPose, Movement, synthme_settings
from merkit.simulate.dataset.subjects import Subject, draw_subject
from merkit.simulate.head3d import Head, HeadModel, load_head_model
from merkit.simulate.synthme import Patterns

SEED, SIZE, RAISED, FACE_PX = 88001, 128, 0.08, 200.0
PEAK_PX = (8.0, 20.0)
"""Longest displacement on a face 200 px wide, even on a logarithmic scale."""
NEUTRAL = "neutral"
_SHIFT, _ANGLE, _SCALE, _YAW, _PITCH = 0.03, 3.0, 0.04, 6.0, 4.0
_GAZE, _LIDS, _ASYMMETRY = 6.0, 0.15, 0.3
_NOISE, _BLUR = (0.5, 3.0), (0.3, 0.8)


def draw_people(count: int) -> list[Subject]:
    """People of another seed than SynthME-1, none of whom has the face of one of its 24."""
    fixed = synthme_settings()
    width = (fixed.face_share[0] * SIZE, fixed.face_share[1] * SIZE)
    known = {draw_subject(fixed.seed, number, width).identity for number in range(fixed.subjects)}
    people = [draw_subject(SEED, number, width) for number in range(count)]
    if known & {who.identity for who in people}:
        raise SystemExit("somebody of SynthME-1 was drawn; choose another seed")
    return people


def pose(rng: np.random.Generator, face_px: float) -> HeadPose:
    """A head as it comes, looking roughly into the camera."""
    shift = rng.uniform(-_SHIFT, _SHIFT, 2) * face_px
    angle, scale, yaw, pitch = rng.uniform(-1, 1, 4) * (_ANGLE, _SCALE, _YAW, _PITCH)
    return HeadPose(shift[0], shift[1] - RAISED * face_px, angle, 1 + scale, yaw, pitch)


def pictures(
    model: HeadModel, who: Subject, each: int
) -> Iterator[tuple[str, str, float, NDArray[np.uint8]]]:
    """Class, action units, peak on a face 200 px wide, and the picture."""
    rng = np.random.default_rng([SEED, who.number])
    head = Head.from_seed(model, who.identity, who.face_px, (SIZE, SIZE))
    own: dict[str, Patterns] = {**dict(synthme_settings().recipe.own), NEUTRAL: ()}
    for name, patterns in own.items():
        for _ in range(each):
            movements, units, peak = (), "", 0.0
            if patterns:
                shares = np.array([share for _, share in patterns])
                units = patterns[rng.choice(len(patterns), p=shares / shares.sum())][0]
                peak = float(np.exp(rng.uniform(*np.log(PEAK_PX))))
                field = head.field(f"AU{units}", "both", round(float(rng.uniform(-1, 1)) * _ASYMMETRY, 2))
                movements = (Movement(field, peak * who.face_px / FACE_PX),)
            lids = float(rng.uniform(0, _LIDS))
            gaze = rng.uniform(-_GAZE, _GAZE, 2)
            state = FaceState(movements, (lids, lids), pose(rng, who.face_px), (gaze[0], gaze[1] / 2))
            camera = Camera(noise=float(rng.uniform(*_NOISE)), blur=float(rng.uniform(*_BLUR)), drift=0.0)
            yield name, units, round(peak, 2), camera.expose(head.render(state), 0.0, rng)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder, made if missing")
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--each", type=int, default=3, help="pictures of a class of each person")
    options = parser.parse_args()
    model = load_head_model()
    rows = []
    for who in draw_people(options.people):
        for number, (name, units, peak, picture) in enumerate(pictures(model, who, options.each)):
            file = options.out / name / f"person{who.number + 1:03}_{number:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            content = io.BytesIO()
            Image.fromarray(picture).save(content, "png")
            write_whole(file, content.getvalue())
            rows.append([file.relative_to(options.out).as_posix(), name, units, peak])
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([["file", "class", "action_units", "peak_px200"], *rows])
    write_whole(options.out / "pictures.csv", table.getvalue())
    print(f"{len(rows)} pictures of {options.people} people, seed {SEED}")


if __name__ == "__main__":
    main()
