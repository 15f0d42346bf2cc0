"""Write the figures of simulator.md from the newest result files.

    python docs/fill_simulator.py

Replaces what stands between each pair of markers; a test holds the page to what this makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fill_evaluation import from_here, table
from fill_figures import filled_in, newest, share

PAGE = Path(__file__).resolve().parent / "simulator.md"
BACKENDS = {"dis": "DIS", "dis-fine": "DIS, full resolution", "tvl1": "TV-L1", "farneback": "Farnebäck"}


def realism() -> str:
    """Drawn clips against the published statistics."""
    result, link = newest("simulator_realism")
    rows = []
    for row in result["figures"]:
        if row["like"] == "default":
            continue
        drawn, published = row["frames"], row["published frames"]
        marks = [f"{drawn[m]:.0f} / {published[m]:.0f}" for m in ("min", "median", "max")]
        peak = row["peak_px"]
        spread = f"{peak['median']:.2f} ({peak['5 %']:.2f} to {peak['95 %']:.2f})"
        rows.append([f"{row['like']}, {row['kind']}", *marks, spread, f"{row['share of 0.2 to 2 px']:.0%}"])
    clips = result["figures"][0]["clips"]
    lines = [
        f"**What is drawn** ({clips} clips each, from {from_here(link)}): frames from onset to offset, "
        "drawn / published; longest displacement at the apex in px of a face 200 px wide, median "
        "(5 to 95 %).\n",
        table(["like", "shortest", "median", "longest", "displacement", "0.2 to 2 px"], rows),
        "\nAction units by class, share of the clips, drawn / counted by the coders:\n",
    ]
    units: dict[tuple[str, str], list[str]] = {}
    for row in result["units"]:
        if row["published clips"] >= 20:
            told = f"AU{row['unit']} {row['drawn']:.2f} / {row['published']:.2f}"
            units.setdefault((row["like"], row["emotion"]), []).append(told)
    lines.append(table(["like", "class", "units"], [[*key, ", ".join(told)] for key, told in units.items()]))
    worst = ", ".join(
        f"{r['like']} {r['emotion']} AU{r['unit']} {r['drawn']:.2f} for {r['published']:.2f} (of "
        f"{r['published clips']} clips)"
        for r in result["largest_deviations"][:3]
    )
    lines.append(f"\nThe largest deviations: {worst}.")
    return "\n".join(lines)


def truth() -> str:
    """How true the stated flow is."""
    result, link = newest("simulator_truth")
    head = result["head3d"]
    rows = []
    for side in sorted({row["side"] for row in head}, reverse=True):
        mine = [row for row in head if row["side"] == side]
        mean = {key: sum(row[key] for row in mine) / len(mine) for key in mine[0] if _number(mine[0][key])}
        rows.append(
            [
                f"{side} px",
                f"{mean['grey_levels']:.2f}",
                f"{max(row['worst_person'] for row in mine):.2f}",
                f"{mean['all_visible']:.2f}",
                f"{mean['unwarped']:.1f}",
                f"{mean['closed_to_0.02']:.1%}",
            ]
        )
    names = ["frame", "difference", "worst", "at edges too", "without warping", "closed to 0.02 px"]
    return "\n".join(
        [
            f"**Truth** ({from_here(link)}). 3D head with light that sticks to the skin, 8 people, 6 "
            "expressions of 2 px, 4 poses: mean difference in grey levels between a frame and another one "
            f"fetched along the stated flow, {result['head3d_margin_px']} px away from where one surface "
            "ends before another; and the share of pixels at which there and back again closes. Nearer to "
            "such an edge a pixel mixes two surfaces that move apart, and no single flow is right for it; "
            "“at edges too” counts those pixels as well.\n",
            table(names, rows),
            f"\nThe flow at a point is the way of that point to {result['points']['largest_px']:.0e} px. The "
            "portrait on an analytic texture differs from the analytic frame by at most "
            f"{result['portrait_worst_grey_levels']:.2f} grey levels.",
        ]
    )


def flow_accuracy() -> str:
    """Estimated against true flow."""
    result, link = newest("simulator_flow")
    lines = [
        f"**What can be seen at all** ({from_here(link)}; frames of {result['size'][0]} px, faces "
        f"{result['face_px']:.0f} px wide): mean error in px of the flow between a frame at rest and one at "
        "the apex, over the skin that moves, and in brackets how much of the true motion comes out. An error "
        "as large as that of predicting no motion means that a single pair of frames shows nothing.\n"
    ]
    for engine in ("portrait", "head"):
        rows = [
            [
                row["peak_px"],
                f"{row['noise']:.0f}",
                f"{row['zero epe']:.3f}",
                *(f"{row[f'{name} epe']:.3f} ({row[f'{name} gain']:.2f})" for name in BACKENDS),
            ]
            for row in result[engine]
        ]
        title = {"portrait": "Portrait", "head": "3D head, whose skin has less texture"}[engine]
        lines += [f"{title}:\n", table(["peak, px", "noise", "no motion", *BACKENDS.values()], rows), ""]
    return "\n".join(lines).rstrip()


def recognizer() -> str:
    """What the shipped recognizer makes of simulated faces."""
    result, link = newest("simulator_recognizer")
    rows = []
    for found in result["sizes"]:
        parts = {"all": found, **found["by_class"]}
        rows += [
            [f"{found['size']} px", name, share(part["right"]), share(part["right_when_sure"])]
            for name, part in parts.items()
        ]
        rows += [
            [
                f"{found['size']} px",
                f"{r['from']} to {r['to']} px",
                share(r["right"]),
                share(r["right_when_sure"]),
            ]
            for r in found["by_peak_px200"]
        ]
    return "\n".join(
        [
            "**The shipped recognizer**, which has seen real faces alone, on clips of the 3D head with the "
            f"{result['level']} settings of SynthME-1 ({from_here(link)}): share of right classes for AU12, "
            "AU4 and AU1+2, and of those that it is sure of; by class, and by displacement at a face 200 px "
            "wide.\n",
            table(["frame", "clips", "right", "right when sure"], rows),
        ]
    )


MAKERS = {
    "realism": realism,
    "truth": truth,
    "flow accuracy": flow_accuracy,
    "recognizer": recognizer,
}


def filled(text: str) -> str:
    """The page with the figures of today."""
    return filled_in(text, MAKERS)


def _number(value: Any) -> bool:
    return isinstance(value, int | float)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
