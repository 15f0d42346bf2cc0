"""Write the figures of inputs.md from the newest result file.

    python docs/fill_inputs.py

Replaces what stands between each pair of markers; a test holds the page to what this makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fill_evaluation import from_here, table
from fill_figures import filled_in, newest

PAGE = Path(__file__).resolve().parent / "inputs.md"
UNITS = {"AU12": "AU12, positive", "AU4": "AU4, negative", "AU1+2": "AU1+2, surprise"}


def _result() -> tuple[dict[str, Any], str]:
    result, link = newest("frames_to_class")
    return result, from_here(link)


def apex() -> str:
    """How far an estimated apex is off."""
    result, link = _result()
    rows = [
        [
            row["face_px"],
            f"{row['peak_px200']:g}",
            "yes" if row["blink"] else "no",
            row["n"],
            f"{row['mean_frames']:.1f}",
            f"{row['mean_ms']:.0f} / {row['median_ms']:.0f}",
            f"{row['beyond_40_ms']:.0%}",
        ]
        for row in result["apex"]
    ]
    noise = f"{result['options']['noise']:g}"
    head = (
        f"How far it is off, on simulated clips of {len(result['faces'])} faces at 100 and 200 frames a "
        f"second with camera noise {noise}\n({link}). No frame of SMIC or SAMM was at hand, so there it is "
        "not measured.\n\n"
    )
    names = [
        "face, px wide",
        "movement, px200",
        "blink",
        "clips",
        "frames, mean",
        "ms, mean / median",
        "> 40 ms",
    ]
    return head + table(names, rows)


def classes() -> str:
    """Share of right classes by face, movement and unit, and by setting."""
    result, link = _result()
    cells: dict[tuple[int, float], dict[str, str]] = {}
    for row in result["shares"]:
        low, high = row["ci95"]
        cell = f"{row['value']:.2f} ({low:.2f} to {high:.2f})"
        cells.setdefault((row["face_px"], row["peak_px200"]), {})[row["units"]] = cell
    by_unit = [[px, f"{peak:g}", *(cell[unit] for unit in UNITS)] for (px, peak), cell in cells.items()]
    settings = [name for name in result["variants"][0] if name not in ("blink", "face_px", "peak_px200", "n")]
    by_setting = [
        [row["face_px"], f"{row['peak_px200']:g}", *(f"{row[name]:.2f}" for name in settings)]
        for row in result["variants"]
        if not row["blink"]
    ]
    sides = [
        [UNITS[unit], *(f"{row['value']:.2f}" for row in result["sides"] if row["units"] == unit)]
        for unit in UNITS
    ]
    seconds = result["median_seconds_a_clip"]
    return "\n".join(
        [
            f"**The shipped flow-svm, which learnt from published maps of real faces alone**, on such clips "
            f"(noise {result['options']['noise']:g}, swaying head,\ntwo of three clips one-sided, no blink; "
            f"{link}). Share of right classes, 95 % interval; movement in px of a face 200 px wide:\n",
            table(["face, px wide", "movement", *UNITS.values()], by_unit),
            "\nBy setting, all three together:\n",
            table(["face, px wide", "movement", *settings], by_setting),
            "\nBy side of the person, movements of 1 and 2 px. A smile of the right side alone is known less "
            "surely: what was\nlearnt is lopsided.\n",
            table(["", *(row["side of the person"] for row in result["sides"][:3])], sides),
            f"\nA clip takes {seconds['with annotated apex']:.2f} s, and "
            f"{seconds['estimating the apex']:.1f} s more where the apex is estimated (medians, one "
            "thread of a busy\nmachine, frames in memory).",
        ]
    )


def filled(text: str) -> str:
    """The page with the figures of today."""
    return filled_in(text, {"apex": apex, "classes": classes})


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
