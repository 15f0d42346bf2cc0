"""From a measured interval to class probabilities, with the gates that the recognizer needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from merkit.analysis.measure import Measurement
from merkit.analysis.result import Recognition
from merkit.faces.geometry import CropGeometry
from merkit.inputs.flow_map import flow_to_map
from merkit.inputs.onset_apex_flow import amplitude_px200
from merkit.methods import load_shipped

LEAST_PX200 = 0.2
"""To this recognizer noise is something too: maps with a 95th percentile below this are not judged."""


class GatedRecognizer:
    """The shipped recognizer on measured flow.

    Parameters
    ----------
    name : str
        A method with shipped weights.
    """

    def __init__(self, name: str = "flow-svm") -> None:
        self._model: Any = load_shipped(name)
        self.card: dict[str, Any] = self._model.card

    def __call__(self, seen: Measurement) -> Recognition:
        """Class probabilities of one measured interval."""
        flow_map = flow_to_map(seen.flow)
        amplitude = amplitude_px200(flow_map, CropGeometry(seen.flow.shape[1]))
        chances = np.asarray(self._model.predict_maps(flow_map[None]))[0]
        classes = [str(c) for c in self._model.classes_]
        best = int(np.argmax(chances))
        reason = ""
        if amplitude < LEAST_PX200:
            reason = f"the motion is too small ({amplitude:.2f} px at a face width of 200 px)"
        elif chances[best] < self._model.abstain_below:
            reason = f"no class is likely enough (best {chances[best]:.0%})"
        return Recognition(
            label=classes[best],
            probabilities={c: float(p) for c, p in zip(classes, chances, strict=True)},
            abstained=bool(reason),
            reason=reason,
        )
