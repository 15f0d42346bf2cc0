"""How many clips each class has under every label map that is meant for a dataset."""

from __future__ import annotations

import pandas as pd

from merkit.clips import ClipTable
from merkit.protocols.label_map import LabelMap
from merkit.protocols.protocol import Protocol
from merkit.protocols.registry import get_protocol, list_protocols


def label_counts(table: ClipTable) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
    """Count the clips of each class, for every protocol of one dataset and every composite.

    Parameters
    ----------
    table : ClipTable
        As read, with the column ``table_version`` if there are expected counts to be found.

    Returns
    -------
    dict
        By name of the protocol, with the dataset behind it where the table joins several: the counts, and
        those of a complete copy with this version of the annotation (empty where these are not known).

    Examples
    --------
    >>> import numpy as np
    >>> from merkit.clips import Clip
    >>> clips = [
    ...     Clip.from_array(np.zeros((1, 2, 2), np.uint8), id=str(n), dataset="samm", emotion=emotion)
    ...     for n, emotion in enumerate(["Anger", "Other", "Surprise"])
    ... ]
    >>> label_counts(ClipTable.from_clips(clips))["samm-4class"]
    ({'positive': 0, 'negative': 1, 'surprise': 1, 'others': 1}, {})
    """
    protocols = [get_protocol(name) for name in list_protocols()]
    datasets = [str(name) for name in dict.fromkeys(table.frame["dataset"])]
    found = {}
    for dataset in datasets:
        rows = table.frame[(table.frame["dataset"] == dataset).to_numpy(dtype=bool)]
        for protocol in protocols:
            labels = protocol.label_maps.get(dataset)
            if protocol.kind not in ("single", "composite") or not isinstance(labels, LabelMap):
                continue
            given = [label for label, _ in labels.assign(rows)]
            name = protocol.name if len(datasets) == 1 else f"{protocol.name}, {dataset}"
            counts = {label: given.count(label) for label in protocol.classes}
            found[name] = (counts, _expected(protocol, dataset, rows))
    return found


def _expected(protocol: Protocol, dataset: str, rows: pd.DataFrame) -> dict[str, int]:
    known = protocol.expected_counts.get(dataset, {})
    version = str(rows["table_version"].iloc[0]) if "table_version" in rows and len(rows) else ""
    parts = [known.get(part, known.get("*")) for part in version.split(" + ")] if version else [None]
    complete = [part for part in parts if part is not None]
    if len(complete) < len(parts):
        return {}
    return {label: sum(part[label] for part in complete) for label in protocol.classes}
