"""From a measured interval to class probabilities, with the gates that a recognizer needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from merkit.analysis.face_clip import face_clip
from merkit.analysis.measure import Measurement
from merkit.analysis.result import KeyFrames, Recognition, Segment
from merkit.analysis.scan import Scan
from merkit.analysis.spotting import Interval
from merkit.errors import ConfigError, DataError
from merkit.faces.geometry import CropGeometry
from merkit.inputs.flow_map import flow_to_map
from merkit.inputs.onset_apex_flow import amplitude_px200
from merkit.methods import Recognizer, load_recognizer, load_shipped

LEAST_PX200 = 0.2
"""To a recognizer noise is something too: maps with a 95th percentile below this are not judged."""
_IN_VIDEOS = {"frames", "sequence", "apex"}
"""What a clip of a video carries."""


class Judgement(NamedTuple):
    """What a recognizer says of an event; without a recognition, why there is none."""

    recognition: Recognition | None
    warning: str = ""


class Judge(Protocol):
    """Says which class an event resembles.

    Attributes
    ----------
    card : dict
        Of the recognizer behind it.
    """

    card: dict[str, Any]

    def __call__(self, reader: Any, scan: Scan, found: Interval, seen: Measurement) -> Judgement:
        """Judge one interval that was found in a video and measured again."""
        ...


def judge_by(recognizer: str | Path | Recognizer | None) -> Judge:
    """The judge for a recognizer: the shipped one by default, or the folder of another, or that itself.

    Raises
    ------
    DataError
        If the folder holds no sound model.
    ConfigError
        If the recognizer needs of a clip what a video does not have.
    """
    if recognizer is None:
        return GatedRecognizer()
    if isinstance(recognizer, str | Path):
        recognizer = load_recognizer(recognizer)
    return ClipRecognizer(recognizer)


class GatedRecognizer:
    """The shipped recognizer, on the flow that was measured.

    Parameters
    ----------
    name : str
        A method with shipped weights.
    """

    def __init__(self, name: str = "flow-svm") -> None:
        self._model: Any = load_shipped(name)
        self.card: dict[str, Any] = self._model.card

    def __call__(self, reader: Any, scan: Scan, found: Interval, seen: Measurement) -> Judgement:
        """Class probabilities of one measured interval; the video is not looked at again."""
        flow_map = flow_to_map(seen.flow)
        return Judgement(gated(self._model, self._model.predict_maps(flow_map[None])[0], seen))


class ClipRecognizer:
    """Any recognizer, on the frames of the event around the face.

    Parameters
    ----------
    recognizer : Recognizer
        Trained.

    Raises
    ------
    ConfigError
        If it has not been trained, or needs of a clip what a video does not have.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        if not hasattr(recognizer, "classes_"):
            raise ConfigError(
                f"this {recognizer.name} has not been trained: call fit first, or load a trained one"
            )
        for needed in recognizer.requires:
            if not _IN_VIDEOS.intersection(needed.split(" or ")):
                raise ConfigError(
                    f"this {recognizer.name} needs {needed} of every clip, and a video has frames alone: "
                    "give a recognizer that was trained on frames"
                )
        self._model = recognizer
        self.card: dict[str, Any] = {
            "method": recognizer.name,
            "classes": [str(name) for name in recognizer.classes_],
            **recognizer.card,
        }

    def __call__(self, reader: Any, scan: Scan, found: Interval, seen: Measurement) -> Judgement:
        """Class probabilities of one event; none and a warning if the recognizer refuses its frames."""
        try:
            clip = face_clip(reader, scan, found)
            chances = self._model.predict_proba([clip])[0]
            told = self._model.explain([clip])[0]
        except DataError as error:
            return Judgement(None, f"The recognizer could not judge this event: {error}.")
        return Judgement(gated(self._model, chances, seen, told))


def gated(
    model: Any, chances: NDArray[np.floating], seen: Measurement, told: Mapping[str, Any] | None = None
) -> Recognition:
    """What a recognizer says, and whether it should be relied on.

    Parameters
    ----------
    model : Recognizer
        With ``abstain_below`` where it knows when it is unsure.
    chances : float array, shape (K,)
        In the order of its classes.
    seen : Measurement
        Says how far the skin moved.
    told : mapping, optional
        What its ``explain`` says of the event.
    """
    amplitude = amplitude_px200(flow_to_map(seen.flow), CropGeometry(seen.flow.shape[1]))
    classes = [str(name) for name in model.classes_]
    best = int(np.argmax(chances))
    reason = ""
    if amplitude < LEAST_PX200:
        reason = f"the motion is too small ({amplitude:.2f} px at a face width of 200 px)"
    elif chances[best] < getattr(model, "abstain_below", 0.0):
        reason = f"no class is likely enough (best {chances[best]:.0%})"
    return Recognition(
        label=classes[best],
        probabilities={name: float(chance) for name, chance in zip(classes, chances, strict=True)},
        abstained=bool(reason),
        reason=reason,
        **_rests_on(told or {}),
    )


def _rests_on(told: Mapping[str, Any]) -> dict[str, Any]:
    """What of an explanation the report shows."""
    unlearnt = set(told.get("aus_unlearnt", ()))
    segments = [
        Segment(int(part["frames"][0]), int(part["frames"][1]), float(part["weight"]))
        for part in told.get("segments", ())
    ]
    whole = told.get("whole_clip_weight")
    if whole is not None and segments:
        first, last = segments[0].start_frame, segments[-1].stop_frame
        segments.append(Segment(first, last, float(whole), whole=True))
    return {
        "key_frames": _key_frames(told),
        "action_units": {
            name: float(chance) for name, chance in told.get("aus", {}).items() if name not in unlearnt
        },
        "segments": tuple(segments),
    }


def _key_frames(told: Mapping[str, Any]) -> KeyFrames | None:
    """The frames by which a recognizer judged, if it chose some; onset, apex and offset are known anyway."""
    chosen = told.get("key_frames")
    if chosen is None or isinstance(chosen, Mapping):
        return None
    return KeyFrames(
        chosen=tuple(round(number) for number in chosen),
        frames=tuple(int(number) for number in told.get("frames", ())),
        scores=tuple(float(score) for score in told.get("scores", ())),
        synthesised=tuple(round(number) for number in told.get("synthesised", ())),
        draws=int(told.get("draws", 0)),
    )
