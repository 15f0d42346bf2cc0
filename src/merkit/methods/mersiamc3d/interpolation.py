"""The network behind ``adaconv``: the frame halfway between two, each pixel by kernels of its own.

Adaptive separable convolution after Niklaus, Mai and Liu (ICCV 2017), small, as faces are aligned and motion
is of a few pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from merkit.errors import DataError

KERNEL = 13
"""Pixels of a kernel, 6 to each side."""
_CENTRE_BIAS = 8.0


class _Twice(nn.Sequential):
    """Two 3×3 convolutions with ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.ReLU(),
        )


class _Up(nn.Module):
    """Twice the size, a 3×3 convolution, and what an earlier layer saw at this size added."""

    def __init__(self, in_channels: int, out_channels: int, skipped: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(skipped, out_channels, 1)

    def forward(self, x: Tensor, skipped: Tensor) -> Tensor:
        """(N, Cin, h, w) and (N, skipped, 2h, 2w) to (N, Cout, 2h, 2w)."""
        larger = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return functional.relu(self.conv(larger) + self.skip(skipped))


class Interpolator(nn.Module):
    """The frame halfway between two grey ones.

    Input (N, 2, H, W), 0 to 1, H and W multiples of 8; output (N, 1, H, W).  A new one gives the mean of the
    two, to about 1 %.  Kernels and the blend sum to 1, so constant pictures and the range of values are kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([_Twice(2, 32), _Twice(32, 64), _Twice(64, 128)])
        self.middle = _Twice(128, 128)
        self.up = nn.ModuleList([_Up(128, 64, 128), _Up(64, 32, 64), _Up(32, 32, 32)])
        # Rows and columns of the kernels of the first frame, then of the second.
        self.kernels = nn.ModuleList(nn.Conv2d(32, KERNEL, 3, padding=1) for _ in range(4))
        self.blend = nn.Conv2d(32, 1, 3, padding=1)
        for head in [*self.kernels, self.blend]:
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        with torch.no_grad():
            for head in self.kernels:
                head.get_parameter("bias")[KERNEL // 2] = _CENTRE_BIAS

    def forward(self, x: Tensor) -> Tensor:
        """The frame between.

        Raises
        ------
        DataError
            If the shape of the input is not one that the network takes.
        """
        if x.ndim != 4 or x.shape[1] != 2 or x.shape[2] % 8 or x.shape[3] % 8 or min(x.shape[2:]) < 8:
            raise DataError(
                f"the interpolator got an input of shape {tuple(x.shape)}: give two grey frames "
                "(N, 2, H, W), H and W multiples of 8"
            )
        features, seen = x, []
        for block in self.down:
            seen.append(block(features))
            features = functional.avg_pool2d(seen[-1], 2)
        features = self.middle(features)
        for block, skipped in zip(self.up, reversed(seen), strict=True):
            features = block(features, skipped)
        kernels = [head(features).softmax(dim=1) for head in self.kernels]
        first = adaptive_convolution(x[:, :1], kernels[0], kernels[1])
        second = adaptive_convolution(x[:, 1:], kernels[2], kernels[3])
        share = torch.sigmoid(self.blend(features))
        return share * first + (1 - share) * second

    def between(self, one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float32]:
        """The frame (H, W) halfway between two (H, W), 0 to 1."""
        device = next(self.parameters()).device
        given = torch.from_numpy(np.stack([one, other]).astype(np.float32))[None].to(device)
        with torch.inference_mode():
            made: NDArray[np.float32] = self(given)[0, 0].cpu().numpy()
        return made


def adaptive_convolution(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Each pixel of a picture by a separable kernel of its own; the edge goes on beyond the picture.

    Parameters
    ----------
    image : tensor, shape (N, 1, H, W)
    rows, columns : tensors, shape (N, K, H, W)
        Weights of the K rows, and of the K columns, around each pixel; K is odd.

    Returns
    -------
    tensor, shape (N, 1, H, W)
    """
    size, height = rows.shape[1], image.shape[2]
    wide = functional.pad(image, [size // 2] * 4, mode="replicate")[:, 0]
    windows = wide.unfold(2, size, 1)  # (N, H + K - 1, W, K)
    across = columns.permute(0, 2, 3, 1)
    out = torch.zeros_like(image[:, 0])
    for row in range(size):
        out = out + rows[:, row] * (windows[:, row : row + height] * across).sum(dim=3)
    return out[:, None]
