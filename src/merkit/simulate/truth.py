"""The truth beside a simulated video: what was planted, exactly, and how it was filmed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from merkit.errors import DataError
from merkit.saving import write_whole
from merkit.simulate.camera import Camera
from merkit.simulate.head_motion import HeadMotion, HeadPose
from merkit.simulate.portrait import Portrait
from merkit.simulate.scenario import PlantedBlink, PlantedEvent
from merkit.simulate.state import FaceState, Movement

FORMAT = "merkit-truth-1"


@dataclass(frozen=True)
class Truth:
    """Everything that was planted into a video.

    ``poses`` has one head pose a frame; ``encoding`` says how the video was compressed; ``face`` is
    the name of the picture and ``face_px`` the width of the face in the frames.
    """

    video: str
    seed: int
    fps: float
    n_frames: int
    width: int
    height: int
    face: str
    face_px: float
    events: tuple[PlantedEvent, ...]
    blinks: tuple[PlantedBlink, ...]
    camera: Camera
    head_motion: HeadMotion
    poses: tuple[HeadPose, ...]
    encoding: dict[str, Any]
    version: str

    def states(self, portrait: Portrait) -> list[FaceState]:
        """The state of the face in every frame; render them, or ask for the true flow between two."""
        fields = [portrait.field(e.action_units, e.side, e.asymmetry) for e in self.events]
        frames = np.arange(self.n_frames)
        strengths = [event.peak_px * event.time_course.intensity(frames) for event in self.events]
        closure = np.zeros(self.n_frames)
        for blink in self.blinks:
            closure = np.maximum(closure, blink.time_course.intensity(frames))
        return [
            FaceState(
                tuple(
                    Movement(field, float(strength[n]))
                    for field, strength in zip(fields, strengths, strict=True)
                    if strength[n] > 0
                ),
                (float(closure[n]), float(closure[n])),
                self.poses[n],
            )
            for n in frames
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain data: seconds beside the frames, head poses as one list a quantity."""
        plain: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        for moment in [*plain["events"], *plain["blinks"]]:
            for key in [key for key in moment if key.endswith("_frame")]:
                moment[key.replace("_frame", "_s")] = round(moment[key] / self.fps, 6)
        plain["poses"] = {
            name: [getattr(pose, name) for pose in self.poses]
            for name in ("shift_x", "shift_y", "angle_deg", "scale")
        }
        return plain

    def save(self, path: Path) -> None:
        """Write the truth as JSON; the file appears whole or not at all."""
        plain = self.to_json()
        poses = plain.pop("poses")
        lines = json.dumps(plain, indent=2)[:-2]
        columns = ",\n".join(f'    "{name}": {json.dumps(values)}' for name, values in poses.items())
        write_whole(path, f'{lines},\n  "poses": {{\n{columns}\n  }}\n}}\n')

    @classmethod
    def load(cls, path: str | Path) -> Truth:
        """Read what :meth:`save` wrote."""
        path = Path(path)
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
            raise DataError(f"truth file {path}: cannot be read ({problem})") from problem
        if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
            raise DataError(f"truth file {path}: not a {FORMAT} file; simulate the video again")
        poses = zip(*plain["poses"].values(), strict=True)
        planted = {
            name: tuple(
                kind(**{key: value for key, value in moment.items() if not key.endswith("_s")})
                for moment in plain[name]
            )
            for name, kind in (("events", PlantedEvent), ("blinks", PlantedBlink))
        }
        return cls(
            **{
                **plain,
                **planted,
                "camera": Camera(**plain["camera"]),
                "head_motion": HeadMotion(**plain["head_motion"]),
                "poses": tuple(HeadPose(*pose) for pose in poses),
            }
        )
