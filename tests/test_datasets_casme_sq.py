"""CAS(ME)^2: the table without heading, folder names from codes, events without an offset."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook

from merkit.clips import ClipTable
from merkit.datasets import read_dataset
from merkit.datasets.casme_sq import CODES, FOLDERS
from merkit.errors import AnnotationError
from merkit.simulate.native import write_tree

TABLE = "CAS(ME)^2code_final(Updated).noheader.csv"


@pytest.fixture(scope="module")
def real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> ClipTable:
    root = tmp_path_factory.mktemp("casme-sq")
    write_tree("casme-sq", root, table=real_data / "annotations" / TABLE, frames="none")
    return read_dataset("casme-sq", root)


class TestRealTable:
    def test_counts(self, real: ClipTable) -> None:
        frame = real.frame
        assert Counter(frame["kind"]) == {"macro": 300, "micro": 57}
        assert Counter(frame["emotion"]) == {"negative": 126, "positive": 124, "others": 82, "surprise": 25}
        micro = frame[frame["kind"] == "micro"]
        assert Counter(micro["emotion"]) == {"negative": 21, "others": 19, "surprise": 9, "positive": 8}
        assert len(set(real.groups())) == 22
        assert frame["found"].all()

    def test_offset_zero_is_no_return_to_neutral_in_44_macro_events(self, real: ClipTable) -> None:
        without = real.frame[real.frame["offset"].isna()]
        assert len(without) == 44
        assert set(without["kind"]) == {"macro"}
        assert without["faults"].str.contains("no return to neutral").all()

    def test_impossible_apexes_have_a_reason(self, real: ClipTable) -> None:
        wrong = real.frame[real.frame["apex"].isna()]
        assert dict(zip(wrong["id"], wrong["apex_reason"], strict=True)) == {
            "s27_disgust1_5": "apex 1230 lies after offset 1224",
            "s31_happy2_1": "apex 2203 lies after offset 2202",
            "s32_anger1_12": "apex 2455 lies after offset 2451",
            "s34_anger1_1": "apex 0 lies before onset 1763",
        }

    def test_units_null_comma_and_or(self, real: ClipTable) -> None:
        text = real.frame["aus_text"]
        assert text.str.casefold().eq("null").sum() == 11
        assert not any(real.frame["aus"][text.str.casefold() == "null"])
        by_text = dict(zip(text, real.frame["aus"], strict=True))
        assert by_text["4,24,6+12+15"] == ("4", "24", "6", "12", "15")
        assert by_text["14or23"] == ("(14 or 23)",)
        assert by_text["10or11"] == ("(10 or 11)",)
        assert text.str.contains(",").sum() == 8

    def test_folder_of_the_table_agrees_with_the_code(self, real: ClipTable, real_data: Path) -> None:
        # The eleventh column of this copy names the folder, typing errors included.
        lines = (real_data / "annotations" / TABLE).read_text().splitlines()
        for line, clip in zip(lines, real, strict=True):
            folder = line.split(",")[-1].strip('"')
            person, video = folder.split("/")
            assert clip.subject == person
            assert video.startswith(f"{person[1:]}_{CODES[clip.id.split('_')[1]]}")

    def test_overlapping_events_stay_two_clips(self, real: ClipTable) -> None:
        events = real.frame.dropna(subset=["offset"]).sort_values(["subject", "video", "onset"])
        pairs = events.groupby(["subject", "video"])
        overlaps = (events["onset"] <= pairs["offset"].shift()).sum()
        assert overlaps > 0
        assert real.frame["id"].is_unique

    def test_misspelt_self_report_is_kept(self, real: ClipTable) -> None:
        assert (real.frame["self_reported"] == "happyiness").sum() == 1


class TestFrames:
    @pytest.mark.parametrize(
        ("variant", "cropped"),
        [("rawpic", False), ("padded", False), ("selectedpic", False), ("", True)],
    )
    def test_every_layout_gives_onset_to_offset(self, tmp_path: Path, variant: str, cropped: bool) -> None:
        write_tree("casme-sq", tmp_path, clips=6, variant=variant, cropped=cropped)
        for clip in read_dataset("casme-sq", tmp_path):
            assert clip.onset is not None
            assert clip.offset is not None
            assert len(clip.frames) == clip.offset - clip.onset + 1

    def test_events_go_before_whole_videos_and_can_be_chosen(self, tmp_path: Path) -> None:
        write_tree("casme-sq", tmp_path, clips=4, variant="rawpic", seed=1)
        write_tree("casme-sq", tmp_path, clips=4, variant="selectedpic", seed=1)
        write_tree("casme-sq", tmp_path, clips=4, cropped=True, seed=1)

        def tops(**options: bool) -> set[str]:
            table = read_dataset("casme-sq", tmp_path, **options)
            return {Path(clip.paths[0]).relative_to(tmp_path).parts[0] for clip in table}

        assert tops() == {"selectedpic"}
        assert tops(whole_videos=True) == {"rawpic"}
        assert tops(cropped=True) == {"cropped"}

    def test_kind_of_frames_that_is_not_there_is_not_found(self, tmp_path: Path) -> None:
        write_tree("casme-sq", tmp_path, clips=4, variant="rawpic")
        assert not read_dataset("casme-sq", tmp_path, cropped=True).frame["found"].any()

    def test_first_film_is_not_taken_for_a_heading(self, tmp_path: Path) -> None:
        # Sheet naming rule2 begins with disgust1; events of that film must be found like others.
        write_tree("casme-sq", tmp_path, clips=8)
        frame = read_dataset("casme-sq", tmp_path).frame
        assert "disgust1" in set(frame["video"])
        assert frame["found"].all()

    def test_nested_once_more(self, tmp_path: Path) -> None:
        write_tree("casme-sq", tmp_path, clips=4, faults=["extra-nesting", "litter"])
        assert read_dataset("casme-sq", tmp_path).frame["found"].all()


def test_folder_numbers_of_the_naming_rule() -> None:
    assert FOLDERS == (
        15, 16, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 40,
    )  # fmt: skip
    assert np.all(np.diff(FOLDERS) > 0)


def test_main_sheet_is_found_behind_others(tmp_path: Path) -> None:
    write_tree("casme-sq", tmp_path, clips=4)
    path = next(tmp_path.glob("*.xlsx"))
    book = load_workbook(path)
    book.move_sheet("CASFEcode_final", offset=2)
    book.save(path)
    assert len(read_dataset("casme-sq", tmp_path)) == 4
    book["CASFEcode_final"].title = "Sheet1"
    book.move_sheet("Sheet1", offset=-2)
    book.save(path)
    assert len(read_dataset("casme-sq", tmp_path)) == 4


@pytest.mark.parametrize(
    ("name", "version"), [("code_final", "final"), ("code_final(Updated)", "final (updated)")]
)
def test_the_updated_table_is_told_by_its_name(tmp_path: Path, name: str, version: str) -> None:
    (tmp_path / f"CAS(ME)^2{name}.csv").write_text("3,anger1_1,1,2,3,4,negative,micro-expression,anger\n")
    assert read_dataset("casme-sq", tmp_path).frame["table_version"].tolist() == [version]


def test_unknown_subject_and_event_are_named(tmp_path: Path) -> None:
    table = tmp_path / "CAS(ME)^2code_final.csv"
    table.write_text("23,anger1_1,1,2,3,4,negative,micro-expression,anger\n")
    with pytest.raises(AnnotationError, match="row 0: subject '23'; expected 1 to 22"):
        read_dataset("casme-sq", tmp_path)
    table.write_text("3,anger9,1,2,3,4,negative,micro-expression,anger\n")
    with pytest.raises(AnnotationError, match="'anger9' is no event"):
        read_dataset("casme-sq", tmp_path)
