"""The folder of a run or another long work: what is finished is kept, so that what was killed goes on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from merkit.errors import ConfigError, DataError
from merkit.saving import plain_refusals, remove_drafts, write_whole

_UNTOLD = {
    "data": "of other clips, labels or annotations",
    "folds": "with other folds",
    "starts_from": "that started from other weights",
}
"""What is compared by a digest, which says nothing to a reader, in words."""
PLAN, FOLDS = "plan.json", "folds"


class PlanFolder:
    """A folder for work of one plan, and of one process at a time.

    Parameters
    ----------
    path : path
        Made if it does not exist.
    plan : mapping
        Everything that decides what comes out.  A folder that holds the work of another plan is refused:
        mixing the two would give the outcome of neither.
    anew : bool
        Remove the work of another plan instead.

    Raises
    ------
    ConfigError
        If the folder belongs to another plan, whose difference is named, or somebody is at work there.
    DataError
        If the folder holds a plan that cannot be read, or cannot be written to.
    """

    kind = "work"
    instead = "choose another output folder"

    def __init__(self, path: str | Path, plan: Mapping[str, Any], *, anew: bool = False) -> None:
        self.path = Path(path)
        self.plan = json.loads(json.dumps(plan))
        self._digest = hashlib.sha256(_text(self.plan).encode()).hexdigest()
        with plain_refusals(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        self._held = _hold(self.path, self.kind)
        try:
            self._begin(anew)
        except BaseException:
            self.__exit__()
            raise

    def _begin(self, anew: bool) -> None:
        with plain_refusals(self.path):
            for folder in self._folders():
                remove_drafts(folder)
        known = self.path / PLAN
        if anew and known.exists() and _plan_in(known) != self.plan:
            with plain_refusals(self.path):
                _empty(self.path)
        if known.exists():
            self._compare(known)
        else:
            write_whole(known, _text(self.plan))

    def _folders(self) -> Iterable[Path]:
        """Where this work writes."""
        return [self.path]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let others work in the folder; the end of the process, however it comes, does so too."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    @property
    def began(self) -> float:
        """When the run was begun, also if it was stopped since, in seconds since 1970."""
        return (self.path / PLAN).stat().st_mtime

    def _compare(self, path: Path) -> None:
        other = _plan_in(path)
        if other is None:
            raise DataError(f"{path}: not a readable plan of a {self.kind}; {self.instead}")
        if other == self.plan:
            return
        for key in sorted({*other, *self.plan}):
            before, now = other.get(key), self.plan.get(key)
            if before != now and key in _UNTOLD:
                raise ConfigError(f"{self.path} holds a {self.kind} {_UNTOLD[key]}; {self.instead}")
            if before != now:
                name, before, now = differing(key, before, now)
                raise ConfigError(
                    f"{self.path} holds a {self.kind} with {name} {_short(before)}, this one has "
                    f"{_short(now)}; {self.instead}"
                )


class RunFolder(PlanFolder):
    """Files of one run; see `PlanFolder`."""

    kind = "run"

    def _folders(self) -> Iterable[Path]:
        return [folder for folder in (self.path, self.path / FOLDS) if folder.is_dir()] + [
            *(self.path / FOLDS).glob("seed-*/")
        ]

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
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _text({"plan": self._digest, **record}))

    def _fold_path(self, seed: int, index: int) -> Path:
        return self.path / FOLDS / f"seed-{seed}" / f"fold-{index:04d}.json"


def _hold(folder: Path, kind: str) -> int | None:
    """Keep others out of a folder; ``None`` where the system has no such locks."""
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
            f"{folder}: a {kind} is at work there; wait for its end, or choose another output folder"
        ) from None
    except OSError:
        # Some network disks have none.
        os.close(held)
        return None
    return held


def _plan_in(path: Path) -> dict[str, Any] | None:
    """What a plan file holds; ``None`` if it is not readable."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _empty(folder: Path) -> None:
    for item in folder.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def differing(key: str, there: Any, here: Any) -> tuple[str, Any, Any]:
    """What differs and the two values: of settings the first one that does."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        key = next(name for name in {**there, **here} if there.get(name) != here.get(name))
        return key, there.get(key), here.get(key)
    return key, there, here


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
