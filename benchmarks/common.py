"""What every benchmark shares: dated result files that say how they were made."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from merkit.saving import write_whole

_STARTED = time.monotonic()
RESULTS = Path(__file__).parent / "results"
LIBRARIES = (
    "merkit",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "opencv-contrib-python-headless",
    "av",
    "pandas",
)


def write_result(name: str, result: dict[str, Any], seeds: Iterable[int] = ()) -> Path:
    """Save the result of a benchmark as ``results/<name>-<date>.json`` and return that path.

    The commit, the options, the time since the start, the machine and the libraries go with it.

    Parameters
    ----------
    name : str
        Name of the benchmark, that of its script.
    result : dict
        What was measured; plain data without paths.
    seeds : iterable of int
        Every seed that was used.
    """
    now = datetime.now(UTC)
    document = {
        "benchmark": name,
        "date": now.isoformat(timespec="seconds"),
        "commit": _COMMIT,
        "options": [Path(word).name if "/" in word else word for word in sys.argv[1:]],
        "seconds": round(time.monotonic() - _STARTED, 1),
        "seeds": sorted(set(seeds)),
        "machine": machine(),
        "libraries": {library: _version(library) for library in LIBRARIES},
        "result": result,
    }
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{name}-{now:%Y-%m-%d}.json"
    return write_whole(target, json.dumps(document, indent=1) + "\n")


def print_table(rows: Sequence[Mapping[str, Any]], title: str = "") -> None:
    """Print rows with equal keys as a table; floats get three decimals, ``None`` a dash."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None)
    for name in rows[0] if rows else ():
        table.add_column(str(name), justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console = Console()
    if not console.is_terminal:
        # Into a file or a pipe, rows must not be cut off.
        console = Console(width=200)
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def default_data() -> Path:
    """The data folder: ``MERKIT_TEST_DATA``, or ``../shared/data`` beside the repository."""
    beside = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    return Path(os.environ.get("MERKIT_TEST_DATA", beside))


def options(doc: str, *, work: str, data: str | None = None) -> argparse.ArgumentParser:
    """Options of a benchmark that keeps finished runs: where, the 3D head, and how many processes.

    Parameters
    ----------
    doc : str
        What ``--help`` says.
    work : str
        Name of the working folder, within ``merkit-out`` by default.
    data : str, optional
        What it reads of the published data; without, there is no ``--data``.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("merkit-out") / work, help="keeps finished runs")
    if data is not None:
        parser.add_argument(
            "--data", type=Path, default=default_data(), help=f"folder of the published {data}"
        )
    parser.add_argument("--head", help="file of the 3D head; where merkit finds one by default")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    return parser


def runs_folder(asked: argparse.Namespace) -> Path:
    """Where runs of this commit are kept, which is made; one with runs of another 3D head is refused."""
    from merkit.errors import ConfigError
    from merkit.simulate.head3d.model import head_file

    runs: Path = asked.work / commit()
    runs.mkdir(parents=True, exist_ok=True)
    head = hashlib.sha256(head_file(asked.head).read_bytes()).hexdigest()
    known = runs / "head.sha256"
    if known.is_file() and known.read_text(encoding="utf-8") != head:
        raise ConfigError(f"{runs}: holds runs of another 3D head; name another --work")
    write_whole(known, head)
    return runs


def side_by_side(
    work: Callable[[Any, Any], Any], shared: Any, keys: Iterable[Any], workers: int
) -> list[Any]:
    """``work(shared, key)`` of every key, in processes; what they share is not sent, as they are forked."""
    with ProcessPoolExecutor(workers, get_context("fork"), _share, (work, shared)) as pool:
        return list(pool.map(_work, keys))


_SHARED: list[Any] = []


def _share(*given: Any) -> None:
    _SHARED[:] = given


def _work(key: Any) -> Any:
    work, shared = _SHARED
    return work(shared, key)


def commit() -> str:
    """Short hash of the commit, with that of the changes behind a plus where tracked files differ from it."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True).stdout

    try:
        changes = git("diff", "HEAD")
        mark = f"+{hashlib.sha256(changes.encode()).hexdigest()[:6]}" if changes else ""
        return git("rev-parse", "--short=10", "HEAD").strip() + mark
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, Any]:
    """Kind of computer, without its name."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float] | None:
    """Wilson's 95 % interval of a proportion; ``None`` when nothing was counted.

    >>> [round(x, 3) for x in wilson(9, 10)]
    [0.596, 0.982]
    """
    if n == 0:
        return None
    p = hits / n
    centre = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (centre - spread) / scale, (centre + spread) / scale


def proportion(hits: int, n: int) -> dict[str, Any]:
    """A proportion with its counts and Wilson interval, ready for a result file."""
    interval = wilson(hits, n)
    return {
        "value": round(hits / n, 4) if n else None,
        "hits": hits,
        "n": n,
        "ci95": [round(x, 4) for x in interval] if interval else None,
    }


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else "unknown"


# Read before the work: what is committed meanwhile is not what was measured.
_COMMIT = commit()
