"""What distinguishes a frame from the neutral face, and what draws it: the nouns that both engines share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from merkit.simulate.action_units import Side
from merkit.simulate.head_motion import HeadPose


@dataclass(frozen=True, eq=False)
class Movement:
    """Action units at work: what :meth:`Engine.field` gave for them, and its peak in pixels.

    Only the engine that made a field can use it.
    """

    field: NDArray[np.float32]
    peak_px: float


@dataclass(frozen=True, eq=False)
class FaceState:
    """Everything that distinguishes one frame from the neutral face.

    Parameters
    ----------
    movements : tuple of Movement
        They add up.
    closure : (right, left)
        How far the eyes of the person are closed, 0 to 1.
    head : HeadPose
    gaze : (yaw, pitch)
        Turn of both eyes in degrees, to the person's left and upwards.
    """

    movements: tuple[Movement, ...] = ()
    closure: tuple[float, float] = (0.0, 0.0)
    head: HeadPose = field(default_factory=HeadPose)
    gaze: tuple[float, float] = (0.0, 0.0)


class Engine(Protocol):
    """What draws a face in any :class:`FaceState`, and knows how each of its points moves."""

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)`` of the frames."""
        ...

    @property
    def face_px(self) -> float:
        """Width of the neutral face in the frames, in pixels."""
        ...

    def field(self, action_units: str, side: Side = "both", asymmetry: float = 0.0) -> NDArray[Any]:
        """How the face moves under some action units, scaled so that the longest vector is 1 px."""
        ...

    def render(self, state: FaceState) -> NDArray[np.float32]:
        """The frame of a state without camera: (height, width, 3), grey levels 0 to 255."""
        ...

    def flow(self, reference: FaceState, state: FaceState) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """True motion between two states, and where it can be seen.

        Returns
        -------
        flow : array (height, width, 2) float32
            ``(u right, v down)`` in pixels, at the pixels of the frame of ``reference``.
        visible : array (height, width) bool
            False where what is seen in ``reference`` is hidden in ``state``.
        """
        ...

    def landmarks(self, state: FaceState) -> NDArray[np.float64]:
        """Where the engine's landmarks are in the frame of a state, (K, 2) in pixels."""
        ...
