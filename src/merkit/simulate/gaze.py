"""Gaze in a picture: the iris slides within the open eye.

A picture does not show what lies behind the lids, so an eyeball cannot turn.  Instead what is seen in
the opening shifts smoothly: fully in the middle, not at all along the lids and in the corners.  For
the few degrees of a glance this is a pixel or two; the rim of the iris is bent a little at the lids.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.simulate.eyelids import Eyelid

Floats = NDArray[np.floating]

FARTHEST_YAW, FARTHEST_PITCH = 8.0, 5.0
"""Degrees; further the white of the eye would fold."""
_RADIUS = 0.4
"""Of an eyeball, in widths of the eye: 12 mm of 30 mm."""
_MARGIN = 0.35
"""Share of the opening, from each side, over which the shift fades."""
_EXACT = 1e-4
"""Change of the share at which its inverse is known well enough, a thousandth of a pixel or less."""


class Iris:
    """What is seen in the opening of one eye.

    Parameters
    ----------
    lid : Eyelid
        Of this eye.
    """

    def __init__(self, lid: Eyelid) -> None:
        self._lid = lid

    def shift(self, gaze: tuple[float, float]) -> NDArray[np.float64]:
        """How far the middle of the eye moves under a gaze of (yaw, pitch) degrees: (right, down), pixels.

        Raises
        ------
        ConfigError
            If the gaze goes too far.
        """
        for name, degrees, farthest in zip(
            ("yaw", "pitch"), gaze, (FARTHEST_YAW, FARTHEST_PITCH), strict=True
        ):
            if not abs(degrees) <= farthest:
                raise ConfigError(
                    f"gaze: a portrait cannot look {degrees:g} degrees away ({name}), at most {farthest:g}; "
                    "use the 3D head"
                )
        across, down = self._lid.axes
        yaw, pitch = np.sin(np.deg2rad(gaze))
        return np.asarray(_RADIUS * self._lid.width * (yaw * across - pitch * down))

    def moved(self, x: Floats, y: Floats, shift: Floats) -> tuple[Floats, Floats]:
        """Where neutral points go."""
        share = self._share(x, y)
        return x + share * shift[0], y + share * shift[1]

    def source(self, x: Floats, y: Floats, shift: Floats) -> tuple[Floats, Floats]:
        """Which neutral points come to ``x, y``: the inverse of :meth:`moved`."""
        share = self._share(x, y)
        # All moves along one line, on which the shares change by less than the way: this contracts.
        for _ in range(40):
            before, share = share, self._share(x - share * shift[0], y - share * shift[1])
            if np.abs(share - before).max() < _EXACT:
                break
        return x - share * shift[0], y - share * shift[1]

    def _share(self, x: Floats, y: Floats) -> Floats:
        along, below = self._lid.opening(x, y)
        return _fade(along) * _fade(1 - along) * _fade(below) * _fade(1 - below)


def _fade(inwards: Floats) -> Floats:
    t = np.clip(inwards / _MARGIN, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
