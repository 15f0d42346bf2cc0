"""Write the figures of apex.md and flow.md from the newest result files.

    python docs/fill_motion.py

Replaces what stands between each pair of markers; a test holds the pages to what this makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fill_evaluation import from_here, table
from fill_figures import filled_in, newest

HERE = Path(__file__).resolve().parent
LEVELS = ("easy", "medium", "hard")


def apex() -> str:
    """Errors of the finders by size and level."""
    result, link = newest("apex_error")
    rows = result["apex"]
    parts = [
        f"Mean absolute error in frames of 10 ms, {result['subjects']} people of [SynthME-1](synthme.md), "
        f"{rows[0]['clips']} clips a cell,\nwith the bootstrap interval over people, and the median "
        f"({from_here(link)}). Nothing was tuned on these clips."
    ]
    for size in dict.fromkeys(row["size"] for row in rows):
        cells: dict[str, list[str]] = {}
        for row in rows:
            if row["size"] == size:
                low, high = row["ci95_frames"]
                cell = f"{row['mean_frames']:.2f} ({low:.2f} to {high:.2f}), {row['median_frames']:g}"
                cells.setdefault(row["finder"], []).append(cell)
        head = [f"{size}×{size} px", *LEVELS]
        ranked = sorted(cells.items(), key=lambda item: _mean(rows, size, item[0]))
        parts.append(table(head, [[_name(name), *row] for name, row in ranked]))
    best = [row for row in rows if row["finder"] == "course"]
    shares = ", ".join(
        f"{row['level']} {row['mean_ms']:.0f} ms and {row['beyond_40_ms']:.0%}"
        for row in best
        if row["size"] == best[0]["size"]
    )
    parts.append(
        f"In time, and the share of clips off by more than 40 ms, of `course` at the larger size: {shares}."
    )
    return "\n\n".join(parts)


def interval() -> str:
    """Errors of onset, apex and offset in longer clips."""
    result, link = newest("apex_error")
    longer, rows = result["longer"], result["interval"]
    low, high = longer["context_frames"]
    first, last = longer["frames"]
    text = (
        f"Mean absolute error in frames of 10 ms, in clips of {first} to {last} frames with {low} to {high} "
        "frames before the onset and\nafter the offset, "
        f"{longer['subjects']} people, {rows[0]['clips']} clips a row, drawn with another seed than "
        f"SynthME-1 ({from_here(link)}).\n"
        "The last column is the share of clips in which found and true interval share half of their union."
    )
    lines = [
        [
            row["level"],
            _name(row["finder"]),
            *(_cell(row[mark]) for mark in ("onset", "apex", "offset")),
            f"{row['iou_at_least_half']:.0%}",
        ]
        for row in rows
    ]
    return text + "\n\n" + table(["level", "method", "onset", "apex", "offset", "half shared"], lines)


def flow() -> str:
    """Error of flow by way and peak."""
    result, link = newest("flow_averaging")
    peaks = sorted({row["peak_px"] for row in result["rows"]})
    parts = [
        f"Mean length of the error in px, camera noise {result['noise']:g}, face {result['face_px']:g} px "
        f"wide in frames of {result['size'][0]}×{result['size'][1]}, 100 and 200 frames a second\n"
        f"({from_here(link)}): where the skin moves by a tenth of the peak or more / over the whole picture. "
        "In brackets the gain, how much of the\ntrue motion comes out."
    ]
    for engine, title in (("head", "3D heads"), ("portrait", "a portrait")):
        cells: dict[str, list[str]] = {}
        for row in result["rows"]:
            if row["engine"] == engine:
                cell = f"{row['moving']:.3f} / {row['overall']:.3f} ({row['gain']:.2f})"
                cells.setdefault(row["way"], []).append(cell)
        lines = [[f"**{way}**" if way.startswith("default:") else way, *row] for way, row in cells.items()]
        parts.append(table([title, *(f"{peak:g} px" for peak in peaks)], lines))
    return "\n\n".join(parts)


def _mean(rows: list[dict[str, Any]], size: int, finder: str) -> float:
    return sum(row["mean_frames"] for row in rows if (row["size"], row["finder"]) == (size, finder))


def _name(finder: str) -> str:
    return f"*{finder}*" if " " in finder else f"`{finder}`"


def _cell(value: dict[str, Any]) -> str:
    low, high = value["ci95"]
    return f"{value['mean']:.1f} ({low:.1f} to {high:.1f})"


PAGES = {"apex.md": {"apex": apex, "interval": interval}, "flow.md": {"flow": flow}}


def filled(page: str, text: str) -> str:
    """The text of a page with the figures of today."""
    return filled_in(text, PAGES[page])


if __name__ == "__main__":
    for page in PAGES:
        path = HERE / page
        path.write_text(filled(page, path.read_text(encoding="utf-8")), encoding="utf-8")
