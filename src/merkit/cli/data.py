"""The datasets, protocol and places of work that commands on clips have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from merkit.clips import ClipTable

DATA_HELP = "A dataset and where it lies; repeat."
ProtocolName = Annotated[str, typer.Option("--protocol", help="Which clips, labels and folds.")]
Device = Annotated[str, typer.Option(help="Where networks run: cpu, cuda or cuda:1, …")]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Neither read nor fill the clip cache; changes no result.")
]
FolderFps = Annotated[float | None, typer.Option("--fps", help="Frames a second of --data folders=….")]
NoRepair = Annotated[bool, typer.Option("--no-repair", help="Leave known faults of the annotation in.")]


def read_tables(
    roots: Mapping[str, Path], *, fps: float | None = None, repair: bool = True
) -> dict[str, ClipTable]:
    """Read every dataset that was named on the command line.

    Parameters
    ----------
    roots : mapping of str to Path
        Where each lies, by name, as :func:`merkit.cli.settings.parse_data` gives them.
    fps : float, optional
        Of image folders, which do not say it themselves.
    repair : bool
        Whether known faults of the annotation are repaired.

    Raises
    ------
    MerkitError
        If a dataset is unknown or cannot be read.
    """
    from merkit.datasets import read_dataset

    return {
        name: read_dataset(
            name, root, repair=repair, **({"fps": fps} if name == "folders" and fps is not None else {})
        )
        for name, root in roots.items()
    }
