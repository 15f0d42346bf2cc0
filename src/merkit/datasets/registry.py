"""Datasets by name: register, list, read."""

from __future__ import annotations

import fnmatch
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from merkit.errors import ConfigError, DataError, did_you_mean

if TYPE_CHECKING:
    from merkit.clips import ClipTable

# The one line that a new dataset adds here; modules are imported when a dataset is first looked up.
_MODULES: tuple[str, ...] = (
    "merkit.datasets.casme",
    "merkit.datasets.casme2",
    "merkit.datasets.smic",
    "merkit.datasets.samm",
    "merkit.datasets.samm_lv",
    "merkit.datasets.casme_sq",
    "merkit.datasets.casme3",
    "merkit.datasets.mmew",
    "merkit.datasets.fourdme",
    "merkit.datasets.dfme",
    "merkit.datasets.manifest",
    "merkit.datasets.image_folders",
    "merkit.datasets.flow_release",
    "merkit.datasets.megc2019_features",
)


class Reader(Protocol):
    """What every reader looks like; further options are keywords of its own."""

    def __call__(self, root: Path, *, repair: bool, **options: Any) -> ClipTable:
        """Read the release under ``root``; ``repair=False`` keeps the annotation as it is."""


@dataclass(frozen=True)
class Dataset:
    """A registered dataset.

    Attributes
    ----------
    name : str
        As typed on the command line.
    reader : callable
        ``reader(root, *, repair, **options) -> ClipTable``.
    summary : str
        One line: what it is, how much there is.
    fps : float or None
        Frames a second; ``None`` where it differs between clips or the user has to give it.
    page : str
        Where its owners describe it and hand it out, in words or as an address.
    needs_frames : bool
        Whether its clips are made of frames (some releases hold precomputed features only).
    takes_file : bool
        Whether a file may stand for the folder.
    """

    name: str
    reader: Callable[..., Any]
    summary: str
    fps: float | None
    page: str
    needs_frames: bool
    takes_file: bool


_DATASETS: dict[str, Dataset] = {}
_R = TypeVar("_R", bound=Callable[..., Any])


def register(
    name: str,
    *,
    summary: str,
    fps: float | None = None,
    page: str = "",
    needs_frames: bool = True,
    takes_file: bool = False,
) -> Callable[[_R], _R]:
    """Decorator that enters a reader under `name`; see :class:`Dataset` for the parameters.

    Raises
    ------
    ConfigError
        If another reader has that name.
    """

    def enter(reader: _R) -> _R:
        known = _DATASETS.get(name)
        if known is not None and _whole_name(known.reader) != _whole_name(reader):
            raise ConfigError(f"two datasets want the name {name!r}: {_whole_name(known.reader)} has it")
        _DATASETS[name] = Dataset(name, reader, summary, fps, page, needs_frames, takes_file)
        return reader

    return enter


def list_datasets(pattern: str = "*") -> list[str]:
    """Names of the datasets that can be read and match a wildcard pattern, sorted.

    Examples
    --------
    >>> list_datasets("samm*")
    ['samm', 'samm-lv']
    """
    return sorted(fnmatch.filter(_all(), pattern))


def get_dataset(name: str) -> Dataset:
    """The entry of one dataset.

    Raises
    ------
    ConfigError
        If there is none of that name; the nearest one is suggested.
    """
    datasets = _all()
    if name not in datasets:
        raise ConfigError(
            f"unknown dataset {name!r}{did_you_mean(name, datasets)}: see `merkit datasets list`"
        )
    return datasets[name]


def read_dataset(name: str, root: str | Path, *, repair: bool = True, **options: Any) -> ClipTable:
    """Read a dataset from the folder into which its release was unpacked.

    Parameters
    ----------
    name : str
        See :func:`list_datasets`.
    root : str or Path
        The folder; for releases of one file also the file.
    repair : bool
        Whether known faults of the annotation are repaired; every repair is noted on its clip.
    **options
        Keywords of the reader.  Nearly all readers have ``table=``, an annotation table that is not found
        by its name or not the newest; those of releases with raw and cropped faces have ``cropped=``, raw
        (``False``) or cropped frames (``True``), raw ones if there are any when not said.  Further ones
        are ``stream=`` of CAS(ME)^3, ``whole_videos=`` of CAS(ME)^2, ``part=`` of DFME, ``static=`` of
        4DME, ``fps=`` of your own clips and ``subject=`` of ``folders``.

    Returns
    -------
    ClipTable
        One clip a row of the annotation, in its order.  Beside the fields of a clip its ``frame`` has
        the columns that :func:`merkit.datasets.rows.clip_table` describes.

    Raises
    ------
    ConfigError
        For an unknown dataset or option; the nearest is suggested.
    DataError
        If there is nothing at `root`, or no annotation table in it that can be read.

    Examples
    --------
    >>> import tempfile
    >>> from merkit.simulate.native import write_tree
    >>> clips = read_dataset("samm", write_tree("samm", tempfile.mkdtemp(), clips=3))
    >>> len(clips), clips[0].subject, clips.frame["table_version"][0]
    (3, '006', 'v2')
    """
    dataset = get_dataset(name)
    parameters = inspect.signature(dataset.reader).parameters.values()
    allowed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "repair"]
    for key in options:
        if key not in allowed:
            known = f"allowed are {', '.join(allowed)}" if allowed else "it has none"
            raise ConfigError(f"dataset {name} has no option {key!r}{did_you_mean(key, allowed)}: {known}")
    root = Path(root).expanduser()
    if not root.exists():
        what = "file or folder" if dataset.takes_file else "folder"
        raise DataError(f"{root}: no such {what}; give the one into which {name} was unpacked")
    if not root.is_dir() and not dataset.takes_file:
        raise DataError(f"{root}: a file; give the folder into which {name} was unpacked")
    table: ClipTable = dataset.reader(root, repair=repair, **options)
    return table


def _all() -> dict[str, Dataset]:
    for module in _MODULES:
        importlib.import_module(module)
    return _DATASETS


def _whole_name(reader: Callable[..., Any]) -> str:
    return f"{reader.__module__}.{getattr(reader, '__qualname__', reader)}"
