"""Protocols on the published annotation tables: counts class by class, folds, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from merkit.clips import Clip, ClipTable
from merkit.datasets import read_dataset
from merkit.errors import ConfigError, DataError
from merkit.protocols import differences_from_list, get_protocol, list_protocols
from merkit.simulate.native import write_tree

CODINGS = {"2014": "CASME2-coding-20140508.compact.xlsx", "2019": "CASME2-coding-20190701.xlsx"}
TABLES = {
    "casme2": CODINGS["2014"],
    "smic-hs": "SMIC_HS_cropped.csv",
    "smic-hs-long": "smic_hs_long_apex.xlsx",
    "samm": "SAMM_Micro_FACS_Codes_v2.xlsx",
    "casme-sq": "CAS(ME)^2code_final(Updated).noheader.csv",
    "casme3-a": "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
    "mmew": "MMEW_Micro_Exp.csv",
    "dfme": "DFME_training_full_with_AU.xlsx",
}

Read = Callable[..., ClipTable]


@pytest.fixture(scope="module")
def read(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Reads a published annotation table without frames, each once."""
    empty, known = tmp_path_factory.mktemp("no-frames"), {}

    def read_one(name: str, file: str = "") -> ClipTable:
        file = file or TABLES[name]
        if (name, file) not in known:
            known[name, file] = read_dataset(name, empty, table=real_data / "annotations" / file)
        return known[name, file]

    return read_one


def clips(emotions: str, dataset: str = "samm", subjects: int = 3, **about) -> ClipTable:
    """Constructed clips with the given emotions, dealt out to subjects."""
    pixels = np.zeros((2, 4, 4), np.uint8)
    return ClipTable.from_clips(
        Clip.from_array(
            pixels, id=f"c{k}", dataset=dataset, subject=f"s{k % subjects}", emotion=emotion, **about
        )
        for k, emotion in enumerate(emotions.split())
    )


@pytest.mark.parametrize("coding", CODINGS)
def test_megc2019_equals_the_organisers_list(read: Read, real_data: Path, coding: str):
    tables = {"samm": read("samm"), "casme2": read("casme2", CODINGS[coding]), "smic-hs": read("smic-hs")}
    protocol = get_protocol("megc2019")
    chosen = protocol.select(tables)
    assert len(chosen.y) == 442
    assert len(set(chosen.groups)) == 68
    assert chosen.counts() == {"negative": 250, "positive": 109, "surprise": 83}
    assert [list(chosen.counts(name).values()) for name in ("casme2", "smic-hs", "samm")] == [
        [88, 32, 25],
        [70, 51, 43],
        [92, 26, 15],
    ]
    assert chosen.warnings == []
    assert differences_from_list(chosen, real_data / "annotations" / "combined_3class_gt.csv") == []
    folds = list(protocol.folds(chosen))
    assert len(folds) == 68
    assert sorted(row for fold in folds for row in fold.test) == list(range(442))


def test_megc2019_from_native_trees(real_data: Path, tmp_path: Path):
    tables = {
        name: read_dataset(
            name, write_tree(name, tmp_path / name, table=real_data / "annotations" / TABLES[name])
        )
        for name in ("casme2", "smic-hs", "samm")
    }
    assert all(table.frame["found"].all() for table in tables.values())
    chosen = get_protocol("megc2019").select(tables)
    assert chosen.counts() == {"negative": 250, "positive": 109, "surprise": 83}
    # The organisers' own copy has a line of commas after every row.
    rows = (real_data / "annotations" / "combined_3class_gt.csv").read_text("utf-8").splitlines()
    theirs = tmp_path / "combined_3class_gt-2.csv"
    theirs.write_text("".join(f"{row}\n,,,\n" for row in rows), encoding="utf-8")
    assert differences_from_list(chosen, theirs) == []


def test_megc2019_takes_the_release_of_flow_maps_as_it_is(real_data: Path):
    table = read_dataset("megc2019-flow", real_data / "megc2019_flow")
    chosen = get_protocol("megc2019").select({"megc2019-flow": table})
    assert chosen.clips.frame["id"].tolist() == table.frame["id"].tolist()
    assert chosen.y.tolist() == table.frame["emotion"].tolist()
    assert chosen.dropped == []
    assert chosen.warnings == []


def test_the_organisers_list_shows_what_differs(read: Read, real_data: Path):
    tables = {"samm": read("samm"), "casme2": read("casme2"), "smic-hs": read("smic-hs")}
    chosen = get_protocol("megc2019").select(tables)
    chosen.y[0] = "surprise"
    shorter = type(chosen)(chosen.clips[:-1], *(getattr(chosen, n)[:-1] for n in ("y", "groups", "datasets")),
                           chosen.classes, [])  # fmt: skip
    found = differences_from_list(shorter, real_data / "annotations" / "combined_3class_gt.csv")
    first, last = chosen.clips.frame["id"].iloc[[0, -1]]
    assert found[0] == f"casme2 {first}: surprise, in the list positive"
    assert found[1].startswith("samm 037_")
    assert last in found[1]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("name", "file"),
    [*TABLES.items(), ("casme2", CODINGS["2019"])],
    ids=lambda text: text[:24],
)
def test_class_counts_of_every_published_table_are_the_expected_ones(read: Read, name: str, file: str):
    table = read(name, file)
    version = table.frame["table_version"].iloc[0]
    names = [n for n in list_protocols(f"{name}-*") if get_protocol(n).datasets == (name,)]
    assert names
    for protocol in map(get_protocol, names):
        known = protocol.expected_counts[name]
        chosen = protocol.select({name: table})
        assert chosen.counts() == known.get(version, known.get("*"))
        assert chosen.warnings == []
        assert len(chosen.y) + len(chosen.dropped) == len(table)


def test_casme2_counts_follow_the_version_of_the_coding(read: Read):
    four, five = get_protocol("casme2-4class"), get_protocol("casme2-5class")
    found = {
        coding: (
            list(four.select({"casme2": read("casme2", file)}).counts().values()),
            len(five.select({"casme2": read("casme2", file)}).y),
        )
        for coding, file in CODINGS.items()
    }
    assert found == {"2014": ([32, 72, 25, 126], 246), "2019": ([32, 69, 28, 126], 249)}


@pytest.mark.parametrize(
    ("name", "subjects"), [("casme2-5class", 26), ("samm-5class", 27), ("smic-hs-3class", 16)]
)
def test_folds_of_single_databases(read: Read, name: str, subjects: int):
    protocol = get_protocol(name)
    (dataset,) = protocol.datasets
    chosen = protocol.select({dataset: read(dataset)})
    folds = list(protocol.folds(chosen))
    assert len(folds) == subjects
    for fold in folds:
        assert set(chosen.groups[fold.test]) == {fold.name}
        assert fold.name not in set(chosen.groups[fold.train])


def test_missing_clips_are_told_with_their_counts(read: Read):
    table = read("samm")[:-3]
    (warning,) = get_protocol("samm-4class").select({"samm": table}).warnings
    assert "expected" in warning
    assert "merkit datasets doctor samm" in warning


def test_dropped_clips_say_why(read: Read):
    chosen = get_protocol("casme2-3class").select({"casme2": read("casme2")})
    why = dict(chosen.dropped)
    assert "apex" in why["sub04_EP12_01f"]
    assert set(why.values()) >= {"others is in no class", "sadness is in no class"}


def test_macro_expressions_are_left_out(read: Read):
    chosen = get_protocol("casme-sq-4class").select({"casme-sq": read("casme-sq")})
    assert len(chosen.y) == 57
    assert sum(why == "macro: no micro-expression" for _, why in chosen.dropped) == 300


def test_spellings_of_emotions_are_one():
    table = clips("Happiness happy HAPPYINESS sad Sadness Other anger")
    chosen = get_protocol("samm-4class").select({"samm": table})
    assert chosen.y.tolist() == ["positive"] * 3 + ["negative"] * 2 + ["others", "negative"]


def test_the_order_of_the_tables_changes_nothing(read: Read):
    tables = {name: read(name) for name in ("casme2", "smic-hs", "samm")}
    one, other = (
        get_protocol("megc2019").select(dict(order)) for order in (tables.items(), reversed(tables.items()))
    )
    assert one.clips.frame["id"].tolist() == other.clips.frame["id"].tolist()
    assert (one.y == other.y).all()


def test_lodo_keeps_releases_of_the_same_people_together(read: Read):
    names = ("casme2", "smic-hs", "smic-hs-long", "samm")
    protocol = get_protocol("lodo")
    chosen = protocol.select({name: read(name) for name in names})
    folds = {fold.name: fold for fold in protocol.folds(chosen)}
    assert {name: len(fold.test) for name, fold in folds.items()} == {
        "casme2": 145,
        "samm": 133,
        "smic-hs+smic-hs-long": 328,
    }
    assert set(chosen.datasets[folds["samm"].train]) == {"casme2", "smic-hs", "smic-hs-long"}


def test_cross_database_trains_on_one_side_only(read: Read):
    protocol = get_protocol("casme2+smic-hs-to-samm")
    chosen = protocol.select({name: read(name) for name in ("casme2", "smic-hs", "samm")})
    (fold,) = protocol.folds(chosen)
    assert set(chosen.datasets[fold.test]) == {"samm"}
    assert set(chosen.datasets[fold.train]) == {"casme2", "smic-hs"}


def test_units_of_a_clip():
    aus = [("L12", "4B"), ("(R6 or R12)",), ("12(k)", "AD38"), ("?",), (), ("(4 or (4+7))",)]
    table = ClipTable.from_clips(
        Clip.from_array(np.zeros((2, 4, 4), np.uint8), id=f"c{k}", dataset=name, subject="s", aus=units)
        for k, (name, units) in enumerate(product(("samm", "mmew"), aus))
    )
    protocol = get_protocol("au12")
    chosen = protocol.select({"own": table})
    assert chosen.y.shape == (12, 12)
    present = [[protocol.classes[k] for k in np.flatnonzero(row)] for row in chosen.y[:6]]
    # Sides and intensities do not count; undecided and static units are no presence.
    assert present == [["AU4", "AU12"], [], [], [], [], ["AU4"]]
    assert [fold.name for fold in protocol.folds(chosen)] == ["mmew", "samm"]


def test_au12_on_the_published_tables(read: Read):
    chosen = get_protocol("au12").select(
        {name: read(name) for name in ("casme2", "samm", "mmew", "casme3-a")}
    )
    assert len(chosen.y) == 255 + 159 + 300 + 860
    # Where a cell is decided, the plain numbers in it are the units.
    texts = chosen.clips.frame["aus_text"].tolist()
    plain = [row for row, text in enumerate(texts) if not re.search(r"or|/|\?|loses|ref|AD|M|\(", text)]
    assert len(plain) > 1500
    for row in plain:
        numbers = {f"AU{n}" for n in re.findall(r"\d+", texts[row])}
        assert {name for name, there in zip(chosen.classes, chosen.y[row], strict=True) if there} == (
            numbers & set(chosen.classes)
        )


def test_own_labels_are_the_classes():
    table = clips("joy anger joy calm", dataset="manifest", subjects=2)
    chosen = get_protocol("manifest-3class").select({"manifest": table})
    assert chosen.classes == ("anger", "calm", "joy")
    with pytest.raises(ConfigError, match="expects 2 classes, the data have 3: anger, calm, joy"):
        get_protocol("manifest-2class").select({"manifest": table})


def test_k_folds_of_subjects(read: Read):
    protocol = get_protocol("dfme-7class-10fold")
    chosen = protocol.select({"dfme": read("dfme")})
    folds = list(protocol.folds(chosen))
    assert [fold.name for fold in folds] == [f"{k} of 10" for k in range(1, 11)]
    assert sorted(row for fold in folds for row in fold.test) == list(range(1856))
    for fold in folds:
        assert not set(chosen.groups[fold.test]) & set(chosen.groups[fold.train])


def test_describe_prints_n_and_counts():
    chosen = get_protocol("samm-3class").select({"samm": clips("anger anger happiness surprise other")})
    assert chosen.describe() == ["all: 4 clips, 3 subjects: negative 2, positive 1, surprise 1"]


@pytest.mark.parametrize(
    ("name", "tables", "message"),
    [
        ("megc2019", {"samm": clips("anger")}, "needs casme2, smic-hs: add --data casme2=ROOT"),
        ("samm-3class", {"mmew": clips("fear", dataset="mmew")}, "no place for dataset 'mmew'"),
        ("samm-3class", {"a": clips("anger"), "b": clips("anger")}, "given twice, as a and as b"),
        ("lodo", {"samm": clips("anger")}, "needs 2 datasets or more"),
        ("samm-3class", {}, "needs samm"),
    ],
)
def test_tables_that_do_not_fit_are_refused(name: str, tables: dict[str, ClipTable], message: str):
    with pytest.raises(ConfigError, match=message):
        get_protocol(name).select(tables)


def test_clips_without_a_subject_are_refused():
    table = clips("anger fear sadness")
    table.frame.loc[1:, "subject"] = [None, " "]
    with pytest.raises(DataError, match="2 of 3 clips have no subject, 'c1' among them"):
        get_protocol("samm-3class").select({"samm": table})


def test_a_selection_without_clips_says_why():
    with pytest.raises(DataError, match="keeps none of 2 clips of samm: others is in no class"):
        get_protocol("samm-3class").select({"samm": clips("other Others")})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("megc2091", "did you mean 'megc2019'"),
        ("casme2-to-sam", "unknown dataset 'sam'.*'samm'"),
        ("smic-hs-to-smic-nir", "people of smic on both sides"),
        ("lodo-5fold", "has folds of its own"),
        ("samm-3class-1fold", "2 folds or more"),
        ("manifest-1class", "2 classes or more"),
    ],
)
def test_names_that_mean_nothing_are_refused(name: str, message: str):
    with pytest.raises(ConfigError, match=message):
        get_protocol(name)


@pytest.mark.parametrize("name", list_protocols())
def test_every_protocol_is_complete(name: str):
    protocol = get_protocol(name)
    assert protocol.name == name
    assert protocol.summary
    assert len(set(protocol.classes)) == len(protocol.classes) >= 2
    for versions in protocol.expected_counts.values():
        assert all(tuple(counts) == protocol.classes for counts in versions.values())


def test_the_page_lists_every_protocol_with_its_counts():
    page = (Path(__file__).resolve().parent.parent / "docs" / "protocols.md").read_text(encoding="utf-8")
    for protocol in map(get_protocol, list_protocols()):
        (row,) = [
            line
            for line in page.splitlines()
            if line.startswith(f"| `{protocol.name}` | {protocol.classes[0]}")
        ]
        assert ", ".join(protocol.classes) in row
        for versions in protocol.expected_counts.values():
            for version, counts in versions.items():
                numbers = " / ".join(map(str, counts.values())) + f" = {sum(counts.values())}"
                assert (numbers if version == "*" else f"{version}: {numbers}") in row
