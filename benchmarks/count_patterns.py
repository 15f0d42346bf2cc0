"""Which action units occur together in each class of each dataset, and on which side: counted, not guessed.

Reads the coding tables of the datasets and counts clips; nothing about a single clip is kept.  Shows
what ``src/merkit/simulate/patterns.csv`` should hold and whether it does; ``--write`` replaces it.
Undecided units ("12 or 14") count both.  Left out is what the simulator cannot move (head, eyes,
tongue, a clenched jaw) and blinks, which are no expressions, and with them clips that have nothing else.

    python benchmarks/count_patterns.py [--data FOLDER] [--write]
"""

from __future__ import annotations

import argparse
import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from common import default_data, print_table

import merkit.simulate
from merkit.datasets.action_units import ActionUnit, parse_action_units, present_numbers
from merkit.simulate.action_units import MOVABLE

TARGET = Path(merkit.simulate.__file__).with_name("patterns.csv")
BLINK = 45
COUNTED = set(MOVABLE) - {BLINK}
COLUMNS = ("like", "kind", "emotion", "action_units", "clips")
COMPOSITE = {
    "happiness": "positive",
    "surprise": "surprise",
    **dict.fromkeys(("disgust", "repression", "anger", "contempt", "fear", "sadness"), "negative"),
}
"""Classes of the MEGC 2019 composite; all else is left out of it."""
Clip = tuple[str, str, str]
"""Kind, emotion, action units."""


def casme2(folder: Path) -> Iterator[Clip]:
    """CASME II, coding of 2014, the one that §10.2 counts."""
    table = pd.read_excel(folder / "CASME2-coding-20140508.compact.xlsx", dtype=str).fillna("")
    yield from zip(["micro"] * len(table), table["Estimated Emotion"], table["Action Units"], strict=True)


def samm(folder: Path) -> Iterator[Clip]:
    """SAMM."""
    table = pd.read_excel(folder / "SAMM_Micro_FACS_Codes_v2.xlsx", dtype=str, header=13).fillna("")
    yield from zip(["micro"] * len(table), table["Estimated Emotion"], table["Action Units"], strict=True)


def samm_lv(folder: Path) -> Iterator[Clip]:
    """SAMM Long Videos: no emotions."""
    table = pd.read_csv(folder / "SAMM_LongVideos_V2_Release.csv", dtype=str, header=9).fillna("")
    kinds = ["macro" if kind == "Macro" else "micro" for kind in table["Type"]]
    yield from zip(kinds, [""] * len(table), table["Action Units"], strict=True)


def casme_sq(folder: Path) -> Iterator[Clip]:
    """CAS(ME)^2."""
    table = pd.read_csv(folder / "CAS(ME)^2code_final(Updated).noheader.csv", dtype=str, header=None).fillna(
        ""
    )
    kinds = [kind.split("-")[0] for kind in table[7]]
    yield from zip(kinds, table[6], table[5], strict=True)


def composite(folder: Path) -> Iterator[Clip]:
    """CASME II and SAMM together in three classes; also what SMIC is imitated by, which has no units."""
    for read in (casme2, samm):
        for kind, emotion, units in read(folder):
            if emotion.casefold() in COMPOSITE:
                yield kind, COMPOSITE[emotion.casefold()], units


TABLES = {
    "casme2": casme2,
    "samm": samm,
    "casme-sq": casme_sq,
    "samm-lv": samm_lv,
    "default": composite,
}


def movable(cell: str) -> tuple[int, ...]:
    """Numbers of the units in a cell that are counted, in order."""
    return tuple(sorted(present_numbers(parse_action_units(cell), undecided=True) & COUNTED))


def count(folder: Path) -> list[tuple[str, str, str, str, int]]:
    """Rows of the file: how many clips of a class have exactly these units."""
    rows = []
    for like, read in TABLES.items():
        counted = Counter((kind, emotion, movable(cell)) for kind, emotion, cell in read(folder))
        for (kind, emotion, units), clips in sorted(
            counted.items(), key=lambda item: (item[0][0] == "macro", item[0][1], -item[1], item[0][2])
        ):
            if units:
                rows.append((like, kind, emotion, "+".join(map(str, units)), clips))
    return rows


def sides(folder: Path) -> list[dict[str, object]]:
    """Of the micro-expressions of CASME II and SAMM: on which side each unit is."""
    counted: Counter[tuple[int, str]] = Counter()
    for read in (casme2, samm):
        for _, _, cell in read(folder):
            for item in parse_action_units(cell):
                if isinstance(item, ActionUnit) and item.number in COUNTED:
                    counted[item.number, item.side] += 1
    return [
        {
            "action unit": number,
            "n": (n := sum(counted[number, side] for side in ("", "L", "R", "A", "T", "B"))),
            "left": counted[number, "L"] / n,
            "right": counted[number, "R"] / n,
        }
        for number in sorted({number for number, _ in counted})
        if sum(counted[number, side] for side in ("", "L", "R", "A", "T", "B"))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--write", action="store_true", help="replace the file in the package")
    options = parser.parse_args()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    tables = options.data / "annotations"
    writer.writerows(rows := count(tables))
    print_table(sides(tables), "sides in CASME II and SAMM")
    print(f"{len(rows)} patterns")
    if options.write:
        TARGET.write_text(text.getvalue(), encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text.getvalue():
        print("patterns.csv differs; --write replaces it")


if __name__ == "__main__":
    main()
