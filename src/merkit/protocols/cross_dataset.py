"""Trained on some datasets, tested on another: each left out once, or a pair that is named."""

from __future__ import annotations

from merkit.errors import ConfigError, did_you_mean
from merkit.protocols.composite import CLASSES
from merkit.protocols.folds import across, by_dataset
from merkit.protocols.own_data import SOURCES
from merkit.protocols.protocol import Protocol
from merkit.protocols.single import SINGLE, THREE_OF
from merkit.protocols.splitters import family

DATASETS = tuple(p.datasets[0] for name, p in SINGLE.items() if name.endswith("-3class"))
"""Those that can be labelled with three classes."""

LODO = Protocol(
    name="lodo",
    classes=CLASSES,
    datasets=(),
    label_maps=THREE_OF,
    kind="lodo",
    summary="each dataset left out once, in the 3 classes of MEGC2019; give two or more",
    splits=by_dataset,
    min_datasets=2,
)


def cross(name: str) -> Protocol:
    """Return the protocol ``TRAIN-to-TEST``; ``+`` joins several datasets on a side.

    Raises
    ------
    ConfigError
        If a dataset is unknown, or the same people are on both sides.

    Examples
    --------
    >>> cross("casme2+smic-hs-to-samm").datasets
    ('casme2', 'smic-hs', 'samm')
    """
    sides = [tuple(side.split("+")) for side in name.split("-to-", 1)]
    known = (*DATASETS, *SOURCES)
    for dataset in (dataset for side in sides for dataset in side):
        if dataset not in known:
            raise ConfigError(
                f"protocol {name!r}: unknown dataset {dataset!r}{did_you_mean(dataset, known)}: "
                f"give TRAIN-to-TEST of {', '.join(known)}"
            )
    train, test = sides
    shared = {family(dataset) for dataset in train} & {family(dataset) for dataset in test}
    if shared:
        raise ConfigError(
            f"protocol {name!r} shows people of {min(shared)} on both sides: name other datasets"
        )
    return Protocol(
        name=name,
        classes=CLASSES,
        datasets=(*train, *test),
        label_maps=THREE_OF,
        kind="cross",
        summary=f"trained on {' and '.join(train)}, tested on {' and '.join(test)}, 3 classes of MEGC2019",
        splits=across(train, test),
        need_all=True,
    )
