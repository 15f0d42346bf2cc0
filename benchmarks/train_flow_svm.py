"""Train the shipped flow-svm, measure it honestly, and write its weights, result file and picture.

    python benchmarks/train_flow_svm.py [--data DIR]

The data folder holds ``megc2019_flow_phases`` and ``face3d_ict``.  Two runs give the same weight bytes.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from action_unit_fields import (
    EXPECTED,
    NOT_EXPRESSIONS,
    Head3D,
    drawn_field,
    head_fields,
    head_identities,
    with_noise,
)
from class_means import draw_class_means
from common import default_data, write_result
from flow_svm_scores import (
    NESTED_COSTS,
    NESTED_FOLDS,
    NESTED_GRIDS,
    REPEATS,
    abstention,
    baselines,
    calibration,
    leave_one_subject_out,
    nested,
    other_settings,
    scores_with_intervals,
)
from numpy.typing import NDArray
from phase_maps import CLASSES, PhaseMaps, load_phase_maps
from threadpoolctl import threadpool_limits

from merkit.inputs.flow_map import decode_phase_map, map_p95
from merkit.methods.baselines.flow_svm.recognizer import FlowSVM, FlowSVMConfig
from merkit.methods.registry import shipped_folder
from merkit.metrics.recognition import recognition_scores

NOISES = (0.0, 0.2, 0.4)
IDENTITIES = 20
DRAWN = 200
PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "flow_svm_class_means.png"

NOTICE = """# Where these weights come from

The weights in this folder were trained by `benchmarks/train_flow_svm.py` on flow maps published in the
repository *CausalNet* (github.com/tony19980810/CausalNet, ICCV 2025), folder
`datasets/STSNet_whole_norm_u_v_os/`, under this licence:

> MIT License
>
> Copyright (c) 2025 tony19980810
>
> Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
> associated documentation files (the "Software"), to deal in the Software without restriction,
> including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense,
> and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so,
> subject to the following conditions:
>
> The above copyright notice and this permission notice shall be included in all copies or substantial
> portions of the Software.
>
> THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
> LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN
> NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY,
> WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
> SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

The maps were computed from clips of three datasets that are licensed for research only. No frame of
them is in merkit. Cite them in work that rests on these weights:

- CASME II: W.-J. Yan, X. Li, S.-J. Wang, G. Zhao, Y.-J. Liu, Y.-H. Chen, X. Fu. CASME II: An Improved
  Spontaneous Micro-Expression Database and the Baseline Evaluation. PLoS ONE 9(1): e86041, 2014.
- SMIC: X. Li, T. Pfister, X. Huang, G. Zhao, M. Pietikäinen. A Spontaneous Micro-expression Database:
  Inducement, collection and baseline. FG 2013.
- SAMM: A. K. Davison, C. Lansley, N. Costen, K. Tan, M. H. Yap. SAMM: A Spontaneous Micro-Facial
  Movement Dataset. IEEE Transactions on Affective Computing 9(1), 116-129, 2018.
"""


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=default_data(), help="folder of the data sets")
    folder = parser.parse_args().data
    data, config = load_phase_maps(folder), FlowSVMConfig()
    model = FlowSVM(config).fit_maps(data.maps, data.labels, data.subjects)
    result = measure(data, config, model, folder / "face3d_ict" / "face3d_ict.npz")
    path = write_result("flow_svm", result, seeds=(0, 1, 2))
    target = shipped_folder(FlowSVM.name)
    model.save(target, about(data, result, path.name))
    (target / "NOTICE.md").write_text(NOTICE, "utf-8")
    draw_class_means(data, PICTURE)
    overall, inner = result["loso"]["overall"], result["nested"]["overall"]
    print(f"LOSO UF1 {overall['uf1']:.3f}, nested {inner['uf1']:.3f}; see {path.name} and {PICTURE.name}")


def measure(data: PhaseMaps, config: FlowSVMConfig, model: FlowSVM, head: Path) -> dict[str, Any]:
    """Every figure of the card."""
    names = np.asarray(CLASSES)
    loso = leave_one_subject_out(data, config)
    guess, votes = names[loso["probabilities"].argmax(axis=1)], names[loso["votes"]]
    chosen_labels, chosen = nested(data)
    return {
        "data": {
            "name": "megc2019_flow_phases, map 0",
            "clips": len(data.labels),
            "subjects": len(np.unique(data.subjects)),
            "by_class": {name: int((data.labels == name).sum()) for name in CLASSES},
            "p95_grey_levels": _percentiles(map_p95(data.maps)),
            "p95_of_u_and_v_grey_levels": [_percentiles(p) for p in _p95_by_channel(data.maps)],
        },
        "config": asdict(config),
        "sharpness": model.sharpness_,
        "abstain_below": model.abstain_below,
        "bootstrap": {"over": "subjects", "repeats": REPEATS, "level": 0.95},
        "loso": scores_with_intervals(data, guess),
        "nested": {
            **scores_with_intervals(data, chosen_labels),
            "inner_folds": NESTED_FOLDS,
            "grids": NESTED_GRIDS,
            "costs": NESTED_COSTS,
            "chosen": chosen,
        },
        "label_rules": {
            "greatest sum of margins (used)": _brief(data, guess),
            "most pairs won (SVC.predict)": _brief(data, votes),
            "agreement": float(np.mean(guess == votes)),
        },
        "other_settings_uf1": other_settings(data, NESTED_COSTS),
        "baselines": baselines(data, config),
        "calibration": calibration(data, loso["probabilities"]),
        "abstention": abstention(data, loso),
        "action_units": action_units(model, head),
    }


def action_units(model: FlowSVM, head: Path) -> dict[str, Any]:
    """Share of right classes on motion that the recognizer has never seen, by action unit and noise."""
    units = (*EXPECTED, *NOT_EXPRESSIONS)
    identities = head_identities(IDENTITIES, seed=0)
    rng = np.random.default_rng(1)
    fields = head_fields(head, units, identities, seed=1)
    drawn = {
        unit: np.stack([drawn_field(unit, rng) for _ in range(DRAWN)]) for unit in ("AU12", "AU4", "AU1+2")
    }
    main_units = tuple(drawn)
    crops = {f"{axis} {share:+.0%}": {"shift": shift} for axis, share, shift in _shifts()}
    crops |= {f"crop {zoom:.0%}": {"zoom": zoom} for zoom in (0.85, 1.15)}
    moved = {}
    for name, crop in crops.items():
        table = head_fields(head, main_units, identities[:10], seed=1, **crop)
        moved[name] = {unit: _told(model, table[unit], 0.2, EXPECTED[unit])["right"] for unit in main_units}
    heads = [Head3D(head, identity) for identity in identities]
    turned = {
        f"{axis} {degrees:+d}": _told(model, np.stack([h.turned(axis, degrees) for h in heads]), 0.0, None)
        for axis in ("pitch", "yaw", "roll")
        for degrees in (-1, 1)
    }
    return {
        "identities": IDENTITIES,
        "noise": "smooth, its deviation a share of the map's p95",
        "head_3d": {
            u: {f"{n:g}": _told(model, fields[u], n, EXPECTED.get(u)) for n in NOISES} for u in units
        },
        "drawn": {u: {f"{n:g}": _told(model, drawn[u], n, EXPECTED[u]) for n in NOISES} for u in drawn},
        "head_3d_misplaced_noise_0.2": moved,
        "head_3d_turned_1_degree": turned,
    }


def about(data: PhaseMaps, result: dict[str, Any], result_file: str) -> dict[str, Any]:
    """What the shipped card says; the README beside the method tells it in full."""
    overall, inner = result["loso"]["overall"], result["nested"]["overall"]
    return {
        "data": "442 rising-phase flow maps of MEGC2019 (CASME II, SMIC, SAMM; 68 subjects), see NOTICE.md",
        # The guard of `merkit evaluate` refuses to test the model on them.
        "trained_subjects": np.unique(data.subjects).tolist(),
        "licence": "weights Apache-2.0; maps MIT; the clips behind the maps are for research only",
        "loso_uf1": round(overall["uf1"], 4),
        "loso_uf1_ci95": [round(x, 4) for x in overall["ci95"]["uf1"]],
        "loso_uar": round(overall["uar"], 4),
        "loso_accuracy": round(overall["accuracy"], 4),
        "nested_uf1": round(inner["uf1"], 4),
        "nested_uf1_ci95": [round(x, 4) for x in inner["ci95"]["uf1"]],
        "result_file": f"benchmarks/results/{result_file}",
        "limits": [
            "knows three classes only; whatever moves is called one of them",
            "a blink is called negative, a head turn anything: gate both before it",
            "probabilities assume that each class is equally frequent",
        ],
    }


def _told(model: FlowSVM, fields: NDArray[np.float64], noise: float, expected: str | None) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    repeats = 1 if noise == 0 else max(1, DRAWN // len(fields) // 2)
    maps = np.concatenate([with_noise(fields, noise, rng) for _ in range(repeats)])
    chances = model.predict_maps(maps)
    said = model.classes_[chances.argmax(axis=1)]
    kept = ~model.abstains(chances)
    report: dict[str, Any] = {
        "n": len(said),
        "said": {name: float(np.mean(said == name)) for name in CLASSES},
        "kept": float(np.mean(kept)),
    }
    if expected is not None:
        report["right"] = float(np.mean(said == expected))
        report["right_of_kept"] = float(np.mean(said[kept] == expected)) if kept.any() else None
    return report


def _shifts() -> list[tuple[str, float, tuple[float, float]]]:
    return [("x", s, (s, 0.0)) for s in (0.05, 0.1)] + [("y", s, (0.0, s)) for s in (-0.1, -0.05, 0.05, 0.1)]


def _brief(data: PhaseMaps, guess: NDArray[np.str_]) -> dict[str, float]:
    scores = recognition_scores(data.labels, guess, CLASSES)
    return {key: scores[key] for key in ("uf1", "uar", "accuracy")}


def _percentiles(values: NDArray[np.float64]) -> dict[str, float]:
    return {f"{q}": round(float(np.percentile(values, q)), 1) for q in (5, 25, 50, 75, 95)}


def _p95_by_channel(maps: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    flow = np.abs(decode_phase_map(maps))
    return [np.percentile(flow[..., k], 95, axis=(1, 2)) for k in (0, 1)]


if __name__ == "__main__":
    # One thread: the problems are small, and results then do not depend on the number of cores.
    with threadpool_limits(1):
        main()
