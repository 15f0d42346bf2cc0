"""SynthME-1: simulated clips of 24 people, in three and in five classes.

The clips are those of ``merkit simulate OUT --benchmark synthme-1``, which writes a manifest whose
clips say that they are of ``synthme``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from merkit.protocols.folds import by_subject
from merkit.protocols.label_map import by_name
from merkit.protocols.protocol import Protocol

DATASET = "synthme"
_CLIPS: tuple[Mapping[str, int], ...] = (
    {"negative": 96, "positive": 96, "surprise": 96},
    {"happiness": 58, "disgust": 58, "surprise": 58, "repression": 57, "others": 57},
)


def _protocol(clips: Mapping[str, int]) -> Protocol:
    classes = tuple(clips)
    return Protocol(
        name=f"{DATASET}-{len(classes)}class",
        classes=classes,
        datasets=(DATASET,),
        label_maps=MappingProxyType({DATASET: by_name(*classes)}),
        expected_counts=MappingProxyType({DATASET: {"*": dict(clips)}}),
        kind="single",
        summary=f"SynthME-1 in {len(classes)} classes: {', '.join(classes)}; leave one subject out",
        splits=by_subject,
        need_all=True,
    )


SYNTHME: Mapping[str, Protocol] = MappingProxyType(
    {protocol.name: protocol for protocol in map(_protocol, _CLIPS)}
)
"""Protocols of the benchmark, by name."""
