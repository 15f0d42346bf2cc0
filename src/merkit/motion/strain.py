"""Optical strain: how much a flow field stretches and shears the skin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def strain_tensor(
    flow: NDArray[np.floating],
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Infinitesimal strain (e_xx, e_yy, e_xy) of a flow field by central differences.

    Parameters
    ----------
    flow : float array, shape (H, W, 2)
        ``(u right, v down)`` in pixels.

    Returns
    -------
    tuple of three float arrays, shape (H, W)
        Dimensionless.  ``e_xy = (du/dy + dv/dx) / 2`` (Shreve et al., FG 2011).
    """
    du_dy, du_dx = np.gradient(flow[..., 0])
    dv_dy, dv_dx = np.gradient(flow[..., 1])
    return du_dx, dv_dy, 0.5 * (du_dy + dv_dx)


def strain(flow: NDArray[np.floating]) -> NDArray[np.floating]:
    """Magnitude of the optical strain, the shear counted twice.

    ``sqrt(e_xx^2 + e_yy^2 + e_xy^2 + e_yx^2)``, the four-term form (Liong et al., 2014).

    Parameters
    ----------
    flow : float array, shape (H, W, 2)
        ``(u right, v down)`` in pixels.

    Returns
    -------
    float array, shape (H, W)

    Examples
    --------
    A uniform stretch ``u = a x`` has strain ``|a|`` everywhere, a shift has none:

    >>> import numpy as np
    >>> x = np.tile(np.arange(5.0), (4, 1))
    >>> float(strain(np.stack([-0.1 * x, np.zeros_like(x)], axis=-1)).round(12).max())
    0.1
    >>> float(strain(np.ones((4, 5, 2))).max())
    0.0
    """
    e_xx, e_yy, e_xy = strain_tensor(flow)
    return np.sqrt(e_xx**2 + e_yy**2 + 2.0 * e_xy**2)
