"""The grammar of action units: every spelling of the tables, and a round trip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.datasets.action_units import (
    REMARKS,
    ActionUnit,
    Alternatives,
    Remark,
    action_unit_texts,
    format_action_units,
    parse_action_units,
    present_numbers,
)
from merkit.datasets.tables import column, read_table
from merkit.errors import AnnotationError

SIDES = ["", "L", "R", "A", "T", "B", "L/A", "A/R"]
LEVELS = ["", "A", "B", "E", "B/C", "D/E", "B/A", "C and then B"]
UNITS = st.builds(
    ActionUnit,
    number=st.integers(1, 99),
    side=st.sampled_from(SIDES),
    kind=st.sampled_from(["AU", "AD", "M"]),
    intensity=st.sampled_from(LEVELS),
    doubtful=st.booleans(),
    mark=st.sampled_from(["", "ref", "loses", "k"]),
)
UNKNOWN = st.just(ActionUnit(0, doubtful=True))
# A group in an alternative is one item or several, each of which is a unit or undecided itself.
OPTIONS = st.lists(UNITS, min_size=1, max_size=3).map(tuple)
CHOICES = st.lists(OPTIONS, min_size=2, max_size=4).map(lambda options: Alternatives(tuple(options)))
NESTED = st.lists(
    st.lists(st.one_of(UNITS, CHOICES), min_size=1, max_size=2)
    .map(tuple)
    .filter(lambda option: len(option) > 1 or isinstance(option[0], ActionUnit)),
    min_size=2,
    max_size=3,
).map(lambda options: Alternatives(tuple(options)))
ITEMS = st.lists(
    st.one_of(UNITS, UNKNOWN, CHOICES, NESTED, st.sampled_from(REMARKS).map(Remark)), max_size=6
).map(tuple)


@given(ITEMS)
def test_what_is_written_is_read_again(items):
    assert parse_action_units(format_action_units(items)) == items


@given(ITEMS)
def test_separators_and_blanks_do_not_matter(items):
    texts = [str(item) for item in items]
    for separator in (" + ", ",", "，", "+ "):
        assert parse_action_units(separator.join(texts)) == items


def unit(number, side="", intensity="", **more):
    return ActionUnit(number, side, intensity=intensity, **more)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("4+7", (unit(4), unit(7))),
        ("L10", (unit(10, "L"),)),
        ("12R", (unit(12, "R"),)),
        ("4R+7", (unit(4, "R"), unit(7))),
        ("A14C", (unit(14, "A", "C"),)),
        ("15A", (unit(15, "", "A"),)),
        ("4B/C", (unit(4, "", "B/C"),)),
        ("4(B/C)", (unit(4, "", "B/C"),)),
        ("A(4B/C)", (unit(4, "A", "B/C"),)),
        ("T23", (unit(23, "T"),)),
        ("B28", (unit(28, "B"),)),
        ("B18(A/B)", (unit(18, "B", "A/B"),)),
        ("A/L12", (unit(12, "A/L"),)),
        ("(L/A)4B", (unit(4, "L/A", "B"),)),
        ("AD38", (unit(38, kind="AD"),)),
        ("26+ADR30", (unit(26), unit(30, "R", kind="AD"))),
        ("M57", (unit(57, kind="M"),)),
        ("80", (unit(80),)),
        ("L12 or L14", (Alternatives(((unit(12, "L"),), (unit(14, "L"),))),)),
        ("10or11", (Alternatives(((unit(10),), (unit(11),))),)),
        ("(R6 or R12)+R15", (Alternatives(((unit(6, "R"),), (unit(12, "R"),))), unit(15, "R"))),
        ("R(12or14)B", (Alternatives(((unit(12, "R", "B"),), (unit(14, "R", "B"),))),)),
        ("ref(12/14)", (Alternatives(((unit(12, mark="ref"),), (unit(14, mark="ref"),))),)),
        ("((8+25)or(50))", (Alternatives(((unit(8), unit(25)), (unit(50),))),)),
        (
            "(1B+2A)or(loses AU4)",
            (Alternatives(((unit(1, "", "B"), unit(2, "", "A")), (unit(4, mark="loses"),))),),
        ),
        ("loses 1+2", (unit(1, mark="loses"), unit(2, mark="loses"))),
        ("ref(7)12E", (unit(7, mark="ref"), unit(12, "", "E"))),
        (
            "9A ref (L12 or L10)",
            (
                unit(9, "", "A"),
                Alternatives(((unit(12, "L", mark="ref"),), (unit(10, "L", mark="ref"),))),
            ),
        ),
        ("L10A/B)+6", (unit(10, "L", "A/B"), unit(6))),
        ("12(k)", (unit(12, mark="k"),)),
        ("31?", (unit(31, doubtful=True),)),
        ("12B ?", (unit(12, "", "B", doubtful=True),)),
        ("?", (ActionUnit(0, doubtful=True),)),
        ("4，7", (unit(4), unit(7))),
        ("4＋（R6 or R12）", (unit(4), Alternatives(((unit(6, "R"),), (unit(12, "R"),))))),
        ("80 (big swallow)", (unit(80), Remark("big swallow"))),
        ("NULL", ()),
        ("null", ()),
        (" ", ()),
    ],
)
def test_spelling(text, items):
    assert parse_action_units(text) == items


@pytest.mark.parametrize("text", ["4+x", "(4", "L", "4+F7G", "smile", "4or", "R2(C and then"])
def test_what_is_no_unit_is_refused_with_its_text(text):
    with pytest.raises(AnnotationError, match="action units") as caught:
        parse_action_units(text)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


TABLES = {
    "CASME2-coding-20140508.compact.xlsx": 255,
    "CASME2-coding-20190701.xlsx": 255,
    "SAMM_Micro_FACS_Codes_v2.xlsx": 159,
    "SAMM_LongVideos_V2_Release.csv": 502,
    "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx": 860,
    "MMEW_Micro_Exp.csv": 300,
    "DFME_training_full_with_AU.xlsx": 1856,
    "CAS(ME)^2code_final(Updated).noheader.csv": 357,
}


@pytest.mark.parametrize("name", TABLES)
def test_every_spelling_in_the_real_tables_is_read(real_data, name):
    path = real_data / "annotations" / name
    if "noheader" in name:
        cells = read_table(path, ["subject", "filename", "onset", "apex", "offset", "au"])
    else:
        cells = read_table(path, heading=["subject", "filename"])
    texts = column(cells, "actionunits", "au")
    assert len(texts) == TABLES[name]
    for text in set(texts):
        items = parse_action_units(text)
        assert parse_action_units(format_action_units(items)) == items
        assert bool(items) == (text.casefold() not in ("", "null"))


def test_a_clip_gets_units_without_remarks():
    assert action_unit_texts("R14+17+soft focus") == ("R14", "17")
    assert action_unit_texts("Chewing") == ()


def test_undecided_units_count_only_when_asked():
    items = parse_action_units("1+(6 or 12)+(4A or 4B)+?+loses(7)+M57+31?")
    assert present_numbers(items) == {1, 4}
    assert present_numbers(items, undecided=True) == {1, 4, 6, 12, 31}
