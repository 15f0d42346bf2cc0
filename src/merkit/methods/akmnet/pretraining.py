"""The network that AKMNet's backbone is pre-trained in: expressions in single pictures."""

from __future__ import annotations

from torch import Tensor, nn

from merkit.errors import DataError
from merkit.methods.akmnet.backbone import Backbone
from merkit.methods.akmnet.config import AKMNetSettings


class ExpressionNet(nn.Module):
    """Backbone, mean over the positions, linear classifier; the paper used AffectNet (§IV-B).

    Input (N, 1, S, S): grey faces, 0 to 1.  Output: logits (N, num_classes).  Give its ``state_dict()`` to
    :func:`merkit.training.pretrained.load_matching` with an AKMNet of the same settings: the backbone fits.

    Parameters
    ----------
    config : AKMNetSettings
    """

    def __init__(self, config: AKMNetSettings) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.widths)
        self.expression = nn.Linear(config.widths[3], config.num_classes)
        nn.init.xavier_normal_(self.expression.weight)
        nn.init.zeros_(self.expression.bias)

    def forward(self, faces: Tensor) -> Tensor:
        """Logits (N, num_classes) of faces (N, 1, S, S).

        Raises
        ------
        DataError
            If the shape of the faces is not one that the network takes.
        """
        size = self.config.size
        if faces.ndim != 4 or faces.shape[1:] != (1, size, size):
            raise DataError(
                f"ExpressionNet got faces of shape {tuple(faces.shape)}: give (N, 1, {size}, {size})"
            )
        out: Tensor = self.expression(self.backbone(faces).mean(dim=(2, 3)))
        return out
