"""How fast the networks are, and how much memory a long clip takes.

Milliseconds of a forward pass and of a training step (with its loss and the optimiser) on one example, with
2 threads and 1, everything in turn and that several times: the median.  AKMNet judges the frames of a clip
32 at a time or one by one, which gives the same.  Peak memory is of a process of its own each.

With --card FILE a machine with CUDA measures its card alone and writes that file, which another machine takes
into its result.

    python benchmarks/network_speed.py [--quick] [--repeats 5] [--card FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

# Without it cuBLAS refuses to be deterministic, as the training loop wants it.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch
from common import print_table, write_result
from torch import Tensor, nn

from merkit.methods import create_network
from merkit.methods.akmnet.losses import akmnet_loss
from merkit.methods.akmnet.network import AKMNet, Mined
from merkit.methods.explanations import logits_of
from merkit.training.losses import focal_loss

SEED, THREADS, LONGEST = 0, (2, 1), 141
FRAMES = (16, 32, LONGEST)


@dataclass(frozen=True)
class Case:
    """A network and an input of it."""

    network: str
    config: str
    shape: tuple[int, ...]

    @property
    def frames(self) -> int | None:
        """How many, where the network sees each of them."""
        return self.shape[2] if self.network == "akmnet" else None

    @property
    def about(self) -> dict[str, Any]:
        """For the result file."""
        each = self.shape[1:] if self.frames is None else (self.shape[1], *self.shape[-2:])
        size = "×".join(map(str, each))
        return {"network": self.network, "config": self.config, "input": size, "frames": self.frames}

    def make(self, device: str = "cpu") -> tuple[nn.Module, Tensor]:
        """The network, and noise as its input."""
        noise = torch.rand(self.shape, generator=torch.Generator().manual_seed(SEED))
        return create_network(self.network, config=self.config, seed=SEED).to(device), noise.to(device)


# As large as each configuration sees them; STRCN-A of a mask of 700 pixels, of 768 that it has at most.
CASES = (
    Case("strcn-g", "published", (1, 2, 300, 245)),
    Case("strcn-g", "small", (1, 2, 150, 122)),
    Case("strcn-g", "map28", (1, 2, 28, 28)),
    *(Case("strcn-a", config, (1, 1, 700, 30)) for config in ("published", "small")),
    *(Case("akmnet", "published", (1, 1, frames, 128, 128)) for frames in FRAMES),
    *(Case("akmnet", "small", (1, 1, frames, 64, 64)) for frames in FRAMES),
    Case("fal-convlstm", "published", (1, 3, 10, 112, 112)),
    Case("fal-convlstm", "small", (1, 3, 10, 64, 64)),
    Case("mersiamc3d", "published", (1, 3, 10, 112, 112)),
    Case("mersiamc3d", "small", (1, 3, 10, 48, 48)),
    Case("sma-stn", "published", (1, 4, 3, 112, 112)),
    Case("sma-stn", "small", (1, 4, 3, 64, 64)),
)
QUICK = tuple(case for case in CASES if case.config != "published" and case.frames in (None, 16))


def loss_of(out: Any, label: Tensor) -> Tensor:
    """What the network is trained by."""
    if isinstance(out, Mined):
        return akmnet_loss(out, label).total
    # What other networks add to the loss takes no time beside the network itself.
    return focal_loss(logits_of(out), label)


def one_by_one(network: nn.Module, clip: Tensor) -> Any:
    """AKMNet with every frame through its backbone alone."""
    assert isinstance(network, AKMNet)
    frames = clip[0].transpose(0, 1)
    return network.judge(torch.cat([network.backbone(frame[None]) for frame in frames]))


def works(case: Case, device: str = "cpu") -> dict[str, Callable[[], None]]:
    """What is timed, by name."""
    network, given = case.make(device)
    label = torch.zeros(1, dtype=torch.long, device=device)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-6, momentum=0.9)

    @torch.inference_mode()
    def forward() -> None:
        network.eval()(given)

    @torch.inference_mode()
    def apart() -> None:
        one_by_one(network.eval(), given)

    def step() -> None:
        network.train()
        optimiser.zero_grad(set_to_none=True)
        loss_of(network(given), label).backward()
        optimiser.step()

    found: dict[str, Callable[[], None]] = {"forward": forward, "step": step}
    return {**found, "one_by_one": apart} if case.frames else found


def milliseconds(work: Callable[[], None], device: str) -> float:
    """Of one go."""
    started = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - started)


def times(
    cases: tuple[Case, ...], repeats: int, threads: tuple[int, ...], device: str
) -> list[dict[str, Any]]:
    """Medians of every case; all cases take turns, so that a slow minute hits them alike."""
    torch.use_deterministic_algorithms(True)
    ready = {case: works(case, device) for case in cases}
    taken: dict[tuple[Case, int, str], list[float]] = {}
    for turn in range(-1, repeats):
        for case, parts in ready.items():
            for count in threads:
                torch.set_num_threads(count)
                for name, work in parts.items():
                    spent = milliseconds(work, device)
                    # The first turn warms up.
                    if turn >= 0:
                        taken.setdefault((case, count, name), []).append(spent)
    return [
        {
            **case.about,
            "parameters": sum(part.numel() for part in case.make()[0].parameters()),
            "threads": count,
            **{f"{name}_ms": round(median(taken[case, count, name]), 2) for name in ready[case]},
        }
        for case in cases
        for count in threads
    ]


def peak(case: Case, training: bool) -> dict[str, Any]:
    """Resident memory of a process before and at the most, MB; call it in a process of its own."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(THREADS[0])
    work = works(case)["step" if training else "forward"]
    before = most_mb()
    work()
    # The second step has the momentum of the optimiser beside everything else.
    work()
    return {
        **case.about,
        "work": "training" if training else "inference",
        "before_mb": round(before),
        "peak_mb": round(most_mb()),
    }


def most_mb() -> float:
    """Most memory of this process until now."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands the maximum of getrusage on from the process that started this one.
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024**2 if platform.system() == "Darwin" else most / 1024


def memory(cases: tuple[Case, ...]) -> list[dict[str, Any]]:
    """Peaks of every case, training and judging."""
    rows = []
    for case in cases:
        for training in (False, True):
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                rows.append(alone.submit(peak, case, training).result())
    return rows


def card_memory(case: Case, training: bool) -> dict[str, Any]:
    """Memory of the card at the most, MB."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    work = works(case, "cuda")["step" if training else "forward"]
    work()
    work()
    most = torch.cuda.max_memory_allocated() / 1024**2
    return {**case.about, "work": "training" if training else "inference", "peak_mb": round(most)}


def on_card(cases: tuple[Case, ...], longest: tuple[Case, ...], repeats: int) -> dict[str, Any]:
    """The same on the card."""
    return {
        "torch": torch.__version__,
        "repeats": repeats,
        "name": torch.cuda.get_device_name(),
        "memory": [card_memory(case, training) for case in longest for training in (False, True)],
        "rows": times(cases, repeats, THREADS[:1], "cuda"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small networks, short clips, no result file")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--card", type=Path)
    options = parser.parse_args()
    cases = QUICK if options.quick else CASES
    # Of each network and configuration the longest clip.
    longest = tuple({(case.network, case.config): case for case in cases if case.config != "map28"}.values())
    if options.card and torch.cuda.is_available():
        options.card.write_text(json.dumps(on_card(cases, longest, options.repeats)), encoding="utf-8")
        return
    card = json.loads(options.card.read_text(encoding="utf-8")) if options.card else None
    peaks = memory(longest)
    print_table(peaks, "resident memory")
    result = {
        "torch": torch.__version__,
        "repeats": options.repeats,
        "memory": peaks,
        "rows": times(cases, options.repeats, THREADS, "cpu"),
        "card": card,
    }
    parts = ("forward_ms", "one_by_one_ms", "step_ms")
    print_table(
        [
            {
                **{key: row[key] for key in ("network", "config", "frames", "threads")},
                **{p: row.get(p) for p in parts},
            }
            for row in result["rows"]
        ],
        "milliseconds of one example",
    )
    if not options.quick:
        print(f"saved {write_result('network_speed', result, seeds=[SEED]).name}")


if __name__ == "__main__":
    main()
