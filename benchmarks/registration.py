"""How well is the head's motion found? Known shifts and turns of a portrait, with and without an expression.

Side by side in one run: the robust fit to the dense flow (what merkit uses), the same from one
mesh a frame, and masked ECC.  The residual is the difference between the rigid motion found and the
true one, root mean square over the face, in pixels of a face 200 px wide.

    python benchmarks/registration.py [--repeats 5] [--noise 2]
"""

from __future__ import annotations

import argparse
from typing import Any

import cv2
import numpy as np
import pandas as pd
from common import write_result
from numpy.typing import NDArray
from skimage.data import astronaut

from merkit.faces import load_face_models
from merkit.faces.crop import warp
from merkit.faces.geometry import (
    CropGeometry,
    compose,
    face_weights,
    grid_points,
    invert,
    rigid_weights,
    transform,
)
from merkit.faces.landmarks import eye_centres
from merkit.faces.reference import STEP, mask_radius, rigid_fit
from merkit.inputs.registration import register
from merkit.simulate.camera import Camera
from merkit.simulate.head_motion import HeadPose
from merkit.simulate.portrait import Portrait
from merkit.simulate.state import FaceState, Movement

SHIFTS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
TURNS = (0.1, 0.25, 0.5, 1.0, 2.0)
EXPRESSIONS = (None, "AU12", "AU4", "AU1+2")


def similarity(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Least-squares similarity (2, 3) from points a to points b."""
    za, zb = (p[:, 0] + 1j * p[:, 1] for p in (a, b))
    ca, cb = za.mean(), zb.mean()
    m = ((zb - cb) * np.conj(za - ca)).sum() / (np.abs(za - ca) ** 2).sum()
    t = cb - m * ca
    return np.array([[m.real, -m.imag, t.real], [m.imag, m.real, t.imag]])


def by_flow(still: Any, moved: Any, mesh: Any, geometry: CropGeometry) -> NDArray[np.float64]:
    matrix = geometry.matrix(eye_centres(mesh.points))
    zoom = np.hypot(matrix[0, 0], matrix[1, 0])
    landmarks = np.column_stack([transform(matrix, mesh.points), -mesh.depth * zoom])
    grid = grid_points(geometry.shape, STEP)
    fit, _ = rigid_fit(landmarks, grid, mask_radius(geometry))
    reference = warp(still, matrix, geometry)
    there, _ = register(reference, moved, matrix, geometry, fit, "dis")
    there = refine(reference, moved, there, geometry, fit)
    return compose(invert(there), matrix)


def refine(reference: Any, moved: Any, matrix: Any, geometry: CropGeometry, fit: Any) -> NDArray[np.float64]:
    """What the last fit says is left (merkit subtracts it from the flow instead of warping again)."""
    from merkit.motion.flow import optical_flow

    flow = optical_flow(reference, warp(moved, matrix, geometry))
    rigid = fit(flow[STEP // 2 :: STEP, STEP // 2 :: STEP].reshape(-1, 2))
    return compose(invert(rigid.matrix), matrix)


def by_ecc(still: Any, moved: Any, mask: Any) -> NDArray[np.float64]:
    start = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-6)
    try:
        _, found = cv2.findTransformECC(still, moved, start, cv2.MOTION_EUCLIDEAN, criteria, mask, 5)
    except cv2.error:
        return np.asarray(start, dtype=np.float64)
    return np.asarray(found, dtype=np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--noise", type=float, default=2.0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    models = load_face_models()
    picture = astronaut()
    portrait = Portrait.from_picture(picture, models.mesh(picture, models.detect(picture)[0]).points)
    camera = Camera(noise=options.noise, drift=0.0)
    geometry = CropGeometry()
    rng = np.random.default_rng(0)
    height, width = portrait.shape
    pixels = grid_points((height, width), 3)
    face = face_weights(portrait.points, pixels, 8.0) > 0.2
    mask = np.zeros((height, width), np.uint8)
    all_pixels = grid_points((height, width), 1)
    mask[rigid_weights(portrait.points, all_pixels, 8.0).reshape(height, width) > 0.3] = 255
    errors: dict[tuple[str, str, str], list[float]] = {}
    for expression in EXPRESSIONS:
        movements = () if expression is None else (Movement(portrait.field(expression), 2.0),)
        for label, sizes in (("shift", SHIFTS), ("turn", TURNS)):
            for size in sizes:
                for _ in range(options.repeats):
                    way = rng.uniform(0, 2 * np.pi)
                    head = (
                        HeadPose(size * np.cos(way), size * np.sin(way))
                        if label == "shift"
                        else HeadPose(angle_deg=size * rng.choice([-1, 1]))
                    )
                    still_rgb = camera.expose(portrait.render(FaceState()), 0.0, rng)
                    moved_rgb = camera.expose(portrait.render(FaceState(movements, head=head)), 0.0, rng)
                    still, moved = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (still_rgb, moved_rgb))
                    mesh = models.mesh(still_rgb, models.detect(still_rgb)[0])
                    mesh_after = models.mesh(moved_rgb, models.detect(moved_rgb)[0])
                    truth = transform(head.matrix(portrait.centre), pixels[face])
                    stable = rigid_weights(mesh.points, mesh.points.astype(float), 8.0) > 0.3
                    found = {
                        "flow fit": by_flow(still, moved, mesh, geometry),
                        "landmarks": similarity(mesh.points[stable], mesh_after.points[stable]),
                        "masked ECC": by_ecc(still, moved, mask),
                    }
                    for method, matrix in found.items():
                        error = transform(matrix, pixels[face]) - truth
                        key = (method, expression or "none", f"{label} {size:g}")
                        errors.setdefault(key, []).append(float(np.sqrt((error**2).sum(axis=1).mean())))
    rows = []
    for expression in ("none", *EXPRESSIONS[1:]):
        for label in [f"shift {s:g}" for s in SHIFTS] + [f"turn {t:g}" for t in TURNS]:
            row: dict[str, Any] = {"expression": expression, "motion": label}
            for method in ("flow fit", "landmarks", "masked ECC"):
                row[method] = float(np.sqrt(np.mean(np.square(errors[method, expression, label]))))
            rows.append(row)
    summary = {
        method: {
            kind: float(
                np.sqrt(np.mean([r[method] ** 2 for r in rows if (r["expression"] == "none") == plain]))
            )
            for kind, plain in (("without expression", True), ("with expression", False))
        }
        for method in ("flow fit", "landmarks", "masked ECC")
    }
    print(pd.DataFrame(rows).round(3).to_string(index=False))
    print(pd.DataFrame(summary).T.round(3).to_string())
    result = {"options": vars(options), "rows": rows, "summary": summary}
    print(write_result("registration", result, seeds=[0]).name)


if __name__ == "__main__":
    main()
