"""Write the figures of networks.md and of the claim sheets of the networks from the newest result files.

    python docs/fill_networks.py

Replaces what stands between each pair of markers; a test holds the pages to what this makes.
"""

from __future__ import annotations

import re
from pathlib import Path
from statistics import fmean
from typing import Any

from fill_evaluation import from_here, table
from fill_figures import ROOT, filled_in, newest

PAGE = Path(__file__).resolve().parent / "networks.md"
SHEETS = {
    ROOT / "src/merkit/methods/strcn/README.md": ("strcn-g", "strcn-a"),
    ROOT / "src/merkit/methods/akmnet/README.md": ("akmnet",),
    ROOT / "src/merkit/methods/mersiamc3d/README.md": ("mersiamc3d",),
    ROOT / "src/merkit/methods/sma_stn/README.md": ("sma-stn",),
    ROOT / "src/merkit/methods/fal_convlstm/README.md": ("fal-convlstm",),
}
SVMS = ("flow-svm", "descriptor-svm")
MAPS = "maps"
_START = ["method", "settings", "from", "UF1", "each seed", "UAR"]
WORKS = ("forward_ms", "one_by_one_ms", "step_ms")


def from_sheet(link: str) -> str:
    """A link as from a claim sheet."""
    return link.replace("](benchmarks", "](../../../../benchmarks")


def scores(*methods: str) -> str:
    """UF1 and UAR on SynthME-1, with labels as they are and shuffled; of all methods where none is named."""
    result, link = newest("network_scores")
    rows = [
        row
        for row in result["rows"]
        if row["level"] != MAPS and (not methods or row["method"] in (*methods, *SVMS))
    ]
    here = from_sheet(link) if methods else from_here(link)
    text = (
        f"SynthME-1, {result['size']} px, three classes, {result['people']} people, leave one subject out, "
        f"from raw frames\n({here}).\nThe mean over seeds with a 95 % "
        "interval over subjects; chance is 0.33. *Shuffled*: the labels of the training clips are\ndealt out "
        "anew. *ms a clip*: from its frames to its class, on one core of a CPU; *s a fold*: training.\n\n"
    )
    head = [
        "level", "method", "settings", "labels", "UF1", "each seed", "UAR", "parameters", "ms a clip",
        "s a fold", "on",
    ]  # fmt: skip
    commits = ", ".join(sorted({row["commit"] for row in rows}))
    made = f"\n\nMade at the commits {commits}; settings that have changed since are left out."
    return text + table(head, [_row(row) for row in rows]) + made + _baseline(rows)


def _baseline(rows: list[dict[str, Any]]) -> str:
    """Where the linear SVM does better than every network, said in words."""
    true = [row for row in rows if row["labels"] == "true"]
    better = []
    for level in dict.fromkeys(row["level"] for row in true):
        here = [row for row in true if row["level"] == level]
        svm = [row["uf1"] for row in here if row["method"] == "flow-svm"]
        others = [row["uf1"] for row in here if row["method"] not in SVMS]
        if svm and others and svm[0] > max(others):
            better.append(level)
    if not better:
        return ""
    return (
        "\n`flow-svm`, a linear SVM on 28×28 flow maps that chooses its settings inside the training folds, "
        f"does better\nthan every network here: {', '.join(better)}."
    )


def maps() -> str:
    """The same on the published flow maps."""
    rows = newest("network_scores")[0]["rows"]
    rows = [row for row in rows if row["level"] == MAPS]
    link = from_here(newest("network_scores")[1])
    text = (
        f"Published 28×28 flow maps of {rows[0]['n']} real clips, `megc2019`, leave one subject out\n"
        f"({link}):\n\n"
    )
    head = ["method", "settings", "UF1", "each seed", "UAR", "s a fold", "on"]
    lines = [[cell for place, cell in enumerate(_row(row)) if place not in (0, 3, 7, 8)] for row in rows]
    by_seed: dict[int, float] = {}
    for row in rows:
        if row["method"] not in SVMS:
            by_seed.update(zip(row["seeds"], row["per_seed"]["uf1"], strict=True))
    mean = f"\n\nSTRCN-G, the mean over seeds {', '.join(map(str, sorted(by_seed)))}: "
    mean += f"UF1 {fmean(by_seed.values()):.3f}."
    return text + table(head, lines) + mean


def _settings(row: dict[str, Any]) -> str:
    """The named configuration, and that settings were chosen inside the folds where that is not its way."""
    nested = row["method"] == "flow-svm" and row["config"]["select"] == "nested"
    return "select=nested" if nested else str(row["settings"])


def _row(row: dict[str, Any]) -> list[str]:
    uf1, seeds, uar, _ = _scores(row)
    device = "CPU" if row["device"] == "cpu" else row["device"]
    size = f"{row['parameters']:,}" if row.get("parameters") else ""
    return [
        row["level"], f"`{row['method']}`", f"`{_settings(row)}`", row["labels"], uf1, seeds, uar, size,
        _ms(row.get("clip_ms")), _ms(row["fold_s"]), device,
    ]  # fmt: skip


def frames() -> str:
    """Which frames AKMNet chooses where few of them move."""
    result, link = newest("akmnet_frames")
    lines = [
        [
            f"`{name}`", f"{row['covered']:.2f}", f"{row['random']:.2f}",
            "{:+.2f} ({:+.2f} to {:+.2f})".format(row["gain"], *row["ci95"]), f"{row['chosen']:.1f}",
            f"{row['right']:.2f}",
        ]
        for name, row in result["selection"].items()
    ]  # fmt: skip
    text = (
        f"Clips of {result['frames']} frames of which {result['moving']} move, of people who were not learnt "
        f"from ({from_here(link)}).\nThe interval is over people. *Covered*: the share of the moving frames "
        "that are among the chosen; *random*: what\nas many frames drawn at random cover.\n\n"
    )
    head = ["steps", "covered", "random", "difference", "chosen", "right class"]
    return text + table(head, lines)


def ablation() -> str:
    """What each step of AKMNet is worth."""
    rows = newest("akmnet_frames")[0]["ablation"]
    lines = [[f"`{row['variant']}`", *_scores(row)] for row in rows]
    text = "The small configuration on SynthME-1 easy, leave one subject out; first the whole method:\n\n"
    return text + table(["variant", "UF1", "each seed", "UAR", "clips"], lines)


def parts(method: str) -> str:
    """What each part of a method is worth."""
    result, link = newest(f"ablation_{method.replace('-', '_')}")
    whole, *parts = result["rows"]
    tested = "difference" in parts[0]
    lines = [[whole["variant"], *_scores(whole)[:3], *[""] * (1 + tested), _ms(whole["fold_s"])]]
    for row in parts:
        change = [f"{row['uf1'] - whole['uf1']:+.3f}"]
        if tested:
            found = row["difference"]
            change = [
                "{:+.3f} ({:+.2f} to {:+.2f})".format(found["uf1"], *found["ci95"]),
                f"{found['p_holm']:.3f}",
            ]
        lines.append([row["variant"], *_scores(row)[:3], *change, _ms(row["fold_s"])])
    text = (
        f"What each part is worth: `small` on SynthME-1 medium, {result['people']} people in "
        f"{result['groups']} groups, one tested at a time\n({from_sheet(link)}):\n\n"
    )
    if tested:
        text += (
            "*Difference*: to the whole, with an interval over people, paired; *p*: of a permutation over "
            "people, adjusted for\nthere being several (Holm).\n\n"
        )
    head = ["changed", "UF1", "each seed", "UAR", "difference", *["p"] * tested, "s a fold"]
    return text + table(head, lines)


def units() -> str:
    """Which action units FAL-ConvLSTM tells, and where it looks for them."""
    result, link = newest("fal_units")
    lines = [
        [
            level, row["unit"], row["clips"], f"{row['f1']:.2f}", f"{row['f1_always']:.2f}",
            f"{row['inside']:.2f}", f"{row['untrained']:.2f}",
        ]
        for level, rows in result["levels"].items()
        for row in rows
    ]  # fmt: skip
    clusters = "; ".join(
        f"{level} {fmean(found['with']):.3f} with the clustering loss, {fmean(found['without']):.3f} without"
        for level, found in result["silhouettes"].items()
    )
    text = (
        f"Action units of SynthME-1: `small`, {result['people']} people in {result['groups']} groups, the "
        f"mean over seeds ({from_sheet(link)}).\n*Always*: F1 of saying that every clip shows it. *Inside*: "
        "the share of the attention that lies in the region of\nthe unit, beside that of a network that "
        "learnt nothing.\n\n"
    )
    head = ["level", "unit", "clips", "F1", "always", "inside", "unlearnt"]
    rule = ", ".join(f"{level} {value:.3f}" for level, value in result["uf1_true_units"].items())
    said = (
        f"\n\nSilhouette of the features by unit: {clusters}.\nA naive Bayes classifier that is "
        f"told the true units has UF1 {rule}."
    )
    return text + table(head, lines) + said


def starts() -> str:
    """What networks start from, and what that is worth."""
    result, link = newest("pretraining")
    lines = [[row["level"], *_start(row)] for row in result["rows"]]
    text = (
        f"SynthME-1, {result['size']} px, three classes, {result['people']} people, leave one subject out; "
        f"the others who are learnt from first\nare of the same level ({from_here(link)}):\n\n"
    )
    return text + table(["clips", *_START], lines)


def map_starts() -> str:
    """What a start from simulated flow maps is worth on those of recorded clips."""
    result, link = newest("pretraining_maps")
    rows = result["rows"]
    text = (
        f"The published flow maps of {rows[0]['n']} recorded clips of {rows[0]['subjects']} people, "
        f"`megc2019`, in {result['groups']} groups of people of\nwhich one is tested at a time; learnt from "
        f"first are flow maps of simulated clips, medium level\n({from_here(link)}):\n\n"
    )
    return text + table(_START, [_start(row) for row in rows])


def _start(row: dict[str, Any]) -> list[str]:
    return [f"`{row['method']}`", f"`{row['settings']}`", row["from"], *_scores(row)[:3]]


def _scores(row: dict[str, Any]) -> list[str]:
    uf1, uar = ("{:.3f} ({:.2f} to {:.2f})".format(row[name], *row["ci95"][name]) for name in ("uf1", "uar"))
    seeds = " ".join(f"{value:.3f}" for value in row["per_seed"]["uf1"])
    return [uf1, seeds, uar, str(row["n"])]


def speed() -> str:
    """Time of one example on the processor, and on the card where one was measured."""
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
        "A training step has its loss and\nthe optimiser; AKMNet's frames are judged 32 at a time, or one by "
        "one to the same result.\n\n"
    )
    head = ["network", "input", "frames", "parameters", "forward", "one by one", "training step"]
    return text + table(head, lines) + _card(result["card"])


def memory() -> str:
    """Most memory of a process."""
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
    makers = {
        "speed": speed, "memory": memory, "scores": scores, "maps": maps, "frames": frames,
        "ablation": ablation, "starts": starts, "map_starts": map_starts,
    }  # fmt: skip
    return filled_in(text, {name: makers[name] for name in marked(text)})


def filled_sheet(text: str, methods: tuple[str, ...]) -> str:
    """The claim sheet of some methods with the figures of today."""
    makers = {"scores": lambda: scores(*methods), "parts": lambda: parts(*methods), "units": units}
    return filled_in(text, {name: makers[name] for name in marked(text)})


def marked(text: str) -> list[str]:
    """Names of what is to be filled in."""
    return re.findall(r"^<!-- (\w+) -->$", text, re.MULTILINE)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for sheet, methods in SHEETS.items():
        sheet.write_text(filled_sheet(sheet.read_text(encoding="utf-8"), methods), encoding="utf-8")
