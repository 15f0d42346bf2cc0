"""The doctor of datasets: every fault of a copy is named, and nothing of a sound one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook

from merkit.cli.main import main
from merkit.datasets import read_dataset
from merkit.datasets.doctor import Examination, examine
from merkit.datasets.expected import expected_counts, known_versions
from merkit.datasets.frame_checks import ranges
from merkit.datasets.pixel_checks import exchanged
from merkit.errors import DataError
from merkit.protocols import list_protocols
from merkit.protocols.label_counts import label_counts
from merkit.simulate.native import list_layouts, write_tree

TABLES = {
    "casme2": "CASME2-coding-20190701.xlsx",
    "smic-hs": "SMIC_HS_cropped.csv",
    "smic-hs-long": "smic_hs_long_apex.xlsx",
    "samm": "SAMM_Micro_FACS_Codes_v2.xlsx",
    "samm-lv": "SAMM_LongVideos_V2_Release.csv",
    "casme-sq": "CAS(ME)^2code_final(Updated).noheader.csv",
    "casme3-a": "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
    "mmew": "MMEW_Micro_Exp.csv",
    "dfme": "DFME_training_full_with_AU.xlsx",
}
WITH_ROWS = ("casme2", "samm", "mmew", "4dme", "dfme", "casme3-a", "casme-sq")
"""Datasets whose table says where a clip begins and ends, one folder a clip or a video."""


def kinds(found: Examination, severity: str | None = None) -> set[str]:
    """What was found, apart from the counts, which a small tree can never reach."""
    return {
        f.kind
        for f in found.findings
        if severity in (None, f.severity) and not f.kind.startswith(("count of", "unknown table"))
    }


def of_kind(found: Examination, kind: str) -> list[str]:
    return [f"{f.clip} {f.text}" for f in found.findings if f.kind == kind]


def options(name: str) -> dict[str, float]:
    return {"fps": 100.0} if name == "folders" else {}


@pytest.mark.parametrize("name", list_layouts())
def test_a_sound_copy_has_nothing_missing_and_nothing_wrong(name, tmp_path):
    root = write_tree(name, tmp_path, clips=8, size=24)
    found = examine(name, root, pixels=True, **options(name))
    assert (found.clips, found.found, found.missing) == (8, 8, [])
    assert kinds(found, "fault") == set()
    assert kinds(found) <= {"no apex"}


def test_both_codings_of_casme2_are_told_apart(tmp_path, real_data):
    folder = real_data / "annotations"
    found = {}
    for table in ("CASME2-coding-20140508.compact.xlsx", "CASME2-coding-20190701.xlsx"):
        root = write_tree("casme2", tmp_path / table, table=folder / table, frames="none")
        found[table[14:18]] = examine("casme2", root)
    assert found["2014"].table_version == "2014-05-08"
    assert found["2019"].table_version == "2019-07-01"
    assert found["2014"].counts["emotion"]["surprise"] == 25
    assert found["2019"].counts["emotion"]["surprise"] == 28


@pytest.mark.parametrize("name", WITH_ROWS)
def test_deleted_clips_are_missing(name, tmp_path):
    root = write_tree(name, tmp_path / "short", clips=8, faults={"missing-clip": 2})
    ids = read_dataset(name, write_tree(name, tmp_path / "whole", clips=8)).frame["id"]
    found = examine(name, root)
    # Events of one video are lost together.
    assert ids[2] in found.missing
    assert of_kind(found, "missing clip")[0].startswith(found.missing[0])


@pytest.mark.parametrize("name", ["smic-hs", "smic-vis"])
def test_without_a_table_a_deleted_clip_shows_in_the_counts(name, tmp_path, capsys):
    root = write_tree(name, tmp_path, clips=8, faults={"missing-clip": 2})
    found = examine(name, root)
    assert found.clips == 7
    assert found.n_missing == (164 if name == "smic-hs" else 71) - 7
    assert main(["datasets", "doctor", name, str(root)]) == 3
    assert f"{found.n_missing} of" in capsys.readouterr().err
    assert f" clips: 7, expected {164 if name == 'smic-hs' else 71}" in of_kind(found, "count of total")


@pytest.mark.parametrize("name", WITH_ROWS)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("empty-clip", {"empty clip", "foreign frames", "missing frames", "short clip"}),
        ("missing-frames", {"missing frames"}),
        ("short-clip", {"short clip", "missing frames"}),
        ("late-offset", {"short clip", "missing frames", "foreign frames"}),
        ("offset-before-onset", {"annotation"}),
        ("apex-outside", {"no apex"}),
        ("no-apex", {"no apex"}),
    ],
)
def test_every_fault_is_named_on_its_clip(name, fault, kind, tmp_path):
    clean = read_dataset(name, write_tree(name, tmp_path / "clean", clips=8)).frame["id"]
    found = examine(name, write_tree(name, tmp_path / "spoilt", clips=8, faults={fault: 2}))
    named = {f.clip for f in found.findings if f.kind in kind}
    assert clean[2] in named
    # Where videos hold several events, others of the same video may suffer too.
    assert len(named) <= 4


@pytest.mark.parametrize("name", ["casme2", "samm", "mmew", "dfme", "casme3-a", "casme-sq"])
def test_labels_that_the_dataset_does_not_have_are_named(name, tmp_path):
    found = examine(name, write_tree(name, tmp_path, clips=4, faults={"odd-emotion": 2}))
    (text,) = of_kind(found, "unknown emotion")
    assert "'bliss' is none of" in text


@pytest.mark.parametrize("name", ["samm", "casme2", "dfme"])
def test_folders_that_changed_places_are_named(name, tmp_path):
    root = write_tree(name, tmp_path, clips=6, faults={"swapped-clips": 0})
    found = examine(name, root)
    assert len(of_kind(found, "foreign frames")) == 2
    first, second = found.missing
    if name == "samm":
        assert of_kind(found, "swapped clips") == [
            f"{a} the frames in its folder fit {b}; the folders may be exchanged"
            for a, b in ((first, second), (second, first))
        ]


@pytest.mark.parametrize("name", ["samm", "mmew", "smic-hs", "casme3-a"])
def test_frames_that_changed_places_are_named(name, tmp_path):
    root = write_tree(name, tmp_path, clips=6, size=32, faults={"swapped-frames": 1})
    found = examine(name, root, pixels=True)
    swapped = of_kind(found, "swapped frames")
    assert len(swapped) >= 1
    assert all("look exchanged" in text for text in swapped)
    assert kinds(found, "fault") == {"swapped frames"}


def test_exchanged_frames_of_a_face_are_named_and_sound_faces_are_not(tmp_path):
    root = write_tree(
        "casme2", tmp_path, clips=3, size=(160, 176), style="faces", faults={"swapped-frames": 0}
    )
    found = examine("casme2", root, pixels=True)
    assert [f.clip for f in found.findings if f.kind == "swapped frames"] == [
        read_dataset("casme2", root).frame["id"][0]
    ]
    assert kinds(found, "fault") == {"swapped frames"}


def test_damaged_and_odd_frames_are_named(tmp_path):
    root = write_tree("samm", tmp_path, clips=4, size=24, faults=["damaged-frame", "odd-size"])
    found = examine("samm", root, pixels=True)
    assert len(of_kind(found, "damaged frame")) == 1
    assert "48x48 pixels, the frames before it 24x24" in of_kind(found, "odd size")[0]


def test_the_same_pictures_under_two_names_are_named(tmp_path):
    root = write_tree("samm", tmp_path, clips=4)
    clip = next(path for path in sorted(root.rglob("006/*")) if path.is_dir())
    other = next(path for path in sorted(root.rglob("007/*")) if path.is_dir())
    frames = sorted(clip.iterdir())
    for copy, frame in zip(sorted(other.iterdir()), frames, strict=False):
        copy.write_bytes(frame.read_bytes())
    for copy in sorted(other.iterdir())[len(frames) :]:
        copy.write_bytes(frames[-1].read_bytes())
    table = read_dataset("samm", root).frame.set_index("id")
    assert {clip.name, other.name} <= set(table.index)
    found = examine("samm", root)
    same_length = (
        table.offset[clip.name] - table.onset[clip.name] == table.offset[other.name] - table.onset[other.name]
    )
    assert bool(of_kind(found, "doubled clip")) or not same_length


def test_a_renamed_table_is_named(tmp_path, capsys):
    root = write_tree("mmew", tmp_path, clips=4, faults=["renamed-table"])
    with pytest.raises(DataError, match=r"no annotation table .*labels \(1\)\.xlsx"):
        examine("mmew", root)
    assert main(["datasets", "doctor", "mmew", str(root)]) == 2
    assert "labels (1).xlsx" in capsys.readouterr().err
    table = root / "MMEW" / "labels (1).xlsx"
    assert main(["datasets", "doctor", "mmew", str(root), "--table", str(table)]) == 0


def test_an_absent_table_is_named(tmp_path, capsys):
    root = write_tree("samm", tmp_path, clips=4, faults=["no-table"])
    assert main(["datasets", "doctor", "samm", str(root)]) == 2
    assert "no annotation table" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["extra-nesting", "litter"])
@pytest.mark.parametrize("name", WITH_ROWS)
def test_nesting_and_litter_do_no_harm(name, fault, tmp_path):
    found = examine(name, write_tree(name, tmp_path, clips=6, faults=[fault]))
    assert found.missing == []
    assert kinds(found, "fault") == set()


def test_unreadable_units_are_listed(tmp_path):
    found = examine("samm", write_tree("samm", tmp_path, clips=4, faults={"bad-units": 3}))
    (text,) = of_kind(found, "unreadable action units")
    assert "x7" in text
    assert kinds(found, "fault") == {"unreadable action units"}


def test_repairs_are_reported_and_can_be_left_out(tmp_path, real_data):
    root = write_tree("samm", tmp_path, table=real_data / "annotations" / TABLES["samm"], frames="none")
    repaired, as_it_is = examine("samm", root), examine("samm", root, repair=False)
    assert [(clip, row) for clip, row, _ in repaired.repairs] == [("032_3_1", 132)]
    assert as_it_is.repairs == ()
    assert len(of_kind(as_it_is, "no apex")) == len(of_kind(repaired, "no apex")) + 1


def test_the_five_absent_folders_of_smic_long_are_missing(tmp_path, real_data):
    root = write_tree(
        "smic-hs-long", tmp_path, table=real_data / "annotations" / TABLES["smic-hs-long"], size=4
    )
    assert set(examine("smic-hs-long", root).missing) == {
        "s3_ne_03",
        "s3_ne_20",
        "s4_ne_05",
        "s4_ne_06",
        "s9_sur_02",
    }


def test_frames_that_the_cropped_smic_lacks_are_missing(tmp_path, real_data):
    table = real_data / "annotations" / TABLES["smic-hs"]
    root = write_tree("smic-hs", tmp_path, table=table, size=4, cropped=True)
    found = examine("smic-hs", root, table=table)
    assert found.missing == ["s18_sur_03"]
    assert {f.clip: f.text.split()[0] for f in found.findings if f.kind == "missing frames"} == {
        "s3_po_08": "2",
        "s3_sur_01": "1",
        "s3_sur_05": "1",
        "s3_ne_16": "1",
    }


def test_folders_that_no_row_names_are_noted(tmp_path):
    root = write_tree("samm", tmp_path, clips=4)
    extra = root / "SAMM" / "006" / "006_9_9"
    extra.mkdir()
    next(root.rglob("*.jpg")).rename(extra / "006_1.jpg")
    assert any("006_9_9" in text for text in of_kind(examine("samm", root), "unlisted folder"))


@pytest.mark.parametrize(
    ("table", "four", "five"),
    [
        ("CASME2-coding-20140508.compact.xlsx", (32, 72, 25, 126), 246),
        ("CASME2-coding-20190701.xlsx", (32, 69, 28, 126), 249),
    ],
)
def test_classes_are_counted_by_version_of_the_table(table, four, five, tmp_path, real_data):
    root = write_tree("casme2", tmp_path, table=real_data / "annotations" / table, frames="none")
    found = examine("casme2", root, label_counts=label_counts)
    assert tuple(found.counts["casme2-4class"].values()) == four
    assert found.expected["casme2-4class"] == found.counts["casme2-4class"]
    assert sum(found.counts["casme2-5class"].values()) == five
    assert tuple(found.counts["megc2019"].values()) == (88, 32, 25)
    assert [f for f in found.findings if f.kind.startswith("count of")] == []


@pytest.mark.parametrize("name", TABLES)
def test_real_tables_reach_the_counts_of_every_protocol(name, tmp_path, real_data):
    source = real_data / "annotations" / TABLES[name]
    found = examine(
        name, write_tree(name, tmp_path, table=source, size=4, frames="none"), label_counts=label_counts
    )
    assert [f.text for f in found.findings if f.kind.startswith("count of")] == []
    assert name in ("samm-lv",) or any(what in found.expected for what in list_protocols(f"{name}-*"))


def test_a_joined_release_is_counted_dataset_by_dataset(tmp_path, real_data):
    listed = real_data / "annotations" / "combined_3class_gt.csv"
    found = examine(
        "megc2019-flow", write_tree("megc2019-flow", tmp_path, table=listed), label_counts=label_counts
    )
    assert found.counts["megc2019, smic-hs"] == {"negative": 70, "positive": 51, "surprise": 43}
    assert kinds(found, "fault") == set()


def test_exit_statuses_and_json(tmp_path, capsys):
    whole = write_tree("samm", tmp_path / "whole", clips=4)
    assert main(["datasets", "doctor", "samm", str(whole), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert (plain["clips"], plain["found"], plain["missing"], plain["fps"]) == (4, 4, [], {"200": 4})
    assert plain["images"] == len(list(whole.rglob("*.jpg")))
    assert plain["bytes"] == sum(path.stat().st_size for path in whole.rglob("*.jpg"))
    assert plain["sizes"] == {"16x16": 4}
    short = write_tree("samm", tmp_path / "short", clips=4, faults={"missing-clip": [0, 3]})
    assert main(["datasets", "doctor", "samm", str(short), "--json"]) == 3
    out, err = capsys.readouterr()
    assert len(json.loads(out)["missing"]) == 2
    assert "2 of 4 clips are missing" in err
    assert main(["datasets", "doctor", "sam", str(short)]) == 2
    assert "did you mean 'samm'" in capsys.readouterr().err


def test_the_table_on_the_screen_names_everything(tmp_path, capsys):
    faults = ["missing-clip", "late-offset", "bad-units", "offset-before-onset", "swapped-frames"]
    root = write_tree("samm", tmp_path, clips=12, size=32, faults=faults)
    assert main(["datasets", "doctor", "samm", str(root), "--pixels", "--all"]) == 3
    out = capsys.readouterr().out
    for words in (
        "missing clip: 1",
        "short clip: 1",
        "unreadable action units: 1",
        "annotation: 1",
        "swapped frames: 1",
        "159",
        "disgust",
    ):
        assert words in out


def test_exchanged_frames_are_found_and_smooth_ones_are_not():
    rng = np.random.default_rng(0)
    still, moving = rng.uniform(0, 255, (2, 20, 20))
    phase = np.linspace(0, 2 * np.pi, 60)[:, None, None]
    clip = (still + 10 * np.sin(phase) * moving / 255 + rng.normal(0, 1, (60, 20, 20))).astype(np.float32)
    assert exchanged(clip) == ([], [])
    order = list(range(60))
    order[12], order[40] = 40, 12
    assert exchanged(clip[order]) == ([(12, 40)], [])
    noise = rng.normal(128, 3, (60, 16, 16)).astype(np.float32)
    assert exchanged(noise) == ([], [])
    flash = clip.copy()
    flash[30] += 40
    assert exchanged(flash) == ([], [30])


def test_expected_counts_are_consistent():
    # Labels of a complete copy add up to its clips.
    for name in ("casme2", "smic-hs", "samm", "casme-sq", "casme3-a", "mmew", "dfme"):
        for version in known_versions(name) or ["any"]:
            counts = expected_counts(name, version)
            for what, labels in counts.items():
                if what in ("emotion", "kind"):
                    assert sum(labels.values()) == counts["total"]["clips"], (name, version, what)


def test_numbers_are_written_as_ranges():
    assert ranges([1]) == "1"
    assert ranges([1, 2, 3, 7, 8, 10]) == "1-3, 7-8, 10"


def test_frames_are_not_opened_unless_asked(tmp_path, monkeypatch):
    root = write_tree("samm", tmp_path, clips=4)
    opened: list[Path] = []
    monkeypatch.setattr("merkit.datasets.pixel_checks._small", lambda path: opened.append(path))
    examine("samm", root)
    assert opened == []


def test_the_table_that_was_read_and_the_folder_of_the_frames_are_named(tmp_path, real_data, capsys):
    # With two codings in one folder nobody should have to guess.
    for name in ("CASME2-coding-20140508.compact.xlsx", "CASME2-coding-20190701.xlsx"):
        write_tree("casme2", tmp_path, table=real_data / "annotations" / name, frames="none")
    found = examine("casme2", tmp_path)
    assert found.table_files == (str(tmp_path / "CASME2-coding-20190701.xlsx"),)
    assert found.frames == str(tmp_path / "CASME2_RAW_selected")
    main(["datasets", "doctor", "casme2", str(tmp_path)])
    out = capsys.readouterr().out
    assert "│ CASME2-coding-20190701.xlsx " in out
    assert "│ CASME2_RAW_selected " in out


def test_clips_that_lack_some_frames_are_counted_as_short_and_not_as_missing(tmp_path):
    faults = {"missing-frames": 1, "short-clip": 2, "missing-clip": 3}
    root = write_tree("samm", tmp_path, clips=6, faults=faults)
    ids = read_dataset("samm", root).frame["id"].tolist()
    found = examine("samm", root)
    assert (found.short, found.missing) == (ids[1:3], ids[3:4])
    assert found.to_json()["short"] == found.short


def test_clips_of_nobody_are_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "manifest.csv").write_text("path,person\na,1\nb,\n")
    found = examine("manifest", tmp_path)
    assert found.subjects == 1
    assert of_kind(found, "no subject") == ["b nobody knows whose clip it is, so it has no fold"]
    (tmp_path / "manifest.csv").write_text("path\na\nb\n")
    found = examine("manifest", tmp_path)
    assert found.subjects == 0
    assert of_kind(found, "no subject") == [
        " in none of the clips: nobody knows whose clip it is, so it has no fold"
    ]


def test_options_of_a_reader_can_be_set(tmp_path, capsys):
    root = str(write_tree("casme3-a", tmp_path, clips=4))
    assert main(["datasets", "doctor", "casme3-a", root, "--set", "stream=depth", "--json"]) == 0
    depth = json.loads(capsys.readouterr().out)
    assert main(["datasets", "doctor", "casme3-a", root, "--json"]) == 0
    assert depth["bytes"] != json.loads(capsys.readouterr().out)["bytes"]
    assert main(["datasets", "doctor", "casme3-a", root, "--set", "strem=depth"]) == 2
    assert "did you mean 'stream'" in capsys.readouterr().err


def test_counts_are_shown_by_label_map_and_against_a_complete_copy(tmp_path, real_data, capsys):
    source = real_data / "annotations" / TABLES["samm"]
    whole = write_tree("samm", tmp_path / "whole", table=source, frames="none")
    main(["datasets", "doctor", "samm", str(whole)])
    out = capsys.readouterr().out
    assert re.search(r"samm-3class │ negative 92, positive 26, surprise 15 +│ yes", out)
    book = load_workbook(source)
    for line in book.active.iter_rows(min_row=15, max_row=20):
        line[9].value = "Surprise"
    book.save(source := tmp_path / source.name)
    other = write_tree("samm", tmp_path / "other", table=source, frames="none")
    main(["datasets", "doctor", "samm", str(other)])
    out = capsys.readouterr().out
    assert re.search(r"surprise \d+ of +│? *15", out)
    assert re.search(r"samm-3class │ negative \d+ of 92, .*│ no", out)
    # The table says it; a list of the same below it would hide the other findings.
    assert "count of" not in out


def test_a_version_of_a_table_with_unknown_counts_is_said_on_one_line(tmp_path, capsys):
    root = write_tree("4dme", tmp_path, clips=4, variant="macro")
    assert main(["datasets", "doctor", "4dme", str(root)]) == 0
    text = "unknown table: no counts are known for the table version 'micro and macro'; known are micro\n"
    assert text in capsys.readouterr().out


@pytest.mark.parametrize("name", list_layouts())
def test_the_tables_on_the_screen_fit_80_columns(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    root = write_tree(name, tmp_path, clips=4)
    rate = ["--fps", "100"] if name == "folders" else []
    main(["datasets", "doctor", name, str(root), *rate])
    drawn = [line for line in capsys.readouterr().out.splitlines() if line[:1] in "┏┃┡│└"]
    assert drawn
    assert max(map(len, drawn)) <= 80
