"""Which frames the variants without key-frame mining are given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.checks import one_of
from merkit.errors import ConfigError
from merkit.methods.akmnet.config import MINING, VARIANTS


def frames_for(
    variant: str, frames: NDArray[Any], *, count: int | None = None, rng: np.random.Generator | None = None
) -> NDArray[Any]:
    """The frames of a clip that a variant of AKMNet sees (paper, §IV-D and table IV).

    Parameters
    ----------
    variant : str
        ``va-random``: `count` frames drawn by `rng`, in their order; `count` is how many AKMNet chose in this
        clip, and the paper averages five draws.  ``va-norm``: `count` frames by temporal interpolation (TIM);
        16, 32, 64 and 128 in the paper.  Others: all.
    frames : array, shape (T, H, W)
    count : int, optional
    rng : numpy.random.Generator, optional

    Returns
    -------
    array, shape (T or count, H, W)
        Interpolated frames are floats, others as given.

    Raises
    ------
    ConfigError
        If the variant is unknown, or needs a `count` or `rng` that is missing or impossible.

    Examples
    --------
    >>> frames = np.arange(5)[:, None, None]
    >>> frames_for("va-random", frames, count=3, rng=np.random.default_rng(0)).ravel().tolist()
    [2, 3, 4]
    """
    one_of("variant", variant, VARIANTS)
    if variant in MINING or variant == "va-all":
        return frames
    if count is None or count < 1:
        raise ConfigError(f"variant {variant} with count={count}: give the number of frames, 1 or more")
    if variant == "va-norm":
        # Here, not above: the network's settings are read without OpenCV, which this package loads.
        from merkit.motion import resample_tim

        return resample_tim(frames, count)
    if rng is None or count > len(frames):
        raise ConfigError(f"variant va-random: give rng, and a count of up to {len(frames)}, not {count}")
    return frames[np.sort(rng.choice(len(frames), count, replace=False))]
