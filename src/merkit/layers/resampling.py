"""Images turned, shifted, mirrored and cropped, all in the same way."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def resampled(images: Tensor, matrix: Sequence[Sequence[float]], size: int, padding: str) -> Tensor:
    """Images of one place as an affine map sees them, by bicubic interpolation.

    Parameters
    ----------
    images : float tensor, shape (..., H, W)
    matrix : 2 × 3 numbers
        From places in the result to places in the images, both from -1 to 1 from edge to edge, x before y.
    size : int
        Height and width of the result.
    padding : {"zeros", "border", "reflection"}
        What is beyond the edge.

    Returns
    -------
    float tensor, shape (..., size, size)

    Notes
    -----
    Bilinear interpolation would take noise and fine texture, a fifth of the strength of a fine dynamic image,
    from training clips alone: judged ones are not resampled.
    """
    theta = torch.tensor(matrix, dtype=torch.float32)
    grid = functional.affine_grid(theta[None], [1, 1, size, size], align_corners=False)
    # As the channels of one image: where each value comes from is worked out once for all.
    flat = images.reshape(1, -1, *images.shape[-2:])
    seen = functional.grid_sample(flat, grid, mode="bicubic", padding_mode=padding, align_corners=False)
    return seen.reshape(*images.shape[:-2], size, size)
