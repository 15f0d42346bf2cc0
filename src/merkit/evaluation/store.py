"""The folder of a run: each finished fold in a file of its own, so that a killed run goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from merkit.errors import ConfigError, DataError
from merkit.saving import plain_refusals, remove_drafts, write_whole

PLAN, FOLDS = "plan.json", "folds"


class RunFolder:
    """Files of one run.

    Parameters
    ----------
    path : path
        Made if it does not exist.
    plan : mapping
        Everything that decides what a fold predicts.  A folder that holds the folds of another plan is
        refused: mixing the two would give a score of neither.

    Raises
    ------
    ConfigError
        If the folder belongs to another plan, whose difference is named, or a run is at work there.
    DataError
        If the folder holds a plan that cannot be read, or cannot be written to.
    """

    def __init__(self, path: str | Path, plan: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.plan = json.loads(json.dumps(plan))
        self._digest = hashlib.sha256(_text(self.plan).encode()).hexdigest()
        with plain_refusals(self.path):
            (self.path / FOLDS).mkdir(parents=True, exist_ok=True)
        self._held = _hold(self.path)
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise

    def _begin(self) -> None:
        with plain_refusals(self.path):
            for folder in (self.path, self.path / FOLDS, *(self.path / FOLDS).glob("seed-*/")):
                remove_drafts(folder)
        known = self.path / PLAN
        if known.exists():
            self._compare(known)
        else:
            write_whole(known, _text(self.plan))

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        """Let others work in the folder; the end of the process, however it comes, does so too."""
        if self._held is not None:
            os.close(self._held)

    @property
    def began(self) -> float:
        """When the run was begun, also if it was stopped since, in seconds since 1970."""
        return (self.path / PLAN).stat().st_mtime

    def fold(self, seed: int, index: int) -> dict[str, Any] | None:
        """What was kept of a fold, or ``None`` if it is not finished."""
        path = self._fold_path(seed, index)
        try:
            record = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            # A disk that lost power can leave a named file empty; the fold is trained again.
            return None
        return record if isinstance(record, dict) and record.get("plan") == self._digest else None

    def keep(self, seed: int, index: int, record: Mapping[str, Any]) -> None:
        """Keep a finished fold, whole or not at all."""
        path = self._fold_path(seed, index)
        with plain_refusals(path.parent):
            path.parent.mkdir(exist_ok=True)
        write_whole(path, _text({"plan": self._digest, **record}))

    def _fold_path(self, seed: int, index: int) -> Path:
        return self.path / FOLDS / f"seed-{seed}" / f"fold-{index:04d}.json"

    def _compare(self, path: Path) -> None:
        try:
            other = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}: not a readable plan of a run ({error}); choose another folder"
            ) from error
        if other == self.plan:
            return
        for key in sorted({*other, *self.plan}):
            before, now = other.get(key), self.plan.get(key)
            if before != now:
                raise ConfigError(
                    f"{self.path} holds a run with {key} {_short(before)}, this one has {_short(now)}; "
                    "choose another output folder"
                )


def _hold(folder: Path) -> int | None:
    """Keep other runs out of a folder; ``None`` where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise ConfigError(
            f"{folder}: a run is at work there; wait for its end, or choose another output folder"
        ) from None
    except OSError:
        # Some network disks have none.
        os.close(held)
        return None
    return held


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
