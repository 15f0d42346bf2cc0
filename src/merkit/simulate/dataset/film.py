"""Filming one unit: its pictures, and the truth about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.simulate.dataset.plan import Unit, camera_of, perform, units_of
from merkit.simulate.dataset.settings import Settings
from merkit.simulate.dataset.streams import stream
from merkit.simulate.dataset.studio import PORTRAIT_ONLY, describe, make_engine
from merkit.simulate.dataset.subjects import Subject
from merkit.simulate.encoding import Picture
from merkit.simulate.performance import Performance
from merkit.simulate.state import Engine, FaceState

FORMAT = "merkit-clip-truth-1"


class Film:
    """One unit with the engine that draws it.

    Parameters
    ----------
    settings : Settings
    unit : Unit

    Attributes
    ----------
    performance : Performance
    engine : Engine
    states : list of FaceState
        One a frame.
    """

    def __init__(self, settings: Settings, unit: Unit) -> None:
        self.settings, self.unit = settings, unit
        self.engine = _engine(settings, unit.subject)
        self.performance: Performance = perform(settings, unit.subject, unit.number, unit.emotion)
        self.states: list[FaceState] = self.performance.states(self.engine)
        self._camera, self._clock = camera_of(settings, unit.subject, unit.number)

    def picture(self, position: int) -> Picture:
        """The frame at a position from 0, as the camera took it: (H, W, 3) RGB or (H, W) grey."""
        light = self.engine.render(self.states[position])
        place = self.unit.subject.number, self.unit.number, position
        rng = stream(self.settings.seed, "noise", *place)
        return self._camera.expose(light, self._clock + position / self.settings.fps, rng)

    def pictures(self) -> Iterator[Picture]:
        """All frames in order."""
        return (self.picture(position) for position in range(len(self.states)))

    def flow(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """True motion between two positions, and where it can be seen; see :class:`Engine`."""
        return self.engine.flow(self.states[start], self.states[stop])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The truth that is arrays.

        Returns
        -------
        dict
            ``landmarks`` (T, K, 2) float32, in pixels; for every event ``flow`` (H, W, 2) float32 from its
            onset to its apex and ``visible`` (H, W) bool (``flow_<k>`` and ``visible_<k>``, from 1, in
            long videos).  With the truth ``flow``, ``flows`` (T, H, W, 2) float16 and ``visibles``
            (T, H, W) bool from the reference frame (:attr:`reference`) to every frame.
        """
        found: dict[str, NDArray[Any]] = {
            "landmarks": np.stack([self.engine.landmarks(state) for state in self.states]).astype(np.float32)
        }
        for place, event in enumerate(self.performance.events, 1):
            ending = f"_{place}" if self.settings.long else ""
            flow, visible = self.flow(event.onset_frame, event.apex_frame)
            found[f"flow{ending}"], found[f"visible{ending}"] = flow, visible
        if self.settings.truth == "flow":
            motions = [self.flow(self.reference, position) for position in range(len(self.states))]
            found["flows"] = np.stack([flow for flow, _ in motions]).astype(np.float16)
            found["visibles"] = np.stack([visible for _, visible in motions])
        return found

    @property
    def reference(self) -> int:
        """Position from which the flow of every frame is taken: the onset of a clip, the start of a video."""
        return 0 if self.settings.long else self.performance.events[0].onset_frame

    def truth(self) -> dict[str, Any]:
        """The truth as plain data: everything that was planted, and how it was filmed."""
        settings, unit = self.settings, self.unit
        layout = settings.layout
        width, height = settings.size
        return {
            "format": FORMAT,
            "name": unit.name,
            "merkit": version("merkit"),
            "form": settings.layout_name,
            "seed": [settings.seed, unit.subject.number, unit.number],
            "frames": {
                "place": unit.place,
                "first": unit.first,
                "count": unit.n_frames,
                "fps": settings.fps,
                "width": width,
                "height": height,
                "encoding": {"suffix": settings.suffix, "quality": settings.quality, "crf": settings.crf},
                "reference_for_flows": unit.first + self.reference if settings.truth == "flow" else None,
            },
            "clips": [
                {
                    "id": layout.clip_id(clip),
                    "subject": layout.person_id(clip.subject),
                    "kind": kind,
                    "emotion": event.emotion,
                    "action_units": units_of(event),
                    "onset": unit.first + event.onset_frame,
                    "apex": unit.first + event.apex_frame,
                    "offset": unit.first + event.offset_frame,
                }
                for clip, kind, event in zip(unit.clips, unit.kinds, self.performance.events, strict=True)
            ],
            "subject": {
                name: value for name, value in asdict(unit.subject).items() if name not in PORTRAIT_ONLY
            },
            "engine": describe(settings, unit.subject, self.engine),
            "camera": {**asdict(self._camera), "clock_s": self._clock},
            "performance": self.performance.to_json(),
        }


# A worker films the clips of one person after another.
@lru_cache(maxsize=1)
def _engine(settings: Settings, subject: Subject) -> Engine:
    return make_engine(settings, subject)


def in_all(units: Sequence[Unit]) -> int:
    """Frames of some units together."""
    return sum(unit.n_frames for unit in units)
