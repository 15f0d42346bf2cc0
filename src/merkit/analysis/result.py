"""What an analysis of one video returns: events, curves, the face track, and how to save them.

All frame numbers are 0-based positions in the decoded video; all times come from the container's
timestamps, in seconds from the first frame.  Motion is given twice: in pixels of the video, and in
``px200``, pixels when the face is scaled to a width of 200 px, so that videos can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

Kind = Literal["micro", "macro"]
REGIONS: tuple[str, ...] = ("brows", "lids", "nose", "cheeks", "lip corners", "lips", "chin")
CLASSES: tuple[str, ...] = ("negative", "positive", "surprise")


@dataclass(frozen=True)
class RegionMotion:
    """Motion of one facial region from onset to apex.

    Parameters
    ----------
    name : str
        One of :data:`REGIONS`.
    side : str
        ``"left"``, ``"right"`` (of the person) or ``"both"``.
    motion_px, motion_px200 : float
        Length of the mean displacement, in pixels of the video and at a face width of 200 px.
    direction_deg : float
        Direction in the picture, 0 to 360: 0 is right, 90 is up, 180 is left, 270 is down.
    words : str
        The same in words, for example ``"up and outwards"``.
    """

    name: str
    side: str
    motion_px: float
    motion_px200: float
    direction_deg: float
    words: str


@dataclass(frozen=True)
class KeyFrames:
    """The frames of an event by which a recognizer judged it.

    Parameters
    ----------
    chosen : tuple of int
        Their numbers in the video.
    frames : tuple of int
        Numbers of all frames from which it chose; empty where a rule places them.
    scores : tuple of float
        One for each of `frames`: the higher, the more it speaks for the event; empty where it does not say.
    synthesised : tuple of int
        Those of `chosen` that the recognizer made, as they lie between recorded frames or stand in for them;
        the nearest numbers.
    draws : int
        How often it judged by frames drawn around them as well.
    """

    chosen: tuple[int, ...]
    frames: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    synthesised: tuple[int, ...] = ()
    draws: int = 0


@dataclass(frozen=True)
class Segment:
    """A part of an event and how much it counts for a recognizer, as a share of 1 over all parts.

    ``whole`` is true for all of the event, where that is weighed beside its parts.
    """

    start_frame: int
    stop_frame: int
    weight: float
    whole: bool = False


@dataclass(frozen=True)
class Recognition:
    """What the event looks like to the recognizer.

    ``label`` is always the most probable class; ``abstained`` says that it should not be relied on,
    and ``reason`` says why (empty when not abstained).  ``key_frames`` is ``None`` for recognizers that
    choose none.  ``action_units`` has the probability of each unit that a recognizer looks for and has
    learnt, ``segments`` the parts that it weighs, which may overlap; both are empty for others.
    """

    label: str
    probabilities: dict[str, float]
    abstained: bool
    reason: str = ""
    key_frames: KeyFrames | None = None
    action_units: dict[str, float] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True)
class ActionUnitEvidence:
    """An action unit that the measured motion is consistent with: evidence, not a fact."""

    au: str
    name: str
    because: str


@dataclass(frozen=True)
class EventPictures:
    """Encoded pictures of one event, ready to be embedded (never raw arrays, to keep memory flat).

    ``onset`` and ``apex`` are JPEG, ``flow`` is PNG, ``loop`` is an animated WebP in which the
    motion is exaggerated ``gain`` times.
    """

    onset: bytes
    apex: bytes
    flow: bytes
    loop: bytes
    gain: float


@dataclass(frozen=True)
class Event:
    """One found expression.

    ``score`` is the peak motion divided by the noise of the same region in the same video;
    ``recognition`` is ``None`` for macro-expressions, which recognizers are not trained on, and where a
    recognizer refused the frames, as one of ``warnings`` then says.
    """

    onset_frame: int
    apex_frame: int
    offset_frame: int
    onset_s: float
    apex_s: float
    offset_s: float
    kind: Kind
    score: float
    recognition: Recognition | None
    regions: tuple[RegionMotion, ...]
    action_units: tuple[ActionUnitEvidence, ...] = ()
    warnings: tuple[str, ...] = ()
    pictures: EventPictures | None = field(default=None, repr=False, compare=False)

    @property
    def duration_s(self) -> float:
        """Time from onset to offset in seconds."""
        return self.offset_s - self.onset_s


@dataclass(frozen=True)
class Stretch:
    """A stretch of video that is not an event but matters to the reader.

    ``kind`` is one of ``"blink"``, ``"speech"``, ``"head motion"``, ``"no face"``, ``"hidden"``,
    ``"cut"``.  ``observable`` is false where a micro-expression could not have been seen.
    """

    kind: str
    start_frame: int
    stop_frame: int
    start_s: float
    stop_s: float
    observable: bool


@dataclass
class Analysis:
    """Everything found in one video.

    Attributes
    ----------
    video : str
        File name without folders.
    fps, n_frames, duration_s, width, height
        Of the decoded video (after rotation).  ``fps`` is the mean rate.
    face : dict or None
        ``width_px`` (median), ``found_fraction``, ``observable_fraction``, ``detector``,
        ``n_faces`` (most seen at once), ``chosen`` (index by size); ``None`` when no face was found.
    events : list of Event
        In order of onset.
    stretches : list of Stretch
    curves : pandas.DataFrame
        One row a frame: ``frame, time_s``, one column a region (px200 of motion against the local
        baseline), ``head_px200_s`` (rigid speed of the head), ``observable`` (bool), ``state``.
    track : pandas.DataFrame
        One row a frame: ``frame, time_s, x, y, w, h`` (face box in video pixels, NaN without a
        face), ``segment`` (-1 without a face), ``angle_deg``.
    warnings : list of str
        One line each, worded for the reader of the report.
    provenance : dict
        merkit version, parameters, model card, file hash, libraries.
    """

    video: str
    fps: float
    n_frames: int
    duration_s: float
    width: int
    height: int
    face: dict[str, Any] | None
    events: list[Event]
    stretches: list[Stretch]
    curves: pd.DataFrame
    track: pd.DataFrame
    warnings: list[str]
    provenance: dict[str, Any]

    # The report package builds on this one; its functions are here too, where people look for them.

    def __str__(self) -> str:
        """What was found, in one line."""
        from merkit.report.words import one_line

        return f"{self.video}: {one_line(self)}"

    def to_frame(self) -> pd.DataFrame:
        """One row an event, as in ``events.csv``."""
        from merkit.report import events_frame

        return events_frame(self)

    def to_json(self, path: str | Path | None = None) -> dict[str, Any]:
        """What ``events.json`` holds, as plain data; written to `path` if one is given."""
        from merkit.report import events_json
        from merkit.report.export import events_text
        from merkit.saving import write_whole

        if path is not None:
            write_whole(path, events_text(self))
        return events_json(self)

    def to_csv(self, path: str | Path) -> Path:
        """Write one row an event."""
        from merkit.saving import write_whole

        return write_whole(path, self.to_frame().to_csv(index=False))

    def save_report(self, path: str | Path, *, no_faces: bool = False) -> Path:
        """Write the report, one HTML file that opens offline.

        Parameters
        ----------
        path : str or Path
        no_faces : bool
            Keep pictures of the person out of it.
        """
        from merkit.report import report_html
        from merkit.saving import write_whole

        return write_whole(path, report_html(self, no_faces=no_faces))

    def plot(self) -> Any:
        """The timeline as a plotly figure."""
        from merkit.report import timeline_figure

        return timeline_figure(self)
