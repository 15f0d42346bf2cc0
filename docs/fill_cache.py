"""Write the figures of cache.md from the newest result file.

    python docs/fill_cache.py

Replaces what stands between the markers; a test holds the page to what this makes.
"""

from __future__ import annotations

from pathlib import Path

from fill_evaluation import from_here, table
from fill_figures import filled_in, newest

PAGE = Path(__file__).resolve().parent / "cache.md"


def measured() -> str:
    """What filling and finding cost."""
    result, link = newest("clip_cache")
    width, height = result["size"]
    head = (
        f"{result['clips']} simulated clips of {result['frames_a_clip']} frames of {width}x{height} pixels "
        f"in the form of CASME II\n({from_here(link)}): `merkit prepare` for flow-svm\ntook "
        f"{result['cold_s']:.1f} s in {result['workers']} processes with an empty cache, and "
        f"{result['warm_s']:.1f} s when typed again, nearly all of it\nthe start of the program. "
        "Medians of a clip:\n\n"
    )
    parts = table(["part", "ms"], [[name, f"{ms:g}"] for name, ms in result["ms_a_clip"].items()])
    forms = table(
        ["array", "form", "MB", "ms to pack", "ms to unpack"],
        [[row["array"], row["form"], row["mb"], row["write_ms"], row["read_ms"]] for row in result["forms"]],
    )
    why = "Files are kept as they are; packing by zip would take many times as long:"
    return f"{head}{parts}\n\n{why}\n\n{forms}"


def filled(text: str) -> str:
    """The page with the figures of today."""
    return filled_in(text, {"measured": measured})


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
