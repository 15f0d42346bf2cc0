"""How well does a linear SVM on each hand-made descriptor recognize, by leave one subject out?

Two measurements with the same recognizer, descriptor-svm:

1. every descriptor and flow-svm on SynthME-1 (128 px, 3 classes, 24 people, 288 clips a level), from raw
   frames, with the annotated apex; the cost is chosen inside each training fold.  The settings of the
   descriptors were chosen on other clips: 288 each of medium and hard, drawn with seed 777.
2. the HOOF and LBP-TOP that were published for the 442 clips of MEGC2019, under ``megc2019``; beside it a
   plain SVM of scikit-learn on the same folds, with a fixed cost.  Asked for: UF1 of 0.32 to 0.40.

Frames are kept in the working folder, and by commit descriptors and finished folds, so what was stopped goes
on when the same command is typed again.

    python benchmarks/descriptor_svm.py [--levels easy medium hard] [--work DIR] [--data DIR] [--head FILE]
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from common import commit, options, print_table, write_result
from rich.progress import track
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from merkit.clips import Clip, ClipTable
from merkit.datasets import read_dataset
from merkit.evaluation import evaluate
from merkit.methods.baselines.descriptor_svm.config import CONFIGS, TEXTURE, DescriptorSVMConfig
from merkit.metrics.recognition import uf1
from merkit.protocols import get_protocol
from merkit.simulate.synthme import ceiling, load_synthme
from merkit.video.sources import ArrayFrames

LEVELS = ("easy", "medium", "hard")
SIZE, CLASSES, TIMED = 128, 3, 8
TUNED_ON = 777
DESCRIPTORS = ("lbp-top", "lbp-sip", "higo", "hoof", "fhofo", "bi-woof", "mdmo")
PUBLISHED = tuple(
    f"{kind}_tim{length}_{form}"
    for kind, forms in (("hoof", ("4bins", "8bins")), ("lbptop", ("p4", "p8")))
    for length in (10, 64)
    for form in forms
)
ASKED = (0.32, 0.40)
FLOW_MAP = "flow_map"


def configs() -> dict[str, DescriptorSVMConfig]:
    """The named configurations that are measured, and the published one."""
    named = {name: DescriptorSVMConfig(**CONFIGS[name]) for name in DESCRIPTORS}
    return {"published": DescriptorSVMConfig(), **named}


@cache
def clips_of(level: str, head: str | None) -> ClipTable:
    """The clips of a level; their frames are drawn when they are read."""
    return load_synthme(level, SIZE, CLASSES, head=head)


def drawn(level: str, head: str | None, work: Path, number: int) -> Clip:
    """A clip from onset to offset in memory; its frames are drawn once and kept."""
    clip = clips_of(level, head)[number]
    path = work / f"frames-{level}" / f"{clip.id}.npy"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.npy")
        np.save(unfinished, clip.frames)
        unfinished.replace(path)
    assert clip.onset is not None
    assert clip.offset is not None
    return replace(clip, source=ArrayFrames(np.load(path), range(clip.onset, clip.offset + 1)))


def describe(level: str, head: str | None, work: Path, kept: Path, number: int) -> None:
    """Measure every descriptor of one clip, each crop and the flow once, and keep them."""
    import cv2

    from merkit.methods.baselines.descriptor_svm import measure

    target = kept / f"{clips_of(level, head)[number].id}.npz"
    if target.is_file():
        return
    cv2.setNumThreads(1)
    clip = drawn(level, head, work, number)
    hows = {name: config.measure for name, config in configs().items()}
    seen = measure.flow_of(clip, hows["hoof"])
    found: dict[str, Any] = {FLOW_MAP: seen.flow_map.values}
    crops: dict[tuple[Any, ...], Any] = {}
    for name, how in hows.items():
        if how.descriptor in TEXTURE:
            cut = how.size, how.face, how.head, how.average_s
            if cut not in crops:
                crops[cut] = measure.crops_of(clip, how)
            found[name] = measure.of_frames(crops[cut], how)
        else:
            found[name] = measure.of_flow(seen, how)
    unfinished = target.with_suffix(".part.npz")
    np.savez(unfinished, **found)
    unfinished.replace(target)


def seconds_a_clip(level: str, head: str | None, work: Path, kept: Path) -> dict[str, float]:
    """Median processor seconds of each descriptor for a clip, alone; results are held to those kept."""
    import cv2

    from merkit.inputs.onset_apex_flow import FlowSettings, onset_apex_flow
    from merkit.methods.baselines.descriptor_svm.measure import measured

    cv2.setNumThreads(1)
    clips = [drawn(level, head, work, number) for number in range(TIMED)]
    found = {}
    for name, config in {FLOW_MAP: None, **configs()}.items():
        taken = []
        for clip in clips:
            began = time.process_time()
            if config is None:
                values = onset_apex_flow(clip, FlowSettings()).flow_map.values
            else:
                values = measured(clip, config.measure).features[config.measure.feature]
            taken.append(time.process_time() - began)
            with np.load(kept / f"{clip.id}.npz") as stored:
                np.testing.assert_array_equal(values, stored[name])
        found[name] = round(median(taken), 3)
    return found


def with_feature(clips: ClipTable, kept: Path, name: str, feature: str) -> ClipTable:
    """The clips with one array that was kept of each."""

    def of(clip: Clip) -> Clip:
        with np.load(kept / f"{clip.id}.npz") as stored:
            return replace(clip, features={feature: stored[name]})

    return ClipTable.from_clips(of(clip) for clip in clips)


def scores_of(out: Path, **how: Any) -> dict[str, Any]:
    """The metrics of a run, which is done now if it is not finished yet."""
    path = out / "metrics.json"
    if not path.is_file():
        evaluate(**how, out=out)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    print(f"{out.name}: UF1 {found['overall']['uf1']:.3f}", flush=True)
    return found


def row_of(metrics: Mapping[str, Any], **about: Any) -> dict[str, Any]:
    """Scores of a run, with their intervals over subjects."""
    overall = metrics["overall"]
    return {
        **about,
        "n": overall["n"],
        "subjects": overall["subjects"],
        **{name: overall[name] for name in ("uf1", "uar", "accuracy")},
        "ci95": {name: overall["ci95"][name] for name in ("uf1", "uar", "accuracy")},
        "confusion": overall["confusion"],
        "settings": metrics["settings"],
    }


def on_synthme(level: str, work: Path, runs: Path, head: str | None, workers: int) -> list[dict[str, Any]]:
    """Scores of every descriptor at one level."""
    kept = runs / f"descriptors-{level}"
    kept.mkdir(parents=True, exist_ok=True)
    clips = clips_of(level, head)
    with ProcessPoolExecutor(workers) as pool:
        todo = pool.map(partial(describe, level, head, work, kept), range(len(clips)), chunksize=2)
        list(track(todo, f"{level}: descriptors", total=len(clips)))
    rows = []
    methods: dict[str, tuple[str, str, dict[str, Any]]] = {
        "flow-svm": (FLOW_MAP, FLOW_MAP, {"method": "flow-svm", "overrides": {"select": "nested"}}),
        **{
            name: (name, config.measure.feature, {"method": "descriptor-svm", "config": name})
            for name, config in configs().items()
        },
    }
    for name, (stored, feature, how) in methods.items():
        tables = {"manifest": with_feature(clips, kept, stored, feature)}
        protocol = f"synthme-{CLASSES}class"
        found = scores_of(runs / f"{level}-{name}", **how, tables=tables, protocol=protocol, workers=workers)
        rows.append(row_of(found, config=name))
    return rows


def plain_svm(clips: ClipTable, feature: str, protocol: Any) -> float:
    """UF1 of a standardised linear SVM of scikit-learn, leave one subject out, its own labels."""
    chosen = protocol.select({"megc2019-features": clips})
    values = np.stack([clip.features[feature].ravel() for clip in chosen.clips]).astype(float)
    said = np.empty(len(values), dtype=object)
    cost = 0.1 if values.shape[1] <= 500 else 0.01
    for fold in protocol.folds(chosen):
        svm = make_pipeline(StandardScaler(), SVC(kernel="linear", C=cost, class_weight="balanced"))
        said[fold.test] = svm.fit(values[fold.train], chosen.y[fold.train]).predict(values[fold.test])
    return uf1(chosen.y, said, chosen.classes)


def on_published(data: Path, runs: Path, workers: int) -> list[dict[str, Any]]:
    """Scores of the published features of MEGC2019."""
    name = "megc2019-features"
    tables = {name: read_dataset(name, data / "megc2019_hoof_lbptop")}
    rows = []
    for feature in PUBLISHED:
        found = scores_of(
            runs / f"megc2019-{feature}", method="descriptor-svm", tables=tables, protocol="megc2019",
            overrides={"given": feature}, workers=workers,
        )  # fmt: skip
        shape = np.shape(tables[name][0].features[feature])
        parts = {key: block["uf1"] for key, block in found["by_dataset"].items()}
        plain = plain_svm(tables[name], feature, get_protocol("megc2019"))
        rows.append(
            {**row_of(found, feature=feature, shape=list(shape)), "uf1_by_dataset": parts, "plain_uf1": plain}
        )
    return rows


def shown(rows: list[dict[str, Any]], key: str) -> list[Mapping[str, Any]]:
    return [
        {key: row[key], "UF1": row["uf1"], "95 %": "{:.2f} to {:.2f}".format(*row["ci95"]["uf1"]),
         "UAR": row["uar"], **({"plain": row["plain_uf1"]} if "plain_uf1" in row else {})}
        for row in rows
    ]  # fmt: skip


def main() -> None:
    """Measure, print, save."""
    parser = options(__doc__, work="descriptor_svm", data="features")
    parser.add_argument("--levels", nargs="*", choices=LEVELS, default=list(LEVELS))
    asked = parser.parse_args()
    runs = asked.work / commit()
    levels = [
        {
            "level": level,
            "ceiling": ceiling(level, CLASSES),
            "rows": on_synthme(level, asked.work, runs, asked.head, asked.workers),
        }
        for level in asked.levels
    ]
    first = asked.levels[0] if asked.levels else None
    seconds = seconds_a_clip(first, asked.head, asked.work, runs / f"descriptors-{first}") if first else {}
    published = on_published(asked.data, runs, asked.workers)
    for level in levels:
        print_table(shown(level["rows"], "config"), f"SynthME-1 {level['level']}, {CLASSES} classes")
    print_table(shown(published, "feature"), "published features, megc2019")
    result = {
        "synthme": {"size": SIZE, "classes": CLASSES, "tuned_on_seed": TUNED_ON, "levels": levels},
        "settings": {name: asdict(config) for name, config in configs().items()},
        "published": published,
        "asked": ASKED,
        "cpu_seconds_a_clip": seconds,
    }
    print(write_result("descriptor_svm", result, seeds=[0, TUNED_ON]))


if __name__ == "__main__":
    main()
