"""Does FAL-ConvLSTM tell the action units, and does it look for them where they act?

The small configuration on SynthME-1 (128 px, 3 classes, 12 people in 6 groups, of which one is tested at
a time).  Of each unit that occurs: F1 over the tested clips, a unit being said from a probability of 0.5 on,
and which share of its attention lies inside its region (where the prior is above 0.05), in clips that show
it, beside that of a network that has learnt nothing, which has the prior.  And whether the clustering loss
makes clusters: silhouette of the features by unit, of the units that tested clips show, with it and without.
Beside it the UF1 of a naive Bayes classifier that is told the true units.
Finished folds are kept in the working folder, by commit.

    python benchmarks/fal_units.py [--levels easy medium] [--people 12] [--seeds 3] [--head FILE]
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from common import options, print_table, runs_folder, side_by_side, write_result
from network_scores import CLASSES, LEVELS, SIZE
from sklearn.metrics import silhouette_score
from sklearn.naive_bayes import BernoulliNB

from merkit.cache import ClipCache
from merkit.clips import Clip
from merkit.methods import FitContext, create_network, create_recognizer
from merkit.methods.fal_convlstm.losses import LEAST_CHANGE
from merkit.methods.fal_convlstm.units import UNITS, present_units, region_priors
from merkit.metrics.recognition import uf1
from merkit.protocols.splitters import SubjectKFold
from merkit.saving import write_whole
from merkit.simulate.synthme import load_synthme

GROUPS = 6
INSIDE = 0.05
"""Of a region: where its prior is above this."""


def told_of(
    given: tuple[Sequence[Clip], Path], key: tuple[bool, int, list[int], list[int]]
) -> dict[str, Any]:
    """What a network that never saw some people says of the units of their clips, and its silhouette."""
    (clips, kept), (clusters, seed, train, test) = given, key
    path = kept / f"{seed}-{len(clips)}-{test[0]}{'' if clusters else '-without'}.json"
    if not path.is_file():
        settings = {} if clusters else {"cluster_weight": 0.0}
        recognizer: Any = create_recognizer("fal-convlstm", config="small", **settings)
        learnt = [clips[row] for row in train]
        labels, people = [clip.emotion for clip in learnt], [clip.subject for clip in learnt]
        recognizer.fit(learnt, labels, people, context=FitContext(seed=seed))
        judged = [clips[row] for row in test]
        rows = [
            {
                "clip": clip.id, "seed": seed, "shown": present_units(clip.aus).tolist(),
                "said": told["aus"], "inside": inside(told["aus_where"]),
            }
            for clip, told in zip(judged, recognizer.explain(judged), strict=True)
        ]  # fmt: skip
        kept.mkdir(parents=True, exist_ok=True)
        found = {"rows": rows, "silhouette": silhouette(recognizer, judged)}
        write_whole(path, json.dumps(found))
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return known


def silhouette(recognizer: Any, clips: Sequence[Clip]) -> float:
    """How far the features of each unit that some clips show lie apart from those of other units, -1 to 1."""
    given = torch.cat([recognizer._given(clip) for clip in clips])
    with torch.inference_mode():
        change = recognizer.network_(given).actions.change.numpy()
    shown = np.array([present_units(clip.aus) for clip in clips])
    lengths = np.linalg.norm(change, axis=2)
    taking = shown & (lengths > LEAST_CHANGE)
    features = change[taking] / lengths[taking][:, None]
    return float(silhouette_score(features, np.nonzero(taking)[1]))


def inside(masks: Any) -> dict[str, float]:
    """Share of the attention for each unit that lies inside its region; `masks` (J, h, w)."""
    regions = region_priors(masks.shape[-1]) > INSIDE
    shares = (masks * regions).sum(axis=(1, 2)) / masks.sum(axis=(1, 2))
    return {f"AU{unit}": float(share) for unit, share in zip(UNITS, shares, strict=True)}


def _unlearnt_masks() -> Any:
    """Attention (J, h, w) of the small network before it is trained, on a face without texture."""
    network: Any = create_network("fal-convlstm", config="small").eval()
    with torch.inference_mode():
        size = network.config.size
        return network.see(torch.zeros(1, 3, 2, size, size))[1].masks[0].mean(dim=0).numpy()


def table(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each unit that is shown: F1, the mean over seeds, and the share of attention inside its region."""
    found = []
    seeds = sorted({row["seed"] for row in rows})
    untrained = inside(_unlearnt_masks())
    for place, unit in enumerate(UNITS):
        shown = np.array([row["shown"][place] for row in rows])
        if not shown.any():
            continue
        said = np.array([row["said"][f"AU{unit}"] >= 0.5 for row in rows])
        of_seed = [np.array([row["seed"] == seed for row in rows]) for seed in seeds]
        scores = [
            2 * float((said & shown)[one].sum()) / max(float(said[one].sum() + shown[one].sum()), 1.0)
            for one in of_seed
        ]
        shares = [row["inside"][f"AU{unit}"] for row, there in zip(rows, shown, strict=True) if there]
        found.append(
            {
                "unit": f"AU{unit}",
                "clips": int(shown[of_seed[0]].sum()),
                "f1": float(np.mean(scores)),
                "f1_seeds": scores,
                # Who says that every clip shows it scores this.
                "f1_always": 2 * float(shown.mean()) / (1 + float(shown.mean())),
                "inside": float(np.mean(shares)),
                # Of a network that has learnt nothing: the prior alone looks there.
                "untrained": untrained[f"AU{unit}"],
            }
        )
    return found


def by_true_units(clips: Sequence[Clip], splits: Sequence[Any]) -> float:
    """UF1 of a naive Bayes classifier on the annotated units of clips, over all tested clips."""
    shown = np.array([present_units(clip.aus) for clip in clips])
    truth = np.array([str(clip.emotion) for clip in clips])
    said = truth.copy()
    for train, test in splits:
        said[test] = BernoulliNB().fit(shown[train], truth[train]).predict(shown[test])
    return uf1(truth, said, sorted(set(truth)))


def main() -> None:
    """Measure, print, save."""
    parser = options(__doc__, work="fal_units")
    parser.add_argument("--levels", nargs="*", choices=LEVELS, default=["easy", "medium"])
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    cache = ClipCache(asked.work / "clips")
    step = create_recognizer("fal-convlstm", config="small").step  # type: ignore[attr-defined]
    runs = runs_folder(asked)
    levels, silhouettes, rule = {}, {}, {}
    for level in asked.levels:
        films = load_synthme(level, SIZE, CLASSES, asked.people, head=asked.head, lazy=False)
        clips = [cache(step, clip) for clip in films]
        people = [clip.subject for clip in clips]
        splits = list(SubjectKFold(GROUPS).split(people, [clip.emotion for clip in clips], people))
        keys = [
            (clusters, seed, train.tolist(), test.tolist())
            for train, test in splits
            for clusters in (True, False)
            for seed in range(asked.seeds)
        ]
        parts = side_by_side(told_of, (clips, runs / level), keys, asked.workers)
        levels[level] = table(
            [row for key, part in zip(keys, parts, strict=True) if key[0] for row in part["rows"]]
        )
        print_table([{k: v for k, v in row.items() if k != "f1_seeds"} for row in levels[level]], level)
        silhouettes[level] = {
            name: [part["silhouette"] for key, part in zip(keys, parts, strict=True) if key[0] == clusters]
            for name, clusters in (("with", True), ("without", False))
        }
        rule[level] = by_true_units(clips, splits)
        print(f"{level}: UF1 of naive Bayes on the true units: {rule[level]:.3f}")
        means = {name: f"{np.mean(values):.3f}" for name, values in silhouettes[level].items()}
        print(f"{level}: silhouette of the features by unit, mean over folds and seeds: {means}")
    result = {
        "people": asked.people, "groups": GROUPS, "size": SIZE, "levels": levels, "silhouettes": silhouettes,
        "uf1_true_units": rule,
    }  # fmt: skip
    print(write_result("fal_units", result, seeds=range(asked.seeds)))


if __name__ == "__main__":
    main()
