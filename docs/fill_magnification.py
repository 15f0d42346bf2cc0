"""Write the figures of magnification.md from the newest result file.

    python docs/fill_magnification.py

Replaces what stands between each pair of markers; a test holds the page to what this makes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fill_evaluation import from_here, table
from fill_figures import filled_in, newest

PAGE = Path(__file__).resolve().parent / "magnification.md"
WAYS = {
    "phase, fft": "phase, fft",
    "phase, iir": "phase, iir",
    "phase, iir 0.4/0.05": "phase, iir, rates 0.4, 0.05",
    "linear, fft": "linear, fft",
    "linear, fft, no cutoff": "linear, fft, cutoff 0",
    "linear, iir 0.4/0.05": "linear, iir, rates 0.4, 0.05",
}
SHOWN = (5, 8, 12)


def _result() -> tuple[dict[str, Any], str]:
    result, link = newest("magnification")
    return result, from_here(link)


def _rows(result: dict[str, Any], part: str, **wanted: Any) -> list[dict[str, Any]]:
    """Rows of both engines with such values."""
    rows = [row for engine in ("portrait", "head") for row in result[engine][part]]
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def _mean(rows: Iterable[dict[str, Any]], value: str, weight: str = "n") -> float | None:
    """Over all scenes of all rows."""
    full = [(row[value], row[weight]) for row in rows if row[value] is not None]
    n = sum(count for _, count in full)
    return sum(number * count for number, count in full) / n if n else None


def _cell(number: float | None, form: str = ".1f") -> str:
    return "-" if number is None else format(number, form)


def gain() -> str:
    """How much larger movements become, by factor."""
    result, link = _result()
    alphas = range(5, 13)

    def row_of(way: str) -> list[float | None]:
        found = (_rows(result, "gain", peak_px=0.5, noise=0.0, way=way, alpha=alpha) for alpha in alphas)
        return [_mean(rows, "gain") for rows in found]

    scenes = sum(row["n"] for row in _rows(result, "gain", peak_px=0.5, noise=0.0, way="phase, fft", alpha=8))
    rows = [[name, *map(_cell, row_of(way))] for way, name in WAYS.items()]
    left = row_of("phase, fft")[alphas.index(8)]
    return (
        f"A movement of **0.5 px** becomes so many times as large, without noise\n"
        f"({scenes} scenes, {link}):\n\n"
        + table(["alpha", *alphas], [["asked for", *(1 + alpha for alpha in alphas)], *rows])
        + f"\n\nOf alpha 8, phase-based with the ideal band leaves {_cell(left and (left - 1) / 8, '.0%')}."
    )


def error() -> str:
    """Gain and error at alpha 8, by movement and noise."""
    result, link = _result()
    peaks, noises = (0.25, 0.5, 1.0), (0.0, result["noise"])
    rows = []
    for way, name in WAYS.items():
        cells = []
        for noise in noises:
            for peak in peaks:
                found = _rows(result, "gain", peak_px=peak, noise=noise, way=way, alpha=8)
                cells.append(f"{_cell(_mean(found, 'gain'))}, {_cell(_mean(found, 'psnr'), '.0f')}")
        rows.append([name, *cells])
    head = [f"{peak:g} px" + (f", noise {noise:g}" if noise else "") for noise in noises for peak in peaks]
    return (
        "Gain at alpha 8, where 9 is asked for, and PSNR in dB; under noise the gain is what flow sees\n"
        f"({link}):\n\n" + table(["", *head], rows)
    )


def passing() -> str:
    """What of a movement passes the filters over time."""
    result, link = _result()
    rows = [
        [
            f"{row['duration_s']:g} s",
            f"{row['fps']:g}",
            *(f"{row[name]:.2f}" for name in ("fft", "iir", "iir 0.4/0.05")),
        ]
        for row in result["passing"]
    ]
    return (
        "The share of alpha that the filters over time leave at the apex, of a movement that takes so long "
        f"from onset to\noffset ({link}):\n\n"
        + table(["takes", "frames a second", "fft", "iir", "iir, rates 0.4, 0.05"], rows)
    )


def equal() -> str:
    """Phase-based against linear at equal gain."""
    result, link = _result()
    rows = []
    for peak in (0.25, 0.5, 1.0):
        for times in (3.0, 5.0, 7.0):
            line: list[Any] = [f"{peak:g} px", f"{times:g}"]
            for rival in ("linear, fft", "linear, fft, no cutoff"):
                found = _rows(result, "equal", peak_px=peak, gain=times, rival=rival)
                won, pairs, scenes = (sum(row[key] for row in found) for key in ("won", "pairs", "scenes"))
                ours, theirs = (_cell(_mean(found, key, "pairs")) for key in ("psnr", "rival_psnr"))
                line += [
                    f"{ours} / {theirs}",
                    f"{won} of {pairs}" + ("" if pairs == scenes else f" ({scenes})"),
                ]
            rows.append(line)
    head = (
        f"PSNR in dB at noise {result['noise']:g}, phase-based / linear, each with the factor at which its "
        f"gain without noise\nis the same; and in how many scenes phase-based has less error\n({link}). In "
        "brackets the number of\nall scenes, where linear does not reach the gain in some at any factor up "
        "to 24.\n\n"
    )
    names = ["movement", "gain", "cutoff 16", "less error", "cutoff 0", "less error"]
    return head + table(names, rows)


def noise() -> str:
    """How much larger noise becomes."""
    result, link = _result()
    rows = [
        [name, *(_cell(_mean(_rows(result, "noise", way=way, alpha=a), "noise_gain"), ".2f") for a in SHOWN)]
        for way, name in WAYS.items()
    ]
    head = f"Of a still clip with noise {result['noise']:g}: sigma of the magnified frame over sigma before"
    return head + f"\n({link}):\n\n" + table(["", *(f"alpha {alpha}" for alpha in SHOWN)], rows)


def choice() -> str:
    """The pyramids that were candidates."""
    result, link = _result()
    rows = []
    for pyramid in ("steerable", "riesz"):
        cells = []
        for level in (0.0, result["noise"]):
            for peak in (0.25, 0.5, 1.0):
                found = _rows(result, "choice", peak_px=peak, noise=level, pyramid=pyramid)
                cells.append(f"{_cell(_mean(found, 'gain'))}, {_cell(_mean(found, 'psnr'), '.0f')}")
        rows.append([pyramid, *cells])
    head = [
        f"{peak:g} px" + (f", noise {level:g}" if level else "")
        for level in (0.0, result["noise"])
        for peak in (0.25, 0.5, 1.0)
    ]
    return f"Gain and PSNR at alpha 8 of two frames, without a filter over time\n({link}):\n\n" + table(
        ["pyramid", *head], rows
    )


def speed() -> str:
    """How long it takes."""
    result, link = _result()
    rows = [
        [
            row["what"],
            f"{row['ms']:.0f}",
            "-" if row["plain_ms"] is None else f"{row['plain_ms']:.0f}",
            "-" if row["times_as_fast"] is None else f"{row['times_as_fast']:.0f}",
        ]
        for row in result["speed"]
    ]
    return (
        f"Milliseconds for 64 grey frames of 128×128 on one thread, median\n({link}); the plain version "
        "does the\nsame step by step with Fourier transforms of mirrored frames:\n\n"
        + table(["", "ms", "plain, ms", "times as fast"], rows)
    )


def filled(text: str) -> str:
    """The page with the figures of today."""
    makers = (gain, error, passing, equal, noise, choice, speed)
    return filled_in(text, {make.__name__: make for make in makers})


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
