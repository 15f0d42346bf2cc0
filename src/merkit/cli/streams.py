"""Output and error stream when they are closed or their reader has left: the work goes on."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def open_closed_streams() -> None:
    """Replace streams that the shell closed (``>&-``), which Python makes ``None``."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Open as long as the process lives, like the stream it stands for.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def speak(line: str, stream: TextIO) -> None:
    """Write a line at once; if the reader has left, this and all that follows goes nowhere."""
    try:
        print(line, file=stream, flush=True)
    except BrokenPipeError:
        silence(stream)


def silence(stream: TextIO) -> None:
    """Lead a stream to nowhere, also what is still in its buffer, of which Python would complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
