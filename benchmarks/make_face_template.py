"""Make the mean face that the Haar fallback places: src/merkit/weights/face_template.npz.

The mesh of the three people in the test data (MERKIT_TEST_DATA), each person counting once, brought to
a common eye line and distance, averaged, and made symmetric.  Positions only: no picture is kept.

    python benchmarks/make_face_template.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from common import default_data
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from merkit.faces import load_face_models
from merkit.faces.landmarks import eye_centres
from merkit.video import open_video

ROOT = Path(__file__).resolve().parent.parent
PEOPLE = ("webcam_man_talking_400x300.mp4", "woman_expressions_640x360.mp4", "astronaut_512x512.png")
EVERY = 25
MOST_TURNED = 0.06
"""Distance of the nose from the middle between the eyes, in eye distances, that still counts as frontal."""


def main() -> None:
    data = default_data() / "videos"
    person = [np.mean(meshes(data / name), axis=0) for name in PEOPLE]
    mean = np.mean(person, axis=0)
    mirrored = mean * (-1.0, 1.0, 1.0)
    partner = linear_sum_assignment(np.linalg.norm(mean[:, None] - mirrored[None], axis=-1))[1]
    assert (partner[partner] == np.arange(468)).all(), "the mesh was not matched with its mirror image"
    assert partner[33] == 263, "the eyes were not matched"
    assert partner[61] == 291, "the lip corners were not matched"
    template = (mean + mirrored[partner]) / 2.0
    out = ROOT / "src" / "merkit" / "weights" / "face_template.npz"
    np.savez_compressed(
        out, points=template[:, :2].astype(np.float32), depth=template[:, 2].astype(np.float32)
    )
    print(f"{out.relative_to(ROOT)}: eyes at {np.round(eye_centres(template[:, :2]), 4).tolist()}")


def meshes(path: Path) -> list[NDArray[np.float64]]:
    """Frontal meshes (468, 3) of one person, eyes at (-0.5, 0) and (0.5, 0)."""
    models = load_face_models("blazeface", jitter=8)
    found = []
    for rgb in pictures(path):
        faces = models.detect(rgb)
        mesh = models.mesh(rgb, faces[0]) if faces else None
        if mesh is None:
            continue
        eyes = eye_centres(mesh.points)
        x, y = eyes[1] - eyes[0]
        distance = float(np.hypot(x, y))
        turn = np.array([[x, y], [-y, x]]) / distance**2
        points = (mesh.points - eyes.mean(axis=0)) @ turn.T
        if abs(points[1, 0]) < MOST_TURNED:
            found.append(np.column_stack([points, mesh.depth / distance]))
    return found


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    if path.suffix == ".png":
        from skimage.io import imread

        return [np.ascontiguousarray(imread(path)[..., :3])]
    with open_video(path) as reader:
        return [frame.rgb for frame in reader.frames() if frame.index % EVERY == 0]


if __name__ == "__main__":
    main()
