"""Which clip a published map or feature belongs to, and its class: the label tables of MEGC2019 releases."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from merkit.datasets.tables import column_key, read_table
from merkit.errors import AnnotationError, DataError

CLASSES = ("negative", "positive", "surprise")
"""The classes of MEGC2019 in the order of their numbers."""

TABLE_NAMES = (
    "samples.csv",
    "combined_3class_gt.csv",
    "combined_3class_gt-2.csv",
    "combined_3_class2_for_optical_flow.csv",
)
"""Names under which the label table travels with the releases."""

_DATASETS = {"casme2": "casme2", "casmeii": "casme2", "smic": "smic-hs", "smichs": "smic-hs", "samm": "samm"}
_COLUMNS = {
    "dataset": ("dataset", "database"),
    "subject": ("subject", "sub"),
    "clip": ("clip", "filenameo", "filename"),
    "label": ("label",),
}


@dataclass(frozen=True)
class Sample:
    """One row of a label table, in the spelling of :func:`sample_id`."""

    id: str
    dataset: str
    subject: str
    label: str


def sample_id(subject: str, clip: str) -> str:
    """Return ``<subject>_<clip>`` in the one spelling that merkit uses for MEGC2019.

    Releases differ in leading zeros: SAMM subjects appear as ``6`` and ``006``, SMIC clips as
    ``s1_ne_01`` and ``s01_ne_01``.

    Examples
    --------
    >>> sample_id("6", "006_1_2"), sample_id("s1", "s1_ne_01"), sample_id("sub01", "EP02_01f")
    ('006_006_1_2', 's01_s01_ne_01', 'sub01_EP02_01f')
    """
    clip = clip.strip()
    if re.fullmatch(r"s\d+_.*", clip):
        number, rest = clip.split("_", 1)
        clip = f"{_padded(number)}_{rest}"
    return f"{_padded(subject)}_{clip}"


def parse_sample_id(name: str) -> str:
    """Return the id of a file named after a clip, or of an id in another spelling.

    Examples
    --------
    >>> parse_sample_id("s01_s1_ne_01 .png"), parse_sample_id("006_006_1_2.jpg")
    ('s01_s01_ne_01', '006_006_1_2')
    """
    stem = re.sub(r"\.(png|jpe?g|bmp)$", "", name.strip(), flags=re.IGNORECASE).strip()
    subject, _, clip = stem.partition("_")
    return sample_id(subject, clip) if clip else stem


def dataset_of(identifier: str) -> str:
    """Return the dataset that a sample id belongs to, by the form of its subject.

    Raises
    ------
    DataError
        If it has none of the three forms.

    Examples
    --------
    >>> dataset_of("sub01_EP02_01f"), dataset_of("s01_s01_ne_01"), dataset_of("006_006_1_2")
    ('casme2', 'smic-hs', 'samm')
    """
    for pattern, dataset in ((r"sub\d+_", "casme2"), (r"s\d+_", "smic-hs"), (r"\d+_", "samm")):
        if re.match(pattern, identifier):
            return dataset
    raise DataError(
        f"sample {identifier!r}: no name of a MEGC2019 clip; expected <subject>_<clip> as in sub01_EP02_01f"
    )


def class_name(label: str, where: str) -> str:
    """Return the class of a label written as 0, 1, 2 or as a name.

    Raises
    ------
    AnnotationError
        If it is neither.
    """
    text = label.strip().casefold()
    if text in CLASSES:
        return text
    if text in ("0", "1", "2"):
        return CLASSES[int(text)]
    raise AnnotationError(
        f"{where}: the label is {label!r}; give 0 or negative, 1 or positive, 2 or surprise"
    )


def find_label_table(places: Iterable[Path]) -> Path | None:
    """Return the first label table that lies in one of some folders."""
    for folder in places:
        for name in TABLE_NAMES:
            if (folder / name).is_file():
                return folder / name
    return None


def read_label_table(path: Path) -> list[Sample]:
    """Read a label table, with or without a heading.

    Without one, the columns are dataset, subject, clip, label, as in the organisers' list.  Lines of
    commas alone are passed over.

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column, or names a clip twice.
    """
    table = read_table(path, columns=tuple(_COLUMNS))
    known = {name for names in _COLUMNS.values() for name in names}
    if not len(table) or not known & {column_key(cell) for cell in table.iloc[0, :-1]}:
        named = table
    else:
        headed = read_table(path, heading=["|".join(names) for names in _COLUMNS.values()])
        named = headed.rename(columns={_first(headed.columns, names): key for key, names in _COLUMNS.items()})
    samples: dict[str, Sample] = {}
    for number, (given, subject, clip, label) in enumerate(named[list(_COLUMNS)].itertuples(index=False)):
        where = f"{path}, row {number}"
        dataset = _DATASETS.get(column_key(given))
        if dataset is None:
            raise DataError(f"{where}: unknown dataset {given!r}; expected casme2, smic or samm")
        identifier = sample_id(subject, clip)
        if identifier in samples:
            raise DataError(f"{where}: {identifier} stands there twice; keep one row a clip")
        samples[identifier] = Sample(identifier, dataset, _padded(subject), class_name(label, where))
    if not samples:
        raise DataError(
            f"{path}: the label table is empty; give dataset, subject, clip and label of each clip"
        )
    return list(samples.values())


def make_sample(identifier: str, label: str) -> Sample:
    """Return the sample of an id in any spelling and its class."""
    name = parse_sample_id(identifier)
    return Sample(name, dataset_of(name), name.partition("_")[0], class_name(label, f"sample {identifier!r}"))


def _first(columns: Iterable[str], names: tuple[str, ...]) -> str:
    there = set(columns)
    return next(name for name in names if name in there)


def _padded(subject: str) -> str:
    """Return a subject with its leading zeros: ``006``, ``s01``, ``sub01``."""
    text = re.sub(r"\.0$", "", subject.strip())
    found = re.fullmatch(r"(sub|s|)(\d+)", text, flags=re.IGNORECASE)
    if found is None:
        return text
    letters, number = found[1].lower(), int(found[2])
    return f"{letters}{number:02d}" if letters else f"{number:03d}"
