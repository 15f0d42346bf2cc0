"""The exceptions that merkit raises on purpose.

Every message is one line that names the file or argument, what is wrong with it and what to do.
The command line prints it and exits with status 2; anything else that escapes is a bug.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class MerkitError(Exception):
    """Base of all errors that merkit raises on purpose."""


class DataError(MerkitError):
    """A file, folder or array does not hold what it should."""


class AnnotationError(DataError):
    """An annotation is missing, impossible or contradicts the frames."""


class VideoError(DataError):
    """A video or a folder of frames cannot be read or written."""


class LeakageError(MerkitError):
    """Test data would have reached training, selection, scaling or thresholds."""


class ConfigError(MerkitError):
    """An option or argument has a value that is not allowed."""


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """A hint at the nearest allowed word, to follow a wrong one; empty if none is near.

    Examples
    --------
    >>> did_you_mean("blazface", ["auto", "blazeface", "haar"])
    " (did you mean 'blazeface'?)"
    """
    near = get_close_matches(word, list(allowed), n=1, cutoff=0.4)
    return f" (did you mean {near[0]!r}?)" if near else ""
