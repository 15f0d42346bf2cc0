"""Which frame of a clip is the apex: as annotated, or estimated from its motion and marked so."""

from __future__ import annotations

from dataclasses import dataclass, replace

from merkit.checks import one_of
from merkit.clips import Clip
from merkit.errors import AnnotationError, DataError
from merkit.faces import FaceModels
from merkit.inputs.aligned import FLOW_CROP, aligned_face
from merkit.inputs.apex_finders import APEX_FINDER, find_apex

__all__ = ["APEX", "Apex", "apex_of", "find_apex", "with_apex"]

APEX = ("auto", "annotated", "estimated")


@dataclass(frozen=True)
class Apex:
    """Which frame of a clip is its apex, and how that is known.

    Attributes
    ----------
    number : int
        Annotated number of the frame.
    note : str
        How and why it was estimated; empty for an annotated one.
    """

    number: int
    note: str = ""

    @property
    def origin(self) -> str:
        """``"annotated"`` or ``"estimated"``."""
        return "estimated" if self.note else "annotated"


def apex_of(
    clip: Clip, use: str = "auto", *, method: str = APEX_FINDER, face: str = "detect",
    models: FaceModels | None = None,
) -> Apex:  # fmt: skip
    """The apex of a clip.

    Parameters
    ----------
    clip : Clip
    use : {"auto", "annotated", "estimated"}
        ``"auto"`` takes the annotated apex and estimates one where there is none that can be: none at all,
        one that is the onset, or a frame that is not there.  ``"annotated"`` refuses such a clip.
        ``"estimated"`` estimates it for every clip.
    method : str
        See :func:`~merkit.inputs.apex_finders.find_apex`.
    face, models
        See :func:`~merkit.inputs.aligned.aligned_face`.

    Raises
    ------
    AnnotationError
        With ``use="annotated"``, if no apex is annotated that can be.
    DataError
        If the clip is a single frame, or its face is not found.
    """
    one_of("apex", use, APEX)
    fault = _fault(clip)
    if use == "annotated" and fault:
        raise AnnotationError(
            f"clip {clip.id!r} has no apex: {fault}; leave the clip out, or give apex='auto' to estimate it"
        )
    if clip.apex is not None and not fault and use != "estimated":
        return Apex(clip.apex)
    first, last = clip.ends
    if first == last:
        raise DataError(f"clip {clip.id!r}: onset and offset are one frame, so nothing moves; leave it out")
    seen = aligned_face(clip, FLOW_CROP, face=face, colour="grey", models=models)
    number = seen.numbers[find_apex(seen, method, fps=clip.fps)]
    return Apex(number, f"apex estimated from motion ({method}; {fault or 'as asked for'}): frame {number}")


def with_apex(
    clip: Clip, use: str = "auto", *, method: str = APEX_FINDER, face: str = "detect",
    models: FaceModels | None = None,
) -> Clip:  # fmt: skip
    """The clip with its apex from :func:`apex_of`; that one was estimated is written among its repairs.

    Examples
    --------
    >>> import numpy as np
    >>> clip = with_apex(Clip.from_array(np.zeros((5, 8, 8), np.uint8), apex=3))
    >>> clip.apex, clip.repairs
    (3, ())
    """
    apex = apex_of(clip, use, method=method, face=face, models=models)
    if apex.origin == "annotated":
        return clip
    return replace(clip, apex=apex.number, repairs=(*clip.repairs, apex.note))


def _fault(clip: Clip) -> str:
    """Why the annotation has no apex that can be; empty if it has one."""
    if clip.apex is None:
        return "none is annotated"
    if clip.apex not in clip.source.numbers:
        return "the annotated one is not among the frames"
    first, last = clip.ends
    place = clip.index(clip.apex)
    if place == first:
        return "the annotated one is the onset"
    return "" if first < place <= last else "the annotated one is not between onset and offset"
