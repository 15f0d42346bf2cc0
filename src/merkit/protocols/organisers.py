"""MEGC2019 against the list that its organisers hand out, for those who have it."""

from __future__ import annotations

from pathlib import Path

from merkit.datasets.release_labels import parse_sample_id, read_label_table, sample_id
from merkit.protocols.protocol import Selection


def differences_from_list(selection: Selection, path: str | Path) -> list[str]:
    """Compare a selection with ``combined_3class_gt.csv``.

    Parameters
    ----------
    selection : Selection
        Of the protocol ``megc2019``.
    path : str or Path
        The organisers' list, in either of its forms.

    Returns
    -------
    list of str
        A line a clip that is missing, too many or labelled otherwise; empty when all agree.

    Raises
    ------
    DataError
        If the list cannot be read.
    """
    listed = {(s.dataset, s.id): s.label for s in read_label_table(Path(path))}
    left = dict(listed)
    lines = []
    frame = selection.clips.frame
    for dataset, subject, clip, label in zip(
        frame["dataset"], frame["subject"], frame["id"], selection.y, strict=True
    ):
        # Releases of features write subject and clip into the id, native tables the clip alone.
        names = [(dataset, parse_sample_id(clip)), (dataset, sample_id(subject, clip))]
        key = next((name for name in names if name in listed), None)
        if key is None:
            lines.append(f"{dataset} {clip}: not in the list")
        elif left.pop(key, None) is None:
            lines.append(f"{dataset} {clip}: twice")
        elif listed[key] != label:
            lines.append(f"{dataset} {clip}: {label}, in the list {listed[key]}")
    return lines + [f"{dataset} {clip}: in the list, not found" for dataset, clip in left]
