"""What is in a copy of a dataset, and what is wrong with it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from merkit.clips import Clip, ClipTable
from merkit.datasets.action_units import action_unit_texts
from merkit.datasets.expected import Counts, expected_counts, known_emotions, known_versions
from merkit.datasets.frame_checks import (
    Finding,
    Listing,
    check_doubles,
    check_numbers,
    owners_of_foreign,
    size_of,
)
from merkit.datasets.pixel_checks import check_pixels
from merkit.datasets.registry import read_dataset
from merkit.datasets.simulated import SIMULATION, planned_counts
from merkit.errors import AnnotationError
from merkit.video.images import IMAGE_SUFFIXES
from merkit.video.sources import FolderFrames

FOLDERS = "folders"
"""Version of the table of datasets that need none."""

COUNT_OF = "count of"
"""What the kind of a finding about counts begins with."""

LabelCounts = Callable[[ClipTable], Mapping[str, tuple[dict[str, int], dict[str, int]]]]
"""Counts of classes and expected ones, by name of a label map."""


@dataclass(frozen=True)
class Examination:
    """The findings about one copy of a dataset.

    Attributes
    ----------
    dataset, table_version : str
    table_files : tuple of str
        The annotation tables that were read.
    frames : str
        The folder that holds the frames of all clips; empty where there are none.
    clips, found, subjects : int
        Rows of the annotation, those with frames (or features), and people.
    counts, expected : dict
        Counts by name, by what is counted: ``total``, ``emotion``, ``kind``, and every label map.
        ``expected`` is empty for versions of a table whose counts are not known.
    fps, sizes : dict
        Clips by frame rate and by size of their frames.
    images, bytes : int
        Image files in the folders of the clips, and what they take.
    findings : tuple of Finding
        What is missing or wrong.
    repairs : tuple of (clip, row, text)
        Faults of the annotation that were repaired.
    """

    dataset: str
    table_version: str
    table_files: tuple[str, ...]
    frames: str
    clips: int
    found: int
    subjects: int
    counts: Counts
    expected: Counts
    fps: dict[str, int]
    sizes: dict[str, int]
    images: int
    bytes: int
    findings: tuple[Finding, ...]
    repairs: tuple[tuple[str, int | None, str], ...] = field(default=())

    @property
    def missing(self) -> list[str]:
        """Ids of the clips that cannot be used."""
        return self._clips(lambda finding: finding.severity == "missing")

    @property
    def short(self) -> list[str]:
        """Ids of the clips that lack some of their frames."""
        return self._clips(lambda finding: finding.kind in ("short clip", "missing frames"))

    @property
    def n_missing(self) -> int:
        """How many clips cannot be used, with those that only the expected number tells of.

        Without an annotation table a lost folder leaves no trace but the count.
        """
        wanted = self.expected.get("total", {}).get("clips", 0) if self.table_version == FOLDERS else 0
        return len(self.missing) + max(0, wanted - self.clips)

    def to_json(self) -> dict[str, Any]:
        """As plain data, with the ids of missing and of short clips."""
        plain = asdict(self)
        plain["repairs"] = [{"clip": c, "row": row, "text": text} for c, row, text in self.repairs]
        return {**plain, "missing": self.missing, "n_missing": self.n_missing, "short": self.short}

    def _clips(self, wanted: Callable[[Finding], bool]) -> list[str]:
        return list(dict.fromkeys(f.clip for f in self.findings if f.clip and wanted(f)))


def examine(
    name: str,
    root: str | Path,
    *,
    repair: bool = True,
    pixels: bool = False,
    label_counts: LabelCounts | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Examination:
    """Read a copy of a dataset and say what is missing or wrong.

    Parameters
    ----------
    name : str
        Name of the dataset.
    root : path
        Where it was unpacked.
    repair : bool
        Whether known faults of the annotation are repaired.
    pixels : bool
        Whether to open the frames from onset to offset of every clip, which takes long: finds damaged,
        exchanged and repeated frames and frames of another size.
    label_counts : callable, optional
        Counts the classes of a table and says how many a complete copy has;
        :func:`merkit.protocols.label_counts.label_counts` does so for all protocols.
    on_progress : callable, optional
        Called as ``on_progress(clips done, clips in all)``.
    **options
        Keywords of the reader.

    Raises
    ------
    MerkitError
        If the copy has no table that can be read.
    """
    table = read_dataset(name, root, repair=repair, **options)
    about = table.frame
    version = str(about["table_version"].iloc[0]) if len(table) else ""
    clips = list(table)
    rows = [None if pd.isna(row) else int(row) for row in about["row"]]
    known = known_emotions(name)
    findings = [
        finding
        for clip, row, (_, cells) in zip(clips, rows, about.iterrows(), strict=True)
        for finding in _annotation(clip, row, cells, known)
    ]
    looked = _look(clips, rows, about, pixels, on_progress)
    planned = planned_counts(Path(root))
    expected = expected_counts(name, version) if planned is None else planned
    counts = _counts(table)
    if label_counts is not None:
        for what, (there, wanted) in label_counts(table).items():
            counts[what] = there
            expected |= {what: wanted} if wanted and planned is None else {}
    findings = _said_once(findings, len(clips)) + looked.findings
    findings += owners_of_foreign(findings, clips, looked.listings)
    findings += check_doubles(clips, looked.listings)
    findings += _unlisted(looked.folders)
    findings += _unknown_version(name, version) if planned is None else [_SIMULATED]
    findings += _against(counts, expected)
    repairs = tuple((c.id, row, text) for c, row in zip(clips, rows, strict=True) for text in c.repairs)
    return Examination(
        dataset=name,
        table_version=version,
        table_files=tuple(dict.fromkeys(filter(None, map(str, about["table_file"])))),
        frames=os.path.commonpath(looked.folders) if looked.folders else "",
        clips=len(clips),
        found=int(about["found"].astype(bool).sum()),
        subjects=counts["total"]["subjects"],
        counts=counts,
        expected=expected,
        fps=dict(Counter("unknown" if clip.fps is None else f"{clip.fps:g}" for clip in clips)),
        sizes=dict(looked.shapes.most_common()),
        images=sum(len(listing.files) for listing in looked.folders.values()),
        bytes=sum(sum(listing.sizes.values()) for listing in looked.folders.values()),
        findings=tuple(findings),
        repairs=repairs,
    )


@dataclass
class _Look:
    """What a walk through the folders of frames collects."""

    folders: dict[Path, Listing] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    shapes: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


def _look(
    clips: list[Clip],
    rows: list[int | None],
    about: pd.DataFrame,
    pixels: bool,
    on_progress: Callable[[int, int], None] | None,
) -> _Look:
    look = _Look()
    sizes: dict[Path, str] = {}
    for place, clip in enumerate(clips):
        if on_progress is not None:
            on_progress(place, len(clips))
        if not about["found"].iloc[place]:
            where = clip.paths[0] if clip.paths else "its folder"
            text = f"not there; looked for {where}"
            look.findings.append(Finding("missing clip", "missing", clip.id, text, rows[place]))
        if not isinstance(clip.source, FolderFrames):
            continue
        folder = clip.source.path
        if folder not in look.folders:
            listing = look.folders[folder] = Listing.of(folder)
            if listing.files:
                first = listing.path(min(listing.files))
                sizes[folder], problem = size_of(clip, rows[place], first)
                look.findings += [problem] if problem else []
        listing = look.listings[clip.id] = look.folders[folder]
        look.shapes.update([sizes[folder]] if sizes.get(folder) else [])
        look.findings += check_numbers(clip, rows[place], listing)
        if pixels and listing.files:
            look.findings += check_pixels(clip, rows[place], listing)
    if on_progress is not None:
        on_progress(len(clips), len(clips))
    usual = look.shapes.most_common(1)[0][0] if look.shapes else ""
    for clip, row in zip(clips, rows, strict=True):
        size = sizes.get(clip.source.path, usual) if isinstance(clip.source, FolderFrames) else usual
        if size not in ("", usual) and look.shapes[size] * 20 < look.shapes[usual]:
            text = f"frames of {size} pixels; most clips have {usual}"
            look.findings.append(Finding("odd size", "note", clip.id, text, row))
    return look


def _annotation(clip: Clip, row: int | None, about: pd.Series, known: set[str]) -> list[Finding]:
    """What a reader and the grammar of action units found in one row."""
    findings = []
    units = str(about.get("aus_text") or "")
    try:
        action_unit_texts(units)
        unreadable = ""
    except AnnotationError as error:
        unreadable = str(error)
        findings.append(Finding("unreadable action units", "fault", clip.id, unreadable, row))
    for fault in str(about.get("faults") or "").split("; "):
        if fault and fault not in unreadable:
            findings.append(Finding("annotation", "fault", clip.id, fault, row))
    if not clip.subject:
        text = "nobody knows whose clip it is, so it has no fold"
        findings.append(Finding("no subject", "fault", clip.id, text, row))
    if clip.apex is None and about.get("apex_reason"):
        findings.append(Finding("no apex", "note", clip.id, str(about["apex_reason"]), row))
    if known and clip.emotion and clip.emotion.casefold() not in known:
        text = f"emotion {clip.emotion!r} is none of {', '.join(sorted(known))}"
        findings.append(Finding("unknown emotion", "fault", clip.id, text, row))
    return findings


def _said_once(findings: list[Finding], n: int) -> list[Finding]:
    """Say once what holds for all clips: many datasets have no apex."""
    for kind in ("no apex", "no subject"):
        alike = [finding for finding in findings if finding.kind == kind]
        if len(alike) == n > 1:
            rest = [finding for finding in findings if finding.kind != kind]
            text = f"in none of the clips: {alike[0].text}"
            findings = [*rest, Finding(kind, alike[0].severity, "", text)]
    return findings


def _counts(table: ClipTable) -> Counts:
    emotions = [str(e).casefold() for e in table.frame["emotion"] if e is not None and e == e]
    columns = (table.frame[name] for name in ("dataset", "subject"))
    people = {(dataset, subject) for dataset, subject in zip(*columns, strict=True) if subject}
    counts: Counts = {"total": {"clips": len(table), "subjects": len(people)}}
    if emotions:
        counts["emotion"] = dict(Counter(emotions).most_common())
    if "kind" in table.frame.columns and table.frame["kind"].any():
        counts["kind"] = dict(Counter(kind for kind in table.frame["kind"] if kind).most_common())
    return counts


_SIMULATED = Finding(
    "simulated", "note", "", f"not the real dataset; the counts expected are those of its {SIMULATION}"
)


def _unknown_version(name: str, version: str) -> list[Finding]:
    """Say when there is nothing to compare with."""
    known = ", ".join(known_versions(name))
    if not known or expected_counts(name, version):
        return []
    text = f"no counts are known for the table version {version!r}; known are {known}"
    return [Finding("unknown table", "note", "", text)]


def _against(counts: Counts, expected: Counts) -> list[Finding]:
    """Compare counts with those of a complete copy."""
    findings = []
    for what, wanted in expected.items():
        there = counts.get(what)
        for label, count in wanted.items() if there is not None else ():
            assert there is not None
            if there.get(label, 0) != count:
                text = f"{label}: {there.get(label, 0)}, expected {count}"
                findings.append(Finding(f"{COUNT_OF} {what}", "fault", "", text))
    return findings


def _unlisted(folders: Mapping[Path, Listing]) -> list[Finding]:
    """Folders of images beside those of the clips that no row of the annotation names."""
    findings = []
    for parent in sorted({folder.parent for folder in folders}):
        for folder in sorted(parent.iterdir()):
            # Depth lies beside colour and belongs to the same clip.
            if folder in folders or not folder.is_dir() or folder.name.casefold() == "depth":
                continue
            if any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir()):
                text = f"{folder.name} in {parent.name} holds images, and no row names it"
                findings.append(Finding("unlisted folder", "note", "", text))
    return findings
