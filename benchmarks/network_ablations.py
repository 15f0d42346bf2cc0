"""What is each part of MERSiamC3D, SMA-STN and FAL-ConvLSTM worth?  One table a method.

SynthME-1 medium, 128 px, 3 classes, 12 people in 6 groups of which one is tested at a time; the small
configurations with one part changed, several seeds.  The intervals of the differences to the whole method are
of a bootstrap over people, paired, p of a permutation over people, adjusted for there being several (Holm).
The network that makes frames for ``adaconv`` is learnt once a group, from the clips that are trained on, and
shared by the seeds.  Finished folds are kept in the working folder, by commit.

    python benchmarks/network_ablations.py [--methods …] [--people 12] [--seeds 3] [--variants …]
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from common import options, print_table, runs_folder, side_by_side, write_result
from fal_controls import MeanRelation, ShuffledUnits
from network_scores import CLASSES, SIZE, in_groups, in_short, scores_of

from merkit.cache import ClipCache
from merkit.clips import ClipTable
from merkit.evaluation import compare
from merkit.methods import FitContext, create_recognizer
from merkit.methods.fal_convlstm.config import CONFIGS, FALConfig
from merkit.methods.mersiamc3d.config import FACES_FEATURE, INTERPOLATOR
from merkit.methods.mersiamc3d.interpolation import Interpolator
from merkit.methods.mersiamc3d.triplets import learn_interpolator
from merkit.simulate.synthme import load_synthme
from merkit.training.weights import read_weights, write_weights

GROUPS = 6
WHOLE = "as it is"
Variants = Mapping[str, Mapping[str, Any]]
_NO_UNITS = {"local": False, "action_weight": 0.0, "relation_weight": 0.0, "cluster_weight": 0.0}
VARIANTS: Mapping[str, Variants] = {
    "mersiamc3d": {
        WHOLE: {},
        "no prior stage": {"prior": "off"},
        "cross-entropy": {"gamma": 0.0, "alpha": "equal"},
        "recorded frames": {"transition": "nearest"},
        "made frames": {"transition": "adaconv", "interpolation_epochs": 8, "triplets": 800},
        "even key frames": {"apex": "middle"},
        "onset to apex": {"flow": "apex"},
    },
    "sma-stn": {
        WHOLE: {},
        "K = 1": {"segments": 1},
        "local images": {"images": "local"},
        "global image": {"images": "global"},
        "local images without the onset": {"images": "local", "anchor": "none"},
        "no STMA-S": {"attention": "none"},
        "no STMA-T": {"weighting": "mean"},
        "λ = 0": {"deviation_weight": 0.0},
        "λ = 1": {"deviation_weight": 1.0},
        "movement DE-Loss": {"deviation": "movement"},
    },
    "fal-convlstm": {
        WHOLE: {},
        # From the bottom up: one scale and no action units, all scales, action units, relation, clustering.
        "deepest scale, no action units": {"scales": "deepest", **_NO_UNITS},
        "no action units": _NO_UNITS,
        "action units alone": {"relation_weight": 0.0, "cluster_weight": 0.0},
        "no clustering": {"cluster_weight": 0.0},
        "no relation": {"relation_weight": 0.0},
        "last state": {"readout": "last"},
        "no ConvLSTM": {"readout": "frames"},
    },
}  # fmt: skip
CONTROLS: Mapping[str, Mapping[str, Callable[[FALConfig], Any]]] = {
    "fal-convlstm": {"shuffled action units": ShuffledUnits, "mean relation": MeanRelation},
}
"""Recognizers of which a part has nothing to learn, beside those of which it is switched off."""


class Interpolators:
    """The artifacts of a fold: the network that makes frames, learnt from the clips that are trained on.

    Those of all folds are learnt beforehand, side by side.
    """

    def __init__(
        self, table: ClipTable, protocol: Any, settings: Mapping[str, Any], work: Path, workers: int
    ) -> None:
        self.recognizer: Any = create_recognizer("mersiamc3d", config="small", **settings)
        self.selection = protocol.select({"manifest": table})
        self.folds = {fold.name: fold for fold in protocol.splits(self.selection)}
        self.work = work
        kept = ClipCache(work.parent / "clips")
        self.faces = [
            kept(self.recognizer.step, clip).features[FACES_FEATURE] for clip in self.selection.clips
        ]
        side_by_side(Interpolators.learn, self, self.folds, workers)

    def learn(self, fold: str) -> Path:
        """Learn that of a fold, if that was not done before; the file that holds it."""
        rows = self.folds[fold].train
        seen = repr((self.people(fold), rows.tolist(), self.recognizer.config)).encode()
        path = self.work / f"interpolator-{hashlib.sha256(seen).hexdigest()[:12]}.safetensors"
        if not path.is_file():
            faces = [self.faces[int(row)] for row in rows]
            write_weights(path, learn_interpolator(faces, self.recognizer.config, FitContext()).state_dict())
        return path

    def people(self, fold: str) -> list[str]:
        """Whose clips a fold trains on."""
        return sorted(set(self.selection.groups[self.folds[fold].train].tolist()))

    def __call__(self, fold: str) -> dict[str, Any]:
        """Of a fold by its name."""
        network = Interpolator()
        network.load_state_dict(read_weights(self.learn(fold)))
        return {INTERPOLATOR: {"network": network.eval(), "trained_subjects": self.people(fold)}}


def main() -> None:
    """Measure, print, save."""
    parser = options(__doc__, work="network_ablations")
    parser.add_argument("--methods", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--variants", nargs="*", help="by name; all of them by default")
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    named = [name for method in asked.methods for name in (*VARIANTS[method], *CONTROLS.get(method, {}))]
    for name in asked.variants or ():
        if name not in named:
            parser.error(f"--variants {name!r}: there are {', '.join(named)}")
    runs = runs_folder(asked)
    table = load_synthme("medium", SIZE, CLASSES, asked.people, head=asked.head, lazy=False)
    protocol = in_groups(f"synthme-{CLASSES}class", GROUPS)
    for method in asked.methods:
        one_method(asked, method, table, protocol, runs)


def one_method(asked: argparse.Namespace, method: str, table: ClipTable, protocol: Any, runs: Path) -> None:
    """Measure and print the table of one method; save it if it has all variants."""
    controls = CONTROLS.get(method, {})
    known: Variants = {**VARIANTS[method], **{name: {} for name in controls}}
    rows: list[dict[str, Any]] = []
    folders = []
    # Every difference is to the whole method.
    wanted = known if asked.variants is None else {WHOLE, *asked.variants}
    for name, settings in known.items():
        if name not in wanted:
            continue
        how: dict[str, Any] = (
            {"method": partial(controls[name], FALConfig(**CONFIGS["small"]))}
            if name in controls
            else {"method": method, "config": "small", "overrides": settings}
        )
        made = settings.get("transition") == "adaconv"
        folder = runs / f"{method}+{'-'.join(name.split())}+{asked.people}"
        found = scores_of(
            folder, **how, tables={"manifest": table}, protocol=protocol, seeds=asked.seeds,
            workers=asked.workers, cache=ClipCache(asked.work / "clips"),
            artifacts=Interpolators(table, protocol, settings, runs, asked.workers) if made else None,
        )  # fmt: skip
        rows.append({"variant": name, "settings": dict(settings), **found})
        folders.append(folder)
    for row, tested in zip(rows[1:], compare(folders).rows[1:], strict=True):
        row["difference"] = {
            "uf1": tested["difference"]["uf1"], "ci95": tested["difference_ci95"]["uf1"],
            "p": tested["p"]["uf1"], "p_holm": tested["p_holm"],
        }  # fmt: skip
    shown = [
        {
            "variant": row["variant"], **in_short(row), "difference": difference_in_words(row),
            "s/fold": row["fold_s"],
        }
        for row in rows
    ]  # fmt: skip
    print_table(shown, f"{method}, SynthME-1 medium, {asked.people} people in {GROUPS} groups")
    if asked.variants is not None:
        return  # A table of some variants would hide that of all.
    result = {"method": method, "people": asked.people, "groups": GROUPS, "size": SIZE, "rows": rows}
    seeds = {seed for row in rows for seed in row["seeds"]}
    print(write_result(f"ablation_{method.replace('-', '_')}", result, seeds=seeds))


def difference_in_words(row: Mapping[str, Any]) -> str:
    """The difference to the whole method, with its interval and p; nothing for the whole method."""
    if "difference" not in row:
        return ""
    change = row["difference"]
    return "{:+.3f} ({:+.2f} to {:+.2f}), p {:.3f}".format(change["uf1"], *change["ci95"], change["p_holm"])


if __name__ == "__main__":
    main()
