"""One file of the cache: the arrays of one clip, what is known of them, and a checksum.

It is a NumPy file (``numpy.load`` reads it) of one record with a field for every array, followed by the
SHA-256 of all bytes before it in hexadecimal.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.cache.folder import read_used
from merkit.errors import ConfigError, DataError

_ABOUT = "merkit:about"
_LARGEST = 2**31 - 1  # bytes of a NumPy record


class DamagedRecord(DataError):
    """A file of the cache does not hold what was written."""


@dataclass(frozen=True)
class Record:
    """What was read from a file.

    Attributes
    ----------
    arrays : mapping of str to array
    about : mapping
        Plain values.
    checksum : str
        Of the file.
    """

    arrays: Mapping[str, NDArray[Any]]
    about: Mapping[str, Any]
    checksum: str


def pack(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> bytes:
    """The bytes of a file; equal content gives equal bytes.

    Raises
    ------
    ConfigError
        For arrays of Python objects, or of 2 GB and more together.

    Examples
    --------
    >>> record = unpack(pack({"map": np.ones((2, 3), np.float32)}, {"apex": 7}), "a file")
    >>> record.arrays["map"].shape, record.about["apex"]
    ((2, 3), 7)
    """
    text = json.dumps(dict(about), sort_keys=True).encode()
    values = {_ABOUT: np.array(text), **{name: np.asarray(value) for name, value in arrays.items()}}
    for name, value in values.items():
        if value.dtype.hasobject:
            raise ConfigError(f"{name}: arrays of Python objects cannot be kept; give numbers or text")
    if sum(value.nbytes for value in values.values()) > _LARGEST - 64 * len(values):
        raise ConfigError("arrays of 2 GB and more of one clip cannot be kept; compute less of it")
    fields = [(name, value.dtype, value.shape) for name, value in values.items()]
    record = np.zeros((), np.dtype(fields, align=True))
    for name, value in values.items():
        record[name] = value
    buffer = io.BytesIO()
    np.save(buffer, record, allow_pickle=False)
    return buffer.getvalue() + hashlib.sha256(buffer.getbuffer()).hexdigest().encode()


def unpack(content: bytes, where: str | Path) -> Record:
    """What the bytes of a file hold.

    Raises
    ------
    DamagedRecord
        If they are not those that were written.
    """
    data, checksum = memoryview(content)[:-64], checksum_of(content)
    if hashlib.sha256(data).hexdigest() != checksum:
        raise DamagedRecord(f"{where}: is damaged (its checksum is wrong)")
    record = np.load(io.BytesIO(data), allow_pickle=False)
    about = json.loads(record[_ABOUT].item())
    arrays = {name: record[name] for name in record.dtype.names if name != _ABOUT}
    return Record(arrays, about, checksum)


def checksum_of(content: bytes) -> str:
    """What stands at the end of a file."""
    return content[-64:].decode("latin-1")


class StoredArrays(Mapping[str, "NDArray[Any]"]):
    """The arrays of a file, read when they are asked for; copies in other processes read it themselves.

    So the features of thousands of clips take no memory and are sent to no worker.

    Parameters
    ----------
    path : path
    names : tuple of str
    checksum : str
        Of the file when it was written or found.
    """

    def __init__(self, path: Path, names: tuple[str, ...], checksum: str) -> None:
        self._path, self._names, self._checksum = path, names, checksum

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        try:
            record = unpack(read_used(self._path), self._path)
        except OSError as error:
            raise DataError(
                f"{self._path}: was taken out of the clip cache while it was needed; type the command again"
            ) from error
        if record.checksum != self._checksum:
            raise DataError(f"{self._path}: was changed while it was needed; type the command again")
        return record.arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"StoredArrays({', '.join(self._names)})"
