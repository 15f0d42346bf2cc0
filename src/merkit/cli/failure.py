"""What the user reads when something goes wrong, and with which exit status merkit ends."""

from __future__ import annotations

import os
import sys
import traceback

from merkit.cli.streams import speak
from merkit.errors import LeakageError, MerkitError
from merkit.saving import disk_is_full, refusal

WRONG_INPUT, FAILED_CHECK, BUG, STOPPED = 2, 3, 1, 130


def explain(error: BaseException) -> tuple[str, int]:
    """One line for the user, and the exit status.

    Examples
    --------
    >>> from merkit.errors import VideoError
    >>> explain(VideoError("a.mp4: no such file"))
    ('error: a.mp4: no such file', 2)
    """
    if isinstance(error, KeyboardInterrupt):
        return "stopped; what was finished is kept", STOPPED
    if isinstance(error, MerkitError):
        status = FAILED_CHECK if isinstance(error, LeakageError) else WRONG_INPUT
        return f"error: {_one_line(str(error))}", status
    if isinstance(error, OSError) and error.errno is not None:
        return f"error: {_one_line(_refusal(error))}", WRONG_INPUT
    if isinstance(error, MemoryError):
        return "error: not enough memory; close other programs or try a smaller picture", WRONG_INPUT
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return (
        f"error: this is a bug in merkit: {_one_line(what)}; run with MERKIT_DEBUG=1 for the traceback",
        BUG,
    )


def report(error: BaseException) -> int:
    """Print the line to the error stream and return the exit status.

    With ``MERKIT_DEBUG`` set, the traceback comes first.
    """
    if os.environ.get("MERKIT_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    line, status = explain(error)
    speak(line, sys.stderr)
    return status


def _refusal(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if disk_is_full(error):
        return f"{where}the disk is full; free some space"
    if isinstance(error, PermissionError):
        return f"{where}{refusal(error)}; check who may read and write it"
    return f"{where}{refusal(error)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
