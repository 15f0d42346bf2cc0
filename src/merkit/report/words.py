"""What the report says in words: the headline, durations, directions, lost time."""

from __future__ import annotations

import math
from collections import Counter

from merkit.analysis.result import CLASSES, Analysis, Event, Recognition

__all__ = [
    "arrow",
    "direction",
    "event_summary",
    "headline",
    "key_frames",
    "likely_units",
    "lost_time",
    "missing_face",
    "observable_s",
    "one_line",
    "quoted_classes",
    "say_count",
    "say_seconds",
    "segments",
    "subline",
]

ARROWS = "→↗↑↖←↙↓↘"
DIRECTIONS = ("right", "up right", "up", "up left", "left", "down left", "down", "down right")


def say_seconds(seconds: float) -> str:
    """Duration for a reader.

    Examples
    --------
    >>> say_seconds(0.24), say_seconds(12.44), say_seconds(1205.0)
    ('0.24 s', '12.4 s', '20 min 5 s')
    """
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 119.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def say_count(n: int, noun: str) -> str:
    """Number and noun: ``"no blink"``, ``"1 blink"``, ``"3 blinks"``."""
    return f"no {noun}" if n == 0 else f"1 {noun}" if n == 1 else f"{n} {noun}s"


def arrow(direction_deg: float) -> str:
    """Arrow of the nearest of eight directions (0 right, 90 up); empty for NaN."""
    return _nearest(direction_deg, list(ARROWS))


def direction(direction_deg: float) -> str:
    """Direction in the picture in words, of eight; empty for NaN."""
    return _nearest(direction_deg, list(DIRECTIONS))


def _nearest(direction_deg: float, names: list[str]) -> str:
    if not math.isfinite(direction_deg):
        return ""
    return names[math.floor(direction_deg / 45.0 + 0.5) % 8]


def observable_s(analysis: Analysis) -> float:
    """Seconds of video in which a micro-expression could have been seen."""
    if analysis.face is None:
        return 0.0
    return float(analysis.face.get("observable_fraction") or 0.0) * analysis.duration_s


def lost_time(analysis: Analysis) -> list[tuple[str, float]]:
    """Unobservable stretches by kind, in seconds, longest first; nothing below 0.05 s."""
    lost: dict[str, float] = {}
    for stretch in analysis.stretches:
        if not stretch.observable:
            lost[stretch.kind] = lost.get(stretch.kind, 0.0) + stretch.stop_s - stretch.start_s
    return sorted(((k, t) for k, t in lost.items() if t >= 0.05), key=lambda item: (-item[1], item[0]))


def missing_face(analysis: Analysis) -> str:
    """Which face was not there, where nothing was analysed: any, or the one that was asked for."""
    chosen = (analysis.provenance.get("parameters") or {}).get("face") or 0
    return f"face {chosen} was not found in this video" if chosen else "no face was found in this video"


def headline(analysis: Analysis) -> str:
    """The finding in one sentence."""
    if analysis.face is None:
        return f"{missing_face(analysis).capitalize()}, so nothing could be analysed."
    seconds = observable_s(analysis)
    if seconds <= 0:
        return "A face was found, but no part of this video could be observed, so nothing could be analysed."
    micro = sum(event.kind == "micro" for event in analysis.events)
    found = "No micro-expression" if micro == 0 else say_count(micro, "micro-expression")
    return f"{found} found in {say_seconds(seconds)} of observable video."


def subline(analysis: Analysis) -> str:
    """The sentence below the headline: what else was found, and what could not be seen."""
    if analysis.face is None:
        return (
            "This says nothing about any person. A face must be turned to the camera, lit, "
            "and at least some 100 pixels wide to be analysed."
        )
    macro = sum(event.kind == "macro" for event in analysis.events)
    blinks = sum(stretch.kind == "blink" for stretch in analysis.stretches)
    seen = [say_count(macro, "longer expression") + " (over 0.5\u00a0s)"] if macro else []
    seen += [say_count(blinks, "blink")] if blinks else []
    return f"Also seen: {' and '.join(seen)}." if seen else ""


def one_line(analysis: Analysis) -> str:
    """What was found: ``2 micro-expressions (1 like surprise, 1 not sure), no macro-expression``."""
    if analysis.face is None:
        return missing_face(analysis)
    micro = [event.recognition for event in analysis.events if event.kind == "micro"]
    called = [
        "not classified" if r is None else "not sure" if r.abstained else f"like {r.label}" for r in micro
    ]
    kinds = ", ".join(f"{called.count(label)} {label}" for label in dict.fromkeys(called))
    macro = sum(event.kind == "macro" for event in analysis.events)
    return (
        say_count(len(micro), "micro-expression")
        + (f" ({kinds}), " if kinds else ", ")
        + say_count(macro, "macro-expression")
    )


def event_summary(event: Event) -> str:
    """What an event looks like, in a few words, for labels and tables."""
    if event.recognition is None:
        return "not classified"
    if event.recognition.abstained:
        return f"not sure (closest: {event.recognition.label})"
    return event.recognition.label


def key_frames(recognition: Recognition) -> str:
    """What key frames are, and which there were; empty for a recognizer that tells none."""
    key = recognition.key_frames
    if key is None:
        return ""
    if key.scores:
        return (
            f"Key frames are those by which the recognizer chose to judge, here {len(key.chosen)} of "
            f"{len(key.frames)}: they show what the class rests on, not when the expression is strongest."
        )
    # A made frame between two recorded ones has the number of one of them: only where there is no other.
    looked_at, made = Counter(key.chosen), Counter(key.synthesised)
    listed = ", ".join(f"{number}{'*' * (made[number] == times)}" for number, times in looked_at.items())
    drawn = f", and {say_count(key.draws, 'time')} at others drawn around them" if key.draws else ""
    stars = " * made by the recognizer out of recorded ones." if "*" in listed else ""
    return f"The recognizer looked at frames {listed}, chosen by a rule{drawn}.{stars}"


def likely_units(recognition: Recognition) -> list[tuple[str, float]]:
    """Action units that are rather there than not, as the recognizer sees them, the likeliest first."""
    likely = [(name, chance) for name, chance in recognition.action_units.items() if chance >= 0.5]
    return sorted(likely, key=lambda item: -item[1])


def segments(recognition: Recognition) -> list[tuple[str, float]]:
    """Which frames of an event a recognizer weighs, and how much."""
    return [
        ("image of the whole" if part.whole else f"{part.start_frame} to {part.stop_frame}", part.weight)
        for part in recognition.segments
    ]


def quoted_classes(analysis: Analysis) -> str:
    """The classes that the recognizer knows as the start of a sentence: ``“Negative” and “positive”``."""
    said = next((list(e.recognition.probabilities) for e in analysis.events if e.recognition), None)
    first, *rest = said or (analysis.provenance.get("recognizer") or {}).get("classes") or CLASSES
    names = [f"“{name}”" for name in (first.capitalize(), *rest)]
    return f"{', '.join(names[:-1])} and {names[-1]}"
