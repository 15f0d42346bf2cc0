"""Which frames does AKMNet choose, and what is choosing them worth?

1. Clips of 30 frames in which the face moves in 5 alone (``few``), by leave one subject out: how many of the
   moving frames are among the chosen, beside what as many frames drawn at random would cover.
   The same on ordinary clips of SynthME-1 easy, for the apex.
2. Ablations on those ordinary clips: the mining steps left out one by one (s12, s13, s23), and none
   (va-all: all frames; va-random: half of them at random; va-norm: 16 by interpolation); and the two ways in
   which the small configuration is not the published method: faces instead of their differences to the first,
   and one clip at a time through batch normalisation.

The small configuration, 128 px, 3 classes; people and clips are those of SynthME-1 for part 2, and drawn with
seed 778 in the same manner for part 1.  Finished runs are kept in the working folder, by commit.

    python benchmarks/akmnet_frames.py [--people 6] [--seeds 3] [--variants s123 s12 …] [--head FILE]
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from common import options, print_table, runs_folder, write_result
from network_scores import CLASSES, SIZE, scores_of

from merkit.cache import ClipCache
from merkit.clips import Clip, ClipTable
from merkit.methods import FitContext, create_recognizer
from merkit.simulate import simulate_table
from merkit.simulate.synthme import load_synthme, synthme_settings

VARIANTS = {
    "s123": {}, "s12": {"variant": "s12"}, "s13": {"variant": "s13"}, "s23": {"variant": "s23"},
    "va-all": {"variant": "va-all"}, "va-random": {"variant": "va-random"},
    "va-norm16": {"variant": "va-norm", "count": 16},
    "faces": {"difference": False}, "one clip at a time": {"together": 1},
}  # fmt: skip
CHOOSING = ("s123", "s13", "s23")
SEED, EVENT, BEFORE, AFTER = 778, 7, 11, 12
"""Of the clips of part 1: their seed, frames of the event, whose ends are at rest, and of rest around it."""


def few_clips(people: int, head: str | None) -> list[Clip]:
    """Clips of 30 frames, of which 5 in the middle differ from the first."""
    settings = synthme_settings("easy", SIZE, CLASSES, subjects=people, seed=SEED, head=head)
    recipe = replace(settings.recipe, frames=(EVENT, EVENT), context=(AFTER, AFTER))  # type: ignore[type-var]
    clips = []
    for clip in simulate_table(replace(settings, recipe=recipe), lazy=False):
        assert clip.onset is not None
        assert clip.offset is not None
        clips.append(replace(clip, onset=clip.onset - BEFORE, offset=clip.offset + AFTER))
    return clips


def chosen_in(
    clips: Sequence[Clip], kept: Path, overrides: dict[str, Any], key: tuple[str, int]
) -> list[dict[str, Any]]:
    """What a network that never saw a person chooses in the clips of that person."""
    who, seed = key
    path = kept / f"{who}-{seed}-{len(clips)}.json"
    if not path.is_file():
        recognizer: Any = create_recognizer("akmnet", config="small", **overrides)
        train = [clip for clip in clips if clip.subject != who]
        test = [clip for clip in clips if clip.subject == who]
        labels, groups = [clip.emotion for clip in train], [clip.subject for clip in train]
        recognizer.fit(train, labels, groups, context=FitContext(seed=seed))
        said = recognizer.predict(test).tolist()
        rows = [
            {
                "clip": clip.id, "subject": who, "seed": seed, "right": label == clip.emotion,
                "apex": clip.apex, "frames": told["frames"], "key_frames": told["key_frames"],
                "best": told["best_frame"],
            }
            for clip, label, told in zip(test, said, recognizer.explain(test), strict=True)
        ]  # fmt: skip
        kept.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows), encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def with_faces(clips: Sequence[Clip], work: Path) -> list[Clip]:
    """The clips with what AKMNet sees of them, from the clip cache."""
    step = create_recognizer("akmnet", config="small").step  # type: ignore[attr-defined]
    cache = ClipCache(work / "clips")
    return [cache(step, clip) for clip in clips]


def coverage(rows: list[dict[str, Any]], marks: Sequence[Sequence[int]]) -> dict[str, Any]:
    """How many of the marked frames are chosen, and how many a random choice of as many would cover.

    The interval is of the mean difference over people, whose clips one network judges.
    """
    shares, chances, sizes = [], [], []
    for row, wanted in zip(rows, marks, strict=True):
        chosen = set(row["key_frames"])
        shares.append(len(chosen & set(wanted)) / len(wanted))
        chances.append(len(chosen) / len(row["frames"]))
        sizes.append(len(chosen))
    gain = np.subtract(shares, chances)
    people = [row["subject"] for row in rows]
    by_person = np.array([gain[[each == who for each in people]].mean() for who in sorted(set(people))])
    rng = np.random.default_rng(0)
    draws = by_person[rng.integers(len(by_person), size=(2000, len(by_person)))].mean(axis=1)
    return {
        "n": len({row["clip"] for row in rows}),
        "covered": float(np.mean(shares)),
        "random": float(np.mean(chances)),
        "gain": float(gain.mean()),
        "ci95": [float(value) for value in np.percentile(draws, [2.5, 97.5])],
        "chosen": float(np.mean(sizes)),
        "best_is_marked": float(
            np.mean([row["best"] in set(wanted) for row, wanted in zip(rows, marks, strict=True)])
        ),
        "right": float(np.mean([row["right"] for row in rows])),
    }


def choices(
    clips: Sequence[Clip], kept: Path, seeds: int, workers: int, overrides: dict[str, Any]
) -> list[dict[str, Any]]:
    """What is chosen in every clip with every seed."""
    keys = [(who, seed) for seed in range(seeds) for who in sorted({clip.subject for clip in clips})]
    with ProcessPoolExecutor(workers) as pool:
        parts = pool.map(partial(chosen_in, clips, kept, overrides), keys)
        return [row for part in parts for row in part]


def main() -> None:
    """Measure, print, save."""
    parser = options(__doc__, work="akmnet_frames")
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    asked = parser.parse_args()
    runs = runs_folder(asked)
    few = with_faces(few_clips(asked.people, asked.head), asked.work)
    selection = {}
    for name in [name for name in CHOOSING if name in asked.variants]:
        rows = choices(few, runs / f"few-{name}", asked.seeds, asked.workers, VARIANTS[name])
        moving = [row["frames"][BEFORE + 1 : BEFORE + EVENT - 1] for row in rows]
        selection[name] = coverage(rows, moving)
        print(name, selection[name], flush=True)
    ordinary = load_synthme("easy", SIZE, CLASSES, asked.people, head=asked.head, lazy=False)
    table = ClipTable.from_clips(with_faces(list(ordinary), asked.work))
    rows = choices(list(table), runs / "apex", asked.seeds, asked.workers, {}) if asked.variants else []
    apexes = coverage(rows, [[row["apex"]] for row in rows]) if rows else None
    ablation = [
        {
            "variant": name,
            **scores_of(
                runs / f"ablation-{name.replace(' ', '-')}",
                method="akmnet", config="small", overrides=VARIANTS[name],
                tables={"manifest": table}, protocol=f"synthme-{CLASSES}class", seeds=asked.seeds,
                workers=asked.workers,
            ),
        }
        for name in asked.variants
    ]  # fmt: skip
    told = [
        {"variant": name, **{key: value for key, value in row.items() if key != "ci95"}}
        for name, row in selection.items()
    ]
    print_table(told, "moving frames among the chosen")
    scores = [
        {"variant": row["variant"], "UF1": row["uf1"],
         "95 %": "{:.2f} to {:.2f}".format(*row["ci95"]["uf1"]), "UAR": row["uar"]}
        for row in ablation
    ]  # fmt: skip
    print_table(scores, "ablation, SynthME-1 easy")
    result = {
        "people": asked.people, "size": SIZE, "moving": EVENT - 2, "frames": BEFORE + EVENT + AFTER,
        "selection": selection, "apex": apexes, "ablation": ablation,
    }  # fmt: skip
    print(write_result("akmnet_frames", result, seeds=[*range(asked.seeds), SEED]))


if __name__ == "__main__":
    main()
