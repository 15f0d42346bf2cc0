"""What lies in the folders of frames, compared with the frame numbers of the annotation."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from merkit.clips import Clip
from merkit.errors import VideoError
from merkit.video.images import IMAGE_SUFFIXES, frame_number, image_size

Severity = Literal["missing", "fault", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that the doctor found.

    Attributes
    ----------
    kind : str
        For example ``missing clip``; equal faults have equal kinds.
    severity : {"missing", "fault", "note"}
        ``missing``: the clip cannot be used.  ``fault``: something is wrong.  ``note``: good to know.
    clip : str
        Id of the clip; empty for what concerns the copy as a whole.
    text : str
        What, in words.
    row : int or None
        0-based row of the annotation table.
    """

    kind: str
    severity: Severity
    clip: str
    text: str
    row: int | None = None


@dataclass(frozen=True)
class Listing:
    """The images of one folder: name and bytes by frame number, and names that share a number."""

    folder: Path
    files: dict[int, str]
    sizes: dict[int, int]
    doubled: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, folder: Path) -> Listing:
        """Read the names in a folder; an absent folder has none."""
        # Names, not paths: a set of long videos has a million frames.
        files: dict[int, str] = {}
        sizes: dict[int, int] = {}
        doubled = []
        if folder.is_dir():
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    suffix = os.path.splitext(entry.name)[1].lower()
                    number = frame_number(entry.name)
                    if suffix not in IMAGE_SUFFIXES or entry.name.startswith(".") or number is None:
                        continue
                    if number in files:
                        doubled.append(entry.name)
                        continue
                    files[number] = entry.name
                    sizes[number] = entry.stat().st_size
        return cls(folder, files, sizes, tuple(doubled))

    def path(self, number: int) -> Path:
        """The file of a frame."""
        return self.folder / self.files[number]


def check_numbers(clip: Clip, row: int | None, listing: Listing) -> Iterator[Finding]:
    """Compare onset to offset of a clip with the frames that are there."""

    def found(kind: str, severity: Severity, text: str) -> Finding:
        return Finding(kind, severity, clip.id, text, row)

    if not listing.files:
        yield found("empty clip", "missing", "its folder holds no images")
        return
    if listing.doubled:
        yield found(
            "doubled number", "fault", f"several files have one number: {', '.join(listing.doubled[:3])}"
        )
    first, last = min(listing.files), max(listing.files)
    start = first if clip.onset is None else clip.onset
    stop = last if clip.offset is None else clip.offset
    wanted = range(start, stop + 1)
    absent = [number for number in wanted if number not in listing.files]
    if not absent:
        return
    there = f"the frames there are {first} to {last}"
    if len(absent) == len(wanted):
        text = f"none of the frames {start} to {stop} is in its folder; {there}"
        yield found("foreign frames", "missing", text)
        return
    early = [number for number in absent if number < first]
    late = [number for number in absent if number > last]
    between = [number for number in absent if first < number < last]
    if late:
        text = (
            f"offset {stop} lies behind the last frame {last}: it is wrong, or {len(late)} frames are missing"
        )
        yield found("short clip", "fault", text)
    if early:
        lack = f"{len(early)} frames are missing"
        text = f"onset {start} lies before the first frame {first}: it is wrong, or {lack}"
        yield found("short clip", "fault", text)
    if between:
        text = f"{len(between)} of the frames {start} to {stop} missing: {ranges(between)}"
        yield found("missing frames", "fault", text)


def owners_of_foreign(
    findings: Sequence[Finding], clips: Sequence[Clip], listings: dict[str, Listing]
) -> Iterator[Finding]:
    """Say whose frames lie in a folder with foreign frames, where exactly one clip fits them."""
    spans = [(c.onset, c.offset, c.id) for c in clips if c.onset is not None and c.offset is not None]
    for finding in findings:
        if finding.kind != "foreign frames":
            continue
        files = listings[finding.clip].files
        first, last = min(files), max(files)
        fitting = [
            name for onset, offset, name in spans if first <= onset <= offset <= last and name != finding.clip
        ]
        if len(fitting) == 1:
            text = f"the frames in its folder fit {fitting[0]}; the folders may be exchanged"
            yield Finding("swapped clips", "fault", finding.clip, text, finding.row)


def check_doubles(clips: Sequence[Clip], listings: dict[str, Listing]) -> Iterator[Finding]:
    """Find clips whose first and last frames are the same files, byte for byte, under two names."""
    alike: dict[tuple[int, int], list[tuple[Clip, Path, Path]]] = {}
    for clip in clips:
        listing = listings.get(clip.id)
        if listing is None or not listing.files:
            continue
        start = clip.onset if clip.onset in listing.files else min(listing.files)
        stop = clip.offset if clip.offset in listing.files else max(listing.files)
        assert start is not None
        assert stop is not None
        ends = listing.path(start), listing.path(stop)
        alike.setdefault((listing.sizes[start], listing.sizes[stop]), []).append((clip, *ends))
    for group in alike.values():
        if len({ends[1:] for ends in group}) < 2:
            continue
        by_content: dict[str, tuple[str, Path]] = {}
        for clip, first, last in group:
            digest = hashlib.sha256(first.read_bytes() + last.read_bytes()).hexdigest()
            known, path = by_content.setdefault(digest, (clip.id, first))
            if path != first:
                text = f"onset and offset frame are, byte for byte, those of {known}"
                yield Finding("doubled clip", "fault", clip.id, text)


def size_of(clip: Clip, row: int | None, path: Path) -> tuple[str, Finding | None]:
    """Return ``640x480`` of an image, or what is wrong with it."""
    try:
        width, height = image_size(path)
    except VideoError as error:
        return "", Finding("damaged frame", "fault", clip.id, str(error), row)
    return f"{width}x{height}", None


def ranges(numbers: Sequence[int], most: int = 4) -> str:
    """Write sorted numbers as ranges.

    >>> ranges([3, 4, 5, 9]), ranges([1, 3, 5, 7, 9], most=2)
    ('3-5, 9', '1, 3, ...')
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in parts]
    return ", ".join([*texts[:most], "..."] if len(texts) > most else texts)
