"""Is what the simulator states what it draws? Both engines against their own truth, and the 3D head's faces.

Portrait: a picture whose texture is a formula, rendered and computed.  3D head, with light that sticks
to the skin: the frame fetched along the stated flow against the reference frame; the flow where a point
lies on the centre of a pixel against the way of that point; there and back again.  At last, whether a
face detector takes its people for people, and how near the mesh comes to the true landmarks.

    python benchmarks/simulator_truth.py [--people 8] [--faces 50] [--head FILE]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
from common import print_table, proportion, write_result
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, map_coordinates

from merkit.faces import load_face_models
from merkit.faces.landmarks import LEFT_LIP_CORNER, RIGHT_LIP_CORNER, eye_centres, face_width
from merkit.simulate import FaceState, HeadPose, Movement, Portrait, load_portrait
from merkit.simulate.head3d import Head, HeadModel, load_head_model

STILL = FaceState()
UNITS = ("AU1+2", "AU4", "AU6", "AU12", "AU15", "AU26")
POSES = {
    "none": HeadPose(),
    "shift": HeadPose(0.5, 0.3),
    "sway": HeadPose(1.3, -0.8, 0.3, 1.004),
    "turn": HeadPose(yaw_deg=2, pitch_deg=-1),
}
MARGIN = 2
"""Pixels around the ends of surfaces, in either frame, that are left out: there a pixel shows two of them."""


def fetched(values: NDArray[Any], flow: NDArray[Any], order: int = 5) -> NDArray[np.float64]:
    """Values (height, width, K) looked up where the flow leads to."""
    rows, columns = np.mgrid[0 : values.shape[0], 0 : values.shape[1]].astype(float)
    there = [rows + flow[..., 1], columns + flow[..., 0]]
    channels = [
        map_coordinates(values[..., k].astype(float), there, order=order, mode="nearest")
        for k in range(values.shape[2])
    ]
    return np.stack(channels, -1)


def edges(head: Head, state: FaceState) -> NDArray[np.bool_]:
    """Pixels within the margin of where one surface ends before another."""
    distance, kind = head.seen(state)
    distance = np.where(np.isfinite(distance), distance, 1e3)
    edge = np.zeros(head.shape, bool)
    for axis in (0, 1):
        step = (np.abs(np.diff(distance, axis=axis)) > 1) | (np.diff(kind, axis=axis) != 0)
        for before in (0, 1):
            padding = [(0, 0), (0, 0)]
            padding[axis] = (before, 1 - before)
            edge |= np.pad(step, padding)
    return binary_dilation(edge, iterations=MARGIN)


def clear(
    head: Head, reference: FaceState, state: FaceState, flow: NDArray[Any], visible: NDArray[Any]
) -> NDArray[np.bool_]:
    """Pixels of the reference that show the head, away from the ends of its surfaces in both frames."""
    on_head = np.isfinite(head.seen(reference)[0])
    ends_there = fetched(edges(head, state)[..., None], flow, order=0)[..., 0] > 0
    rows, columns = np.mgrid[0 : head.shape[0], 0 : head.shape[1]]
    there = np.stack([columns, rows], -1) + flow
    inside = ((there >= 1) & (there <= np.array(head.shape[::-1]) - 2)).all(axis=-1)
    return on_head & visible & ~edges(head, reference) & ~ends_there & inside


def portrait_rows() -> list[dict[str, Any]]:
    """The portrait engine on a texture that is a formula."""
    face = load_portrait()
    height, width = face.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(float)

    def texture(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """Grey levels around 128, waves of 6 to 40 px."""
        waves = ((0.9, 0.4, 18), (-0.35, 0.8, 14), (0.15, 0.12, 30), (0.5, -0.6, 16))
        return 128 + sum(a * np.sin(u * x + v * y) for u, v, a in waves)

    def push(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        return np.exp(-0.5 * (((x - 190) / 30) ** 2 + ((y - 230) / 24) ** 2))

    # Not rounded to eight bits, which alone would be 0.25 grey levels.
    rgb = np.repeat(texture(columns, rows)[..., None], 3, axis=2)
    made = Portrait.from_picture(rgb, face.points, face_px=face.face_px)
    field = np.stack([0.6 * push(columns, rows), -0.8 * push(columns, rows)], -1).astype(np.float32)
    found = []
    for peak in (0.1, 0.5, 1.0, 2.0):
        for name, pose in (("none", HeadPose()), ("sway", POSES["sway"])):
            back = np.linalg.inv(np.vstack([pose.matrix(made.centre), [0, 0, 1]]))
            skin_x = back[0, 0] * columns + back[0, 1] * rows + back[0, 2]
            skin_y = back[1, 0] * columns + back[1, 1] * rows + back[1, 2]
            x, y = skin_x.copy(), skin_y.copy()
            for _ in range(60):
                x, y = skin_x - 0.6 * peak * push(x, y), skin_y + 0.8 * peak * push(x, y)
            frame = made.render(FaceState((Movement(field, peak),), head=pose))[..., 0]
            moving = push(columns, rows) > 0.2
            off = np.abs(frame - texture(x, y))[moving]
            found.append({"peak_px": peak, "pose": name, "grey_levels": float(off.mean()), "p99": _high(off)})
    return found


def head_rows(model: HeadModel, people: int, side: int) -> list[dict[str, Any]]:
    """The 3D head: fetched frames against reference frames, by movement and pose."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for seed in range(people):
        head = Head.from_seed(model, seed, 0.55 * side, (side, side), fixed_light=True)
        reference, on_head = head.render(STILL), np.isfinite(head.seen(STILL)[0])
        for unit in UNITS:
            for name, pose in POSES.items():
                state = FaceState((Movement(head.field(unit), 2.0),), head=pose)
                frame = head.render(state)
                flow, visible = head.flow(STILL, state)
                off = np.abs(fetched(frame, flow) - reference).mean(axis=-1)
                still = np.abs(frame - reference).mean(axis=-1)
                back, _ = head.flow(state, STILL)
                left = np.linalg.norm(flow + fetched(back, flow, order=1), axis=-1)
                seen = on_head & visible
                clean = clear(head, STILL, state, flow, visible)
                found.setdefault((unit, name), []).append(
                    {
                        "grey_levels": float(off[clean].mean()),
                        "unwarped": float(still[clean].mean()),
                        "all_visible": float(off[seen].mean()),
                        "margin_share": float(1 - clean.sum() / seen.sum()),
                        "closure_px": float(left[clean].mean()),
                        "closure_p99_px": _high(left[clean]),
                        "closed_to_0.02": float((left[clean] < 0.02).mean()),
                    }
                )
    return [
        {"side": side, "units": unit, "pose": pose}
        | {key: float(np.mean([one[key] for one in each])) for key in each[0]}
        | {"worst_person": max(one["grey_levels"] for one in each)}
        for (unit, pose), each in found.items()
    ]


def point_error(model: HeadModel, people: int, points: int = 40) -> dict[str, float]:
    """Flow at a pixel against the way of the point on its centre, largest and mean difference in px."""
    off, beyond = [], 0
    for seed in range(people):
        head = Head.from_seed(model, seed, 140, (256, 256))
        smile = Movement(head.field("AU12"), 2.0)
        rng = np.random.default_rng(seed)
        inside = (np.abs(head.positions(STILL)[:, :2] - 127.5) < 120).all(axis=1)
        candidates = head.visible_points[inside[head.visible_points]]
        for point in rng.choice(candidates, points, replace=False):
            x, y, _ = head.positions(STILL)[point]
            centred = HeadPose(float(np.rint(x) - x), float(np.rint(y) - y))
            turned = replace(centred, angle_deg=0.4, yaw_deg=1.0)
            reference, state = FaceState(head=centred), FaceState((smile,), head=turned)
            row, column = int(np.rint(y)), int(np.rint(x))
            distance = head.positions(reference)[point, 2]
            if abs(head.seen(reference)[0][row, column] - distance) > 1e-6:
                # At the very edge of a lid or a lip, the pixel shows what is beyond it.
                beyond += 1
                continue
            flow, _ = head.flow(reference, state)
            way = (head.positions(state) - head.positions(reference))[point, :2]
            off.append(float(np.hypot(*(flow[row, column] - way))))
    return {
        "points": len(off),
        "beyond_an_edge": beyond,
        "mean_px": float(np.mean(off)),
        "largest_px": float(np.max(off)),
    }


def faces(model: HeadModel, people: int, side: int) -> dict[str, Any]:
    """How many people the detector finds, and how far the mesh is from the true landmarks."""
    models = load_face_models("blazeface")
    hits, eye_off, lip_off, widths, missed = 0, [], [], [], []
    for seed in range(people):
        head = Head.from_seed(model, seed, 0.55 * side, (side, side))
        frame = np.rint(head.render(STILL)).astype(np.uint8)
        found = models.detect(frame)
        mesh = models.mesh(frame, found[0]) if len(found) == 1 else None
        if mesh is None:
            missed.append(seed)
            continue
        hits += 1
        marks = head.landmarks(STILL)
        eyes = np.array([marks[[36, 39]].mean(axis=0), marks[[42, 45]].mean(axis=0)])
        eye_off += np.linalg.norm(eye_centres(mesh.points) - eyes, axis=1).tolist()
        corners = mesh.points[[RIGHT_LIP_CORNER, LEFT_LIP_CORNER]]
        lip_off += np.linalg.norm(corners - marks[[48, 54]], axis=1).tolist()
        widths.append(face_width(mesh.points) / head.face_px)
    return {
        "side": side,
        "face_px": 0.55 * side,
        "found": proportion(hits, people),
        "missed_seeds": missed,
        "eye_centre_px": {"mean": float(np.mean(eye_off)), "p95": float(np.percentile(eye_off, 95))},
        "lip_corner_px": {"mean": float(np.mean(lip_off)), "p95": float(np.percentile(lip_off, 95))},
        "mesh_width_over_face_px": {"mean": float(np.mean(widths)), "std": float(np.std(widths))},
    }


def _high(values: NDArray[Any]) -> float:
    return float(np.percentile(values, 99))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--faces", type=int, default=50)
    parser.add_argument("--head", help="head file; else the one that merkit uses")
    options = parser.parse_args()
    model = load_head_model(options.head)
    portrait = portrait_rows()
    print_table(portrait, "Portrait engine on a formula: grey levels off")
    heads = [row for side in (256, 128) for row in head_rows(model, options.people, side)]
    print_table(heads, f"3D head, fixed light, {MARGIN} px from edges: grey levels off")
    points = point_error(model, options.people)
    print(points)
    found = [faces(model, options.faces, side) for side in (256, 128)]
    print(*found, sep="\n")
    result = {
        "portrait": portrait,
        "portrait_worst_grey_levels": max(row["grey_levels"] for row in portrait),
        "head3d": heads,
        "head3d_worst_grey_levels": max(row["worst_person"] for row in heads),
        "head3d_margin_px": MARGIN,
        "points": points,
        "faces": found,
    }
    print(write_result("simulator_truth", result, range(max(options.people, options.faces))))


if __name__ == "__main__":
    main()
