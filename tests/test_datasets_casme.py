"""CASME: a table that only its users have, so tables of its form are written here."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from merkit.datasets import read_dataset
from merkit.simulate.native import write_tree

HEAD = ["Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "AU", "Emotion"]


def table(root: Path, n: int, **changes: tuple[object, object, object]) -> Path:
    """Write a table of ``n`` rows; ``r40=(onset, apex, offset)`` changes one."""
    book = Workbook()
    book.active.append(HEAD)
    for place in range(n):
        onset, apex, offset = changes.get(f"r{place}", (5, 9, 20))
        row = [1 + place % 18, f"EP{place}", None, onset, apex, 0, offset, None, "4+L10", "tense"]
        book.active.append(row)
    book.save(root / "casme.xlsx")
    return root


def marks(clip):
    return clip.onset, clip.apex, clip.offset


FAULTY = {
    "r40": (149, 120, 108),
    "r42": (200, 110, 119),
    "r43": (57, 65, 4),
    "r54": (5, 9, 2),
    "r140": (130, 135, 42),
}


def test_the_rows_that_are_wrong_are_repaired_and_say_so(tmp_path):
    clips = read_dataset("casme", table(tmp_path, 189, **FAULTY))
    assert marks(clips[40]) == (108, 120, 149)
    assert marks(clips[42]) == (101, 110, 119)
    assert marks(clips[43]) == (57, 65, 74)
    assert marks(clips[54]) == (5, 9, 40)
    assert marks(clips[140]) == (130, 135, 142)
    assert [len(clips[row].repairs) for row in (40, 42, 43, 54, 140)] == [2, 1, 1, 1, 1]
    assert clips[54].repairs == ("offset 2 -> 40: offset wrong (public loaders)",)
    assert sum(bool(clip.repairs) for clip in clips) == 5


def test_without_repair_what_is_impossible_is_none(tmp_path):
    clips = read_dataset("casme", table(tmp_path, 189, **FAULTY), repair=False)
    assert marks(clips[40]) == (149, None, None)
    assert clips.frame["apex_reason"][40] == "apex 120 lies before onset 149"
    assert not any(clip.repairs for clip in clips)


def test_rows_that_are_in_order_are_left_alone(tmp_path):
    # The same places of a sound table, and of a table of another length.
    for n, faulty in ((189, {}), (195, FAULTY)):
        clips = read_dataset("casme", table(tmp_path, n, **faulty))
        assert not any(clip.repairs for clip in clips)
        assert set(clips.frame["table_version"]) == {"189 rows" if n == 189 else "unknown"}


def test_an_apex_outside_the_repaired_clip_is_repaired_last(tmp_path):
    clips = read_dataset("casme", table(tmp_path, 189, r43=(57, 900, 4)))
    assert marks(clips[43]) == (57, 65, 74)
    assert len(clips[43].repairs) == 2


def test_fields_of_a_clip(tmp_path):
    clip = read_dataset("casme", table(tmp_path, 2))[1]
    assert (clip.id, clip.subject, clip.dataset, clip.fps) == ("sub02_EP1", "sub02", "casme", 60.0)
    assert (clip.emotion, clip.aus) == ("tense", ("4", "L10"))


@pytest.mark.parametrize("cropped", [False, True])
def test_frames_without_padding_and_with_three_digits(tmp_path, cropped):
    root = write_tree("casme", tmp_path, clips=94, size=8, frames="marks", cropped=cropped)
    clips = read_dataset("casme", root, cropped=cropped)
    assert clips.frame["found"].all()
    names = [sorted(Path(clips[row].paths[0]).iterdir())[0].stem.rpartition("-")[2] for row in (0, 92)]
    assert [len(name) for name in names] == [len(str(clips[0].onset)), 3]
    for row in (0, 92):
        for number in marks(clips[row]):
            assert clips[row].frame(number).shape == (8, 8, 3)


def test_of_two_apex_columns_the_first_counts_and_the_second_is_kept(tmp_path):
    path = table(tmp_path, 2) / "casme.xlsx"
    book = load_workbook(path)
    book.active["F2"] = 11
    book.save(path)
    clips = read_dataset("casme", tmp_path)
    assert clips[0].apex == 9
    assert clips.frame["apex2"].tolist() == [11, 0]
