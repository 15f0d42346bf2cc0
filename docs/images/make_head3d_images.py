"""Make the contact sheets of the 3D head that the docs show.

python docs/images/make_head3d_images.py [HEAD_FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from merkit.simulate import FaceState, HeadPose, Movement
from merkit.simulate.head3d import Head, Light, Person, load_head_model

HERE = Path(__file__).parent
SIDE = 160
Frame = NDArray[np.uint8]


def shown(head: Head, state: FaceState, name: str = "") -> Frame:
    """A frame with its name."""
    frame = np.ascontiguousarray(np.rint(head.render(state)).astype(np.uint8))
    if name:
        for thickness, grey in ((3, 30), (1, 255)):
            cv2.putText(
                frame, name, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (grey,) * 3, thickness, cv2.LINE_AA
            )
    return frame


def save(rows: list[list[Frame]], name: str) -> None:
    """Save frames as one small picture."""
    sheet = np.vstack([np.hstack(row) for row in rows])
    Image.fromarray(sheet).quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(HERE / name, optimize=True)
    print(name, (HERE / name).stat().st_size)


def main(file: str | None) -> None:
    """Write ``head3d-people.png`` and ``head3d-states.png`` beside this file."""
    model = load_head_model(file)
    people = [Head.from_seed(model, seed, 0.53 * SIDE, (SIDE, SIDE)) for seed in range(14)]
    frames = [shown(head, FaceState()) for head in people]
    save([frames[:7], frames[7:]], "head3d-people.png")

    head = Head.from_seed(model, 7, 0.62 * SIDE, (SIDE, SIDE))
    units = ("AU1+2", "AU4", "AU6+12", "AU9", "AU10", "AU14", "AU15")
    exaggerated = [shown(head, FaceState((Movement(head.field(u), 5.0),)), f"{u}, 5 px") for u in units]
    states = {
        "half shut": FaceState(closure=(0.5, 0.5)),
        "wink": FaceState(closure=(0.0, 1.0)),
        "gaze": FaceState(gaze=(18.0, 6.0)),
        "yaw 20": FaceState(head=HeadPose(yaw_deg=20)),
        "pitch -12": FaceState(head=HeadPose(pitch_deg=-12)),
    }
    posed = [shown(head, state, name) for name, state in states.items()]
    lamps = {"lamp left": Light(azimuth_deg=70, ambient=0.2), "lamp above": Light(0, 75, softness=0.2)}
    who = Person.from_seed(7)
    lit = [
        shown(Head(model, who, lamp, 0.62 * SIDE, (SIDE, SIDE)), FaceState(), name)
        for name, lamp in lamps.items()
    ]
    save([exaggerated, posed + lit], "head3d-states.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
