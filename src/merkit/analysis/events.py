"""From found intervals to events: each is measured again, judged and drawn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from merkit.analysis.measure import Measurement, measure
from merkit.analysis.pictures import event_pictures
from merkit.analysis.recognize import Judge, Judgement
from merkit.analysis.result import Event, EventPictures
from merkit.analysis.scan import Scan
from merkit.analysis.spotting import Interval
from merkit.analysis.spotting.run import length, top_two
from merkit.analysis.words import action_units, describe_regions
from merkit.errors import VideoError
from merkit.processes import cores
from merkit.video import VideoReader

MOST_PICTURES = 40
"""Pictures are kept of so many events, the clearest; a report shows no more anyway."""
MOST_THREADS = 4
"""Each holds the raw pictures of an event, which are large."""
CONFIRM = 0.5
"""A found movement is kept if the second measurement sees at least this part of it."""


@dataclass(frozen=True)
class _Look:
    """What the second look at an interval gave; without `seen` it did not hold up."""

    seen: Measurement | None = None
    pictures: EventPictures | None = None
    warning: str = ""


def measured_events(
    reader: VideoReader,
    scanned: Scan,
    found: list[Interval],
    judge: Judge,
    flow: str,
    pictures: bool,
    tell: Callable[[int, int], None],
) -> tuple[list[Event], list[str]]:
    """Measure every found interval again, and keep those that hold up; warn of those that cannot be.

    Parameters
    ----------
    reader : merkit.video.VideoReader
        Of the video that was scanned.
    scanned : Scan
    found : list of Interval
    judge : callable
        Names the emotion class of micro-expressions.
    flow : str
        Flow backend of the scan.
    pictures : bool
        Whether to draw the clearest of them.
    tell : callable
        ``tell(done, total)``.

    Returns
    -------
    events : list of Event
    warnings : list of str
    """
    clearest = sorted(found, key=lambda f: (f.kind != "micro", -f.score))[: MOST_PICTURES if pictures else 0]

    def look(interval: Interval) -> _Look:
        micro = interval.kind == "micro"
        try:
            seen = measure(
                reader, scanned, interval.onset, interval.apex, interval.offset, backend=flow, drift=micro
            )
        except VideoError as error:
            return _Look(warning=f"A possible {interval.kind}-expression was left out: {error}.")
        if micro and top_two(length(seen.parts)) < CONFIRM * interval.amplitude:
            return _Look()
        if interval not in clearest:
            return _Look(seen)
        return _Look(seen, event_pictures(seen.onset_rgb, seen.apex_rgb, seen.sequence))

    events: list[Event] = []
    warnings: list[str] = []
    for number, (interval, looked) in enumerate(zip(found, _in_threads(look, found), strict=True)):
        tell(number + 1, len(found))
        if looked.warning:
            warnings.append(looked.warning)
        if looked.seen is not None:
            judged = Judgement(None)
            if interval.kind == "micro":
                judged = judge(reader, scanned, interval, looked.seen)
            events.append(_event(scanned, interval, looked, judged))
    return events, warnings


def _in_threads(look: Callable[[Interval], _Look], found: list[Interval]) -> Iterator[_Look]:
    """What is seen of every interval, in order, some of them looked at together."""
    threads = min(cores(), MOST_THREADS)
    pool = ThreadPoolExecutor(threads)
    try:
        # No more than are being worked on or come next: their raw pictures are large.
        waiting: deque[Future[_Look]] = deque()
        for interval in found:
            if len(waiting) > threads:
                yield waiting.popleft().result()
            waiting.append(pool.submit(look, interval))
        while waiting:
            yield waiting.popleft().result()
    finally:
        # At Ctrl-C or an error the rest is of no use any more.
        pool.shutdown(cancel_futures=True)


def _event(scanned: Scan, found: Interval, looked: _Look, judged: Judgement) -> Event:
    times, seen = scanned.times, looked.seen
    assert seen is not None
    return Event(
        onset_frame=found.onset,
        apex_frame=found.apex,
        offset_frame=found.offset,
        onset_s=float(times[found.onset]),
        apex_s=float(times[found.apex]),
        offset_s=float(times[found.offset]),
        kind=found.kind,
        score=found.score,
        recognition=judged.recognition,
        regions=describe_regions(seen.parts, seen.px200_scale),
        action_units=action_units(seen.parts),
        warnings=(*_warnings(scanned, found), *([judged.warning] if judged.warning else [])),
        pictures=looked.pictures,
    )


def _warnings(scanned: Scan, found: Interval) -> list[str]:
    inside = slice(found.onset, found.offset + 1)
    out = []
    if not scanned.tracked[inside].all():
        out.append("The face was lost for a moment inside this event.")
    if scanned.renewed[found.onset + 1 : found.offset + 1].any():
        out.append("The head turned during this event, so the motion was measured in two pieces.")
    return out
