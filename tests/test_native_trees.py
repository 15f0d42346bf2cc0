"""Generated native trees: names and tables are those of the owners, faults are where they were planted."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pytest
from tree_digests import digests

from merkit.datasets import read_dataset
from merkit.errors import ConfigError, DataError
from merkit.simulate.native import FAULTS, NativeClip, get_layout, list_layouts, write_tree

WITH_FRAMES = [name for name in list_layouts() if not name.startswith("megc")]
EXAMPLES = {
    "casme": (
        NativeClip("1", "EP01_5", 10, 12, 15, more={"row": "0"}),
        "CASME_raw_selected/sub01/EP01_5/EP01_5-12.jpg",
    ),
    "casme2": (NativeClip("01", "EP02_01f", 46, 59, 86), "CASME2_RAW_selected/sub01/EP02_01f/img46.jpg"),
    "smic-hs": (
        NativeClip("1", "s1_ne_01", 61250, None, 61291, "negative"),
        "SMIC_all_raw/HS/s1/micro/negative/s1_ne_01/image061250.bmp",
    ),
    "smic-hs-long": (
        NativeClip("3", "s3_ne_07", 302370, None, 302380, "negative"),
        "HS_long/SMIC_HS_E/s03/s3_ne_07/image302370.jpg",
    ),
    "samm": (NativeClip("006", "006_1_2", 5562, 5588, 5632), "SAMM/006/006_1_2/006_05588.jpg"),
    "samm-lv": (NativeClip("006", "006_1_1", 1, 4, 8), "SAMM_longvideos/006_1/006_1_0001.jpg"),
    "casme-sq": (
        NativeClip("1", "disgust1_1", 1, 4, 8, more={"type": "micro-expression", "self-reported": "disgust"}),
        "rawpic/s15/15_0101disgustingteeth/img1.jpg",
    ),
    "casme3-a": (
        NativeClip("spNO.14", "J", 175, 178, 180, more={"objective_class": "VII"}),
        "part_A/data/part_A_split/part_A/spNO.14/j/color/175.jpg",
    ),
    "casme3-c": (NativeClip("3", "1", 5, None, 9, aus="4,7"), "RGB_Depth/part_C/part_C/03/a/color/5.jpg"),
    "mmew": (
        NativeClip("1", "S01-01-001", 1, 15, 31, "happiness"),
        "MMEW/Micro_Expression/happiness/S01-01-001/1.jpg",
    ),
    "4dme": (NativeClip("01", "clip_1", 1826, 1830, 1840), "gray_micro/01/clip_1/Frame_000001826.jpg"),
    "dfme": (NativeClip("sub0003", "sub0003_01", 109, 199, 228, "anger"), "DFME_train/sub0003_01/109.png"),
}


def pictures(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.suffix in {".jpg", ".png", ".bmp"})


def cells(path: Path) -> list[tuple[object, ...]]:
    return list(openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True))


@pytest.mark.parametrize("name", EXAMPLES)
def test_files_are_named_as_the_owners_name_them(name, tmp_path):
    clip, expected = EXAMPLES[name]
    root = write_tree(name, tmp_path, clips=[clip], frames="marks", size=8)
    assert (root / expected).is_file()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("casme2", "Cropped/sub01/EP02_01f/reg_img46.jpg"),
        ("casme", "Cropped/sub01/EP01_5/reg_EP01_5-12.jpg"),
        ("smic-hs", "SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/reg_image061250.bmp"),
        ("casme-sq", "cropped/15/disgust1_1/img1.jpg"),
    ],
)
def test_cropped_faces_lie_where_the_owners_put_them(name, expected, tmp_path):
    root = write_tree(name, tmp_path, clips=[EXAMPLES[name][0]], frames="marks", size=8, cropped=True)
    assert (root / expected).is_file()


def test_casme_pads_numbers_from_row_92_on(tmp_path):
    root = write_tree("casme", tmp_path, clips=93, size=4)
    layout = get_layout("casme")
    clips = layout.invent(93, np.random.default_rng(0))
    assert layout.file(clips[91], 7).endswith("-7.jpg")
    assert layout.file(clips[92], 7).endswith("-007.jpg")
    assert (root / layout.folder(clips[92]) / layout.file(clips[92], clips[92].onset)).is_file()


@pytest.mark.parametrize(
    ("name", "n", "last"),
    [
        ("casme2", 28, "28"),
        ("smic-hs", 11, "13"),
        ("samm", 9, "015"),
        ("casme-sq", 22, "22"),
        ("samm-lv", 2, "007"),
    ],
)
def test_people_beyond_those_of_a_dataset_get_further_numbers(name, n, last):
    people = get_layout(name).people(n)
    assert len(set(people)) == n
    assert people[-1] == last


@pytest.mark.parametrize("name", list_layouts())
def test_equal_seeds_give_equal_trees(name, tmp_path):
    first, second, other = (
        digests(write_tree(name, tmp_path / str(place), clips=3, size=8, seed=seed))
        for place, seed in enumerate((5, 5, 6))
    )
    assert first == second != other


@pytest.mark.parametrize("name", WITH_FRAMES)
def test_no_two_pictures_of_two_folders_are_the_same(name, tmp_path):
    # Equal contents under two names are what the check for doubled clips looks for.
    sums: dict[str, set[str]] = {}
    for path in pictures(write_tree(name, tmp_path, clips=4)):
        sums.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), set()).add(str(path.parent))
    # Depth is the colour picture in grey in these trees.
    assert {len(folders) for folders in sums.values()} == {1}


def test_tables_have_the_columns_of_the_owners(tmp_path):
    rows = cells(write_tree("casme2", tmp_path / "a", clips=2) / "CASME2-coding-20190701.xlsx")
    assert rows[0] == (
        "Subject",
        "Filename",
        None,
        "OnsetFrame",
        "ApexFrame",
        "OffsetFrame",
        None,
        "Action Units",
        "Estimated Emotion",
        "Objective Classes",
    )
    assert rows[1][0] == "01"
    rows = cells(write_tree("samm", tmp_path / "b", clips=2) / "SAMM_Micro_FACS_Codes_v2.xlsx")
    assert rows[13][:5] == ("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame")
    assert rows[14][6] == rows[14][5] - rows[14][3] + 1
    book = openpyxl.load_workbook(
        write_tree("casme-sq", tmp_path / "c", clips=2) / "CAS(ME)^2code_final(Updated).xlsx"
    )
    assert book.sheetnames == ["CASFEcode_final", "naming rule1", "naming rule2"]
    assert [cell.value for cell in book["naming rule1"][22]] == ["s40", 40, 22]
    rows = cells(write_tree("dfme", tmp_path / "d", clips=2) / "training_full_with_AU.xlsx")
    assert rows[0] == (
        "Subject",
        "Filename",
        "OnsetFrame",
        "ApexFrame",
        "OffsetFrame",
        "Emotion",
        "EmotionId",
        "Fps",
        "AU",
    )
    rows = cells(
        write_tree("4dme", tmp_path / "e", clips=2, variant="apostrophe")
        / "4DME_Labelling_Micro_release v1.xlsx"
    )
    assert rows[0][0] == "sub_ID'"


def test_depth_has_the_numbers_of_colour(tmp_path):
    root = write_tree("casme3-a", tmp_path, clips=2)
    colour = {path.stem for path in root.rglob("color/*.jpg")}
    assert colour == {path.stem for path in root.rglob("depth/*.png")} != set()


@pytest.mark.parametrize(
    ("name", "table", "clips"),
    [
        ("casme2", "CASME2-coding-20190701.xlsx", 255),
        ("casme2", "CASME2-coding-20140508.compact.xlsx", 255),
        ("smic-hs", "SMIC_HS_cropped.csv", 164),
        ("samm", "SAMM_Micro_FACS_Codes_v2.xlsx", 159),
        ("mmew", "MMEW_Micro_Exp.csv", 300),
    ],
)
def test_every_row_of_a_real_table_gets_a_folder(name, table, clips, tmp_path, real_data):
    source = real_data / "annotations" / table
    root = write_tree(name, tmp_path, table=source, size=4)
    assert len({path.parent for path in pictures(root)}) == clips
    if name != "smic-hs":
        copies = list(root.rglob(table))
        assert [copy.read_bytes() for copy in copies] == [source.read_bytes()]


def test_long_recordings_of_smic_lack_the_five_folders(tmp_path, real_data):
    table = real_data / "annotations" / "smic_hs_long_apex.xlsx"
    root = write_tree("smic-hs-long", tmp_path, table=table, size=4)
    folders = {path.parent.name for path in pictures(root)}
    assert len(folders) == 159
    assert folders.isdisjoint({"s3_ne_03", "s3_ne_20", "s4_ne_05", "s4_ne_06", "s9_sur_02"})


def test_known_wrong_numbers_leave_the_right_frames_in_place(tmp_path, real_data):
    # spNO.214 c: offset 3460, of which 34 is right; SAMM 032_3_1: apex 1930, of which 4930 is right.
    folder = real_data / "annotations"
    a3 = write_tree(
        "casme3-a", tmp_path / "a", table=folder / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", size=4
    )
    assert (a3 / "part_A/data/part_A_split/part_A/spNO.214/c/color/34.jpg").is_file()
    samm = write_tree("samm", tmp_path / "b", table=folder / "SAMM_Micro_FACS_Codes_v2.xlsx", size=4)
    assert (samm / "SAMM/032/032_3_1/032_4930.jpg").is_file()


def test_full_tables_of_casme_and_4dme_have_the_known_faults(tmp_path):
    clips = get_layout("casme").invent(189, np.random.default_rng(0))
    assert [(c.onset, c.offset) for c in (clips[40], clips[42], clips[43])] == [
        (149, 108),
        (119, 101),
        (74, 57),
    ]
    repaired = read_dataset("casme", write_tree("casme", tmp_path / "a", clips=189, frames="none"))
    marks = repaired.frame[["onset", "apex", "offset"]]
    assert marks.loc[[40, 42, 43]].to_numpy().tolist() == [[108, 120, 149], [101, 110, 119], [57, 65, 74]]
    frame = read_dataset("4dme", write_tree("4dme", tmp_path / "b", clips=267, frames="none")).frame
    assert frame["apex"][26] == 2490
    layout = get_layout("4dme")
    assert [frame["aus_text"][row] for row in (144, 145)] == [
        layout.emotions[row % len(layout.emotions)][1] for row in (144, 145)
    ]


def test_cropped_sets_lack_what_the_owners_lack(tmp_path, real_data):
    folder = real_data / "annotations"
    smic = write_tree("smic-hs", tmp_path / "a", table=folder / "SMIC_HS_cropped.csv", size=4, cropped=True)
    have = Counter(path.parent.name for path in pictures(smic))
    clips = get_layout("smic-hs").read(folder / "SMIC_HS_cropped.csv")
    raw = Counter({clip.name: clip.offset - clip.onset + 1 for clip in clips})
    assert raw - have == {
        "s18_sur_03": raw["s18_sur_03"],
        "s3_po_08": 2,
        "s3_sur_01": 1,
        "s3_sur_05": 1,
        "s3_ne_16": 1,
    }
    table = folder / "CASME2-coding-20190701.xlsx"
    casme2 = write_tree("casme2", tmp_path / "b", table=table, size=4, cropped=True)
    assert len(list((casme2 / "Cropped" / "sub16" / "EP01_08").iterdir())) == 1


def test_faults_in_rows_change_the_table_and_no_frame(tmp_path):
    clean = write_tree("casme2", tmp_path / "a", clips=4)
    spoilt = write_tree("casme2", tmp_path / "b", clips=4, faults=["no-apex", "offset-zero", "bad-units"])
    table = "CASME2-coding-20190701.xlsx"
    assert digests(clean / "CASME2_RAW_selected") == digests(spoilt / "CASME2_RAW_selected")
    before, after = cells(clean / table), cells(spoilt / table)
    assert after[1][4] == "/"
    assert after[2][5] == 0
    assert after[3][7] == "4+x7"
    assert after[4] == before[4]


@pytest.mark.parametrize(
    ("fault", "left"),
    [("missing-clip", 2), ("empty-clip", 2), ("missing-frames", 3), ("short-clip", 3), ("damaged-frame", 3)],
)
def test_faults_in_frames_hit_the_row_that_is_named(fault, left, tmp_path):
    clean = write_tree("samm", tmp_path / "a", clips=3)
    spoilt = write_tree("samm", tmp_path / "b", clips=3, faults={fault: 1})

    def folders(root: Path) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for path in pictures(root):
            found.setdefault(path.parent.name, []).append(path.read_bytes())
        return found

    before, after = folders(clean), folders(spoilt)
    assert len(after) == left
    assert [name for name in before if after.get(name) != before[name]] == [list(before)[1]]


def test_swapped_frames_exchange_two_pictures(tmp_path):
    clean = write_tree("samm", tmp_path / "a", clips=1)
    spoilt = write_tree("samm", tmp_path / "b", clips=1, faults=["swapped-frames"])
    before = [path.read_bytes() for path in pictures(clean)]
    after = [path.read_bytes() for path in pictures(spoilt)]
    wrong = [place for place in range(len(before)) if before[place] != after[place]]
    assert len(wrong) == 2
    assert after[wrong[0]] == before[wrong[1]]


def test_faults_of_the_tree(tmp_path):
    root = write_tree("samm", tmp_path, clips=2, faults=["extra-nesting", "renamed-table", "litter"])
    assert (root / "SAMM" / "SAMM" / "006").is_dir()
    assert (root / "labels (1).xlsx").is_file()
    assert (root / "SAMM" / "SAMM" / "006" / ".DS_Store").is_file()
    assert not list(write_tree("mmew", tmp_path / "m", clips=2, faults=["no-table"]).rglob("*.xlsx"))


def test_simulated_faces_move_at_the_apex(tmp_path):
    clip = NativeClip("01", "EP01_1", 10, 18, 26, "happiness", "12", first=6, last=30)
    root = write_tree("casme2", tmp_path, clips=[clip], size=(120, 130), style="faces")
    frames = {int(path.stem[3:]): cv2.imread(str(path), 0).astype(float) for path in pictures(root)}
    # The movement is at the mouth; camera noise is everywhere, and averages out over a patch.
    change = {
        (a, b): np.abs(cv2.blur(frames[a] - frames[b], (7, 7))).max() for a, b in [(6, 8), (6, 18), (6, 30)]
    }
    assert frames[18].shape == (130, 120)
    assert change[6, 18] > 2 * max(change[6, 8], change[6, 30])


def test_releases_hold_one_map_a_clip(tmp_path, real_data):
    listed = real_data / "annotations" / "combined_3class_gt.csv"
    root = write_tree("megc2019-flow", tmp_path / "a", table=listed)
    stored = np.load(root / "flow.npz")
    assert stored["flow"].shape == (442, 28, 28, 3)
    assert np.bincount(stored["label"]).tolist() == [250, 109, 83]
    assert stored["sample_id"][0] == "sub01_EP02_01f"
    shown = write_tree("megc2019-flow-phases", tmp_path / "b", clips=3, variant="png")
    assert len(pictures(shown)) == 12
    assert (shown / "sub01_EP01_01f _1 .png").exists() is False
    assert (shown / "sub01_EP01_01f_1 .png").is_file()
    histograms = np.load(write_tree("megc2019-features", tmp_path / "c", clips=3) / "hoof_lbptop.npz")
    np.testing.assert_allclose(histograms["lbptop_tim64_p8"].sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "casme4"}, "did you mean"),
        ({"name": "samm", "faults": ["missing-clp"]}, "did you mean 'missing-clip'"),
        ({"name": "samm", "faults": {"no-apex": 99}}, "row 99 of 12"),
        ({"name": "samm", "clips": 0}, "at least 1"),
        ({"name": "samm", "variant": "v9"}, "samm has"),
        ({"name": "samm", "cropped": True}, "without cropped"),
        ({"name": "samm", "style": "faces"}, "larger size"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        write_tree(root=tmp_path, **arguments)


def test_a_real_table_is_never_changed(tmp_path, real_data):
    with pytest.raises(ConfigError, match="stays as it is"):
        write_tree(
            "mmew",
            tmp_path,
            table=real_data / "annotations" / "MMEW_Micro_Exp.csv",
            faults=["no-apex"],
            frames="none",
        )


def test_an_unreadable_table_is_named(tmp_path):
    bad = tmp_path / "table.xlsx"
    bad.write_text("no")
    with pytest.raises(DataError, match=r"table\.xlsx: cannot be read"):
        write_tree("samm", tmp_path / "out", table=bad)


def test_all_faults_have_names():
    assert len(set(FAULTS)) == len(FAULTS) == 19
