"""Write the figures of networks.md from the newest result file.

    python docs/fill_networks.py

Replaces what stands between each pair of markers; a test holds the page to what this makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fill_evaluation import from_here, table
from fill_figures import ROOT, filled_in, newest

PAGE = Path(__file__).resolve().parent / "networks.md"
MISSING = "Not measured yet: `python benchmarks/network_speed.py`, then `python docs/fill_networks.py`."
WORKS = ("forward_ms", "one_by_one_ms", "step_ms")


def measured() -> bool:
    """Whether there is a result file."""
    return any((ROOT / "benchmarks" / "results").glob("network_speed-*.json"))


def speed() -> str:
    """Time of one example on the processor, and on the card where one was measured."""
    if not measured():
        return MISSING
    result, link = newest("network_speed")
    counts = sorted({row["threads"] for row in result["rows"]}, reverse=True)
    found: dict[tuple[Any, ...], dict[int, dict[str, Any]]] = {}
    for row in result["rows"]:
        found.setdefault(_case(row), {})[row["threads"]] = row
    lines = [
        [_name(rows[counts[0]]), rows[counts[0]]["input"], *_size(rows[counts[0]])]
        + [" / ".join(_ms(rows[count].get(work)) for count in counts).strip(" /") for work in WORKS]
        for rows in found.values()
    ]
    threads = " / ".join(f"{count} thread{'s' * (count > 1)}" for count in counts)
    text = (
        f"Milliseconds of one example with {threads}, median of {result['repeats']} ({from_here(link)}). "
        "A training step has its loss and\nthe optimiser; AKMNet's frames are judged at once, or one by one "
        "to the same result.\n\n"
    )
    head = ["network", "input", "frames", "parameters", "forward", "one by one", "training step"]
    return text + table(head, lines) + _card(result["card"])


def memory() -> str:
    """Most memory of a process."""
    if not measured():
        return MISSING
    result, link = newest("network_speed")
    rows = {(_case(row), row["work"]): row for row in result["memory"]}
    lines = [
        [
            _name(row),
            row["input"],
            _size(row)[0],
            *(f"{rows[case, work]['peak_mb']:,} MB" for work in ("inference", "training")),
        ]
        for (case, what), row in rows.items()
        if what == "inference"
    ]
    least = min(row["before_mb"] for row in result["memory"])
    text = (
        f"Most memory of a process for one example; PyTorch and the network alone take {least:,} MB or more\n"
        f"({from_here(link)}):\n\n"
    )
    return text + table(["network", "input", "frames", "judging", "training"], lines)


def _card(card: dict[str, Any] | None) -> str:
    if card is None:
        return "\n\nNot measured on a graphics card."
    most = {_case(row): f"{row['peak_mb']:,} MB" for row in card["memory"] if row["work"] == "training"}
    lines = [
        [
            *(_name(row), row["input"], _size(row)[0]),
            *(_ms(row.get(work)) for work in WORKS),
            most.get(_case(row), ""),
        ]
        for row in card["rows"]
    ]
    head = ["network", "input", "frames", "forward", "one by one", "training step", "training, memory"]
    return f"\n\nThe same on one {card['name']}:\n\n" + table(head, lines)


def _case(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["network"], row["config"], row["input"], row["frames"]


def _name(row: dict[str, Any]) -> str:
    return f"`{row['network']}`, {row['config']}"


def _size(row: dict[str, Any]) -> list[str]:
    return [str(row["frames"] or ""), f"{row.get('parameters', 0):,}"]


def _ms(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def filled(text: str) -> str:
    """The page with the figures of today."""
    return filled_in(text, {"speed": speed, "memory": memory})


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
