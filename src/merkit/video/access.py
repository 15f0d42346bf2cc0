"""Checks on a path before anything is decoded, so that every refusal is one clear line."""

from __future__ import annotations

from pathlib import Path

from merkit.errors import VideoError
from merkit.saving import refusal


def check_file(path: Path) -> None:
    """Make sure that a file exists, can be read and is not empty.

    Raises
    ------
    VideoError
        With the path, what is wrong and what to do.
    """
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise VideoError(f"{path}: the file is empty; copy or download it again")
    except OSError as error:
        raise VideoError(f"{path}: {explain(error)}") from error


def explain(error: OSError) -> str:
    """Say in words why the system refused a file, and what to do."""
    if isinstance(error, FileNotFoundError):
        return "no such file or folder; check the spelling"
    if isinstance(error, PermissionError):
        return "no permission to read it; change its permissions or copy it elsewhere"
    if isinstance(error, IsADirectoryError):
        return "is a folder, not a file"
    return f"cannot be read ({refusal(error)}); check the disk or copy it elsewhere"
