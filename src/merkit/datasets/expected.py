"""How many clips, subjects and labels a complete copy has, for each version of its annotation table.

``expected.csv`` has one count a line: dataset, version (``*`` for all), what (``total``, ``emotion`` or
``kind``), name, count.  The counts were taken from the tables themselves; where there was none to take
them from (CASME, CAS(ME)^3 part C, SMIC VIS and NIR, 4DME, DFME's test sets), from papers and
descriptions.  What classes these labels make is a matter of protocols.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

Counts = dict[str, dict[str, int]]
"""Counts by name, by what is counted."""


def expected_counts(dataset: str, version: str) -> Counts:
    """Return what a complete copy holds; empty where that is not known.

    A version that joins parts with `` + `` is expected to hold the sum of them.

    Parameters
    ----------
    dataset : str
        Name of a dataset.
    version : str
        As a reader tells it in the column ``table_version``.

    Examples
    --------
    >>> expected_counts("smic-hs", "HS")["emotion"]
    {'negative': 70, 'positive': 51, 'surprise': 43}
    >>> expected_counts("dfme", "train + test A + test B")["total"]
    {'clips': 2629, 'subjects': 259}
    >>> expected_counts("samm", "v9")
    {}
    """
    known = _table().get(dataset, {})
    parts = [known.get(part, known.get("*", {})) for part in version.split(" + ")]
    if not all(parts):
        return {}
    total: Counts = {}
    for part in parts:
        for what, counts in part.items():
            sums = total.setdefault(what, {})
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count
    return total


def known_versions(dataset: str) -> list[str]:
    """Return the versions of a dataset's table whose counts are known.

    >>> known_versions("casme2")
    ['2014-05-08', '2019-07-01', 'updated']
    """
    return [version for version in _table().get(dataset, {}) if version != "*"]


def known_emotions(dataset: str) -> set[str]:
    """Return the labels, case-folded, that occur in any version of a dataset's table."""
    versions = _table().get(dataset, {}).values()
    return {name for counts in versions for name in counts.get("emotion", {})}


@cache
def _table() -> dict[str, dict[str, Counts]]:
    text = files("merkit.datasets").joinpath("expected.csv").read_text(encoding="utf-8")
    table: dict[str, dict[str, Counts]] = {}
    for line in csv.DictReader(text.splitlines()):
        counts = table.setdefault(line["dataset"], {}).setdefault(line["version"], {})
        counts.setdefault(line["what"], {})[line["name"]] = int(line["count"])
    return table
