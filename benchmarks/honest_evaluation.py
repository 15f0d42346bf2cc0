"""flow-svm on the published flow maps through ``merkit evaluate``: scores, equal bytes, and kill -9.

The maps are read from MERKIT_TEST_DATA (default: ../shared/data beside the repository).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import print_table, write_result

DATA = Path(os.environ.get("MERKIT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
KILLS = 10
SEED = 3
FILES = ("predictions.csv", "metrics.json")


def command(out: Path, *more: str) -> list[str]:
    """The words of a run."""
    data = f"megc2019-flow={DATA / 'megc2019_flow'}"
    words = ["evaluate", "flow-svm", "--data", data, "--protocol", "megc2019", "-o", str(out), *more]
    return [sys.executable, "-m", "merkit", *words, "--quiet"]


def run(out: Path, *more: str) -> float:
    """Run to the end; seconds."""
    began = time.perf_counter()
    subprocess.run(command(out, *more), check=True)
    return time.perf_counter() - began


def kill_often(folder: Path, seconds: float) -> list[Path]:
    """Kill runs at ten random moments, each time starting the same one again; the finished runs.

    A run that got to its end before it was killed is followed by a new one.
    """
    rng = np.random.default_rng(SEED)
    runs = [folder / "killed-0"]
    kills = 0
    while kills < KILLS:
        process = subprocess.Popen(command(runs[-1]))
        try:
            process.wait(float(rng.uniform(0.05, 0.35)) * seconds)
            runs.append(folder / f"killed-{len(runs)}")
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    run(runs[-1])
    return runs


def summary(folder: Path) -> dict[str, Any]:
    """The scores of a run that matter."""
    metrics = json.loads((folder / "metrics.json").read_text())
    scores = {"settings": metrics["settings"], "leak_free": metrics["leak_free"]}
    for name, block in {"all": metrics["overall"], **metrics["by_dataset"]}.items():
        low, high = block["ci95"]["uf1"]
        scores[name] = {
            "n": block["n"],
            "uf1": round(block["uf1"], 4),
            "uf1_ci95": [round(low, 4), round(high, 4)],
            "uar": round(block["uar"], 4),
            "accuracy": round(block["accuracy"], 4),
        }
    return scores


def same(first: Path, second: Path) -> bool:
    """Whether the files that must not differ are equal byte by byte."""
    return all((first / name).read_bytes() == (second / name).read_bytes() for name in FILES)


def main() -> None:
    """Measure, print, write the result file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = {
            "fixed": run(folder / "fixed"),
            "fixed, one process": run(folder / "again", "--engine", "serial"),
            "nested": run(folder / "nested", "--set", "select=nested"),
        }
        killed = kill_often(folder, seconds["fixed"])
        result = {
            "fixed": summary(folder / "fixed"),
            "nested": summary(folder / "nested"),
            "seconds": {key: round(value, 1) for key, value in seconds.items()},
            "same_bytes_twice": same(folder / "fixed", folder / "again"),
            "kills": KILLS,
            "runs_killed": len(killed),
            "same_bytes_after_kills": all(same(folder / "fixed", one) for one in killed),
        }
    print_table([{"run": key, **result[key]["all"]} for key in ("fixed", "nested")])
    print({key: value for key, value in result.items() if key not in ("fixed", "nested")})
    print(write_result("honest_evaluation", result, seeds=[SEED]))


if __name__ == "__main__":
    main()
