"""Methods on the published flow maps through ``merkit evaluate``: scores, equal bytes, kill -9, an audit.

The maps are read from MERKIT_TEST_DATA (default: ../shared/data beside the repository).
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import default_data, print_table, write_result
from numpy.typing import NDArray

from merkit.datasets import read_dataset
from merkit.evaluation import evaluate
from merkit.inputs.flow_map import flow_features

DATA = default_data()
KILLS = 10
SEED = 3
FILES = ("predictions.csv", "metrics.json")
EPOCHS, AUDIT_SEEDS = 40, 5


class SoftmaxRegression:
    """Softmax regression on flow-svm's features in epochs of small batches: the least method with epochs."""

    name = "softmax regression"
    requires: tuple[str, ...] = ("flow_map",)
    settings_seen_on = ("casme2", "smic", "samm")
    rate, batch = 0.02, 16

    def fit(self, clips: Any, labels: Any, groups: Any, *, context: Any = None) -> SoftmaxRegression:
        """Learn from the clips; tell the runner of every epoch."""
        rng = np.random.default_rng(context.seed)
        self.classes_, truth = np.unique(labels, return_inverse=True)
        table = self._table(clips)
        self.mean_, self.scale_ = table.mean(axis=0), table.std(axis=0) + 1e-9
        self.weights_ = np.zeros((table.shape[1] + 1, len(self.classes_)))
        wanted, inputs = np.eye(len(self.classes_))[truth], self._inputs(table)
        # Classes weigh the same, as in flow-svm.
        weight = (len(truth) / len(self.classes_) / np.bincount(truth))[truth]
        for epoch in range(EPOCHS):
            for rows in np.array_split(rng.permutation(len(truth)), len(truth) // self.batch):
                wrong = (self._chances(inputs[rows]) - wanted[rows]) * weight[rows, None]
                self.weights_ -= self.rate * inputs[rows].T @ wrong / len(rows)
            if context.on_epoch is not None:
                context.on_epoch(epoch, self.predict_proba)
        return self

    def predict_proba(self, clips: Any) -> NDArray[np.float64]:
        """Class probabilities, shape (N, K)."""
        return self._chances(self._inputs(self._table(clips)))

    @staticmethod
    def _table(clips: Any) -> NDArray[np.float64]:
        return flow_features(np.stack([clip.features["flow_map"] for clip in clips]), 10, normalise=True)

    def _inputs(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.hstack([(table - self.mean_) / self.scale_, np.ones((len(table), 1))])

    def _chances(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        raised = inputs @ self.weights_
        powers = np.exp(raised - raised.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


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


def audited() -> dict[str, Any]:
    """What choosing the epoch on the test subject adds to the score of a method with epochs."""
    folder = DATA / "megc2019_flow"
    tables = {"megc2019-flow": read_dataset("megc2019-flow", folder)}
    result = evaluate(SoftmaxRegression, tables, "megc2019", seeds=AUDIT_SEEDS, audit=True, closed=[folder])
    audit = result.metrics["audit"]
    return {
        "method": f"{SoftmaxRegression.name}, {EPOCHS} epochs, {AUDIT_SEEDS} seeds",
        **{
            part: {name: round(audit[part][name], 4) for name in ("uf1", "uar", "accuracy")}
            for part in ("honest", "best_epoch_on_test_subject", "gap")
        },
    }


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
            "audit": audited(),
        }
    print_table([{"run": key, **result[key]["all"]} for key in ("fixed", "nested")])
    print({key: value for key, value in result.items() if key not in ("fixed", "nested")})
    print(write_result("honest_evaluation", result, seeds=[SEED]))


if __name__ == "__main__":
    main()
