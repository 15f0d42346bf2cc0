"""The documents: links lead somewhere, and the public names are documented as they are."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from numpydoc.validate import validate

import merkit

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("docs", "src", "examples", "benchmarks")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
# No docstring; parameters that are missing, unknown or in another order; a summary that is none.
FAULTS = {"GL08", "PR01", "PR02", "PR03", "SS01"}


def anchors(page: Path) -> set[str]:
    """The anchors that headings of a page give, in the way of the usual viewers."""
    headings = re.findall(r"^#+ +(.+?) *#*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def broken_links(page: Path) -> list[str]:
    """Relative links of a page, Markdown or HTML, that lead to no file or heading."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    links = re.findall(r"\]\(<?([^)\s>]+)>?[^)]*\)", text) + re.findall(r"(?:src|href)=\"([^\"]+)\"", text)
    broken = []
    for link in links:
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    assert broken_links(page) == []


def test_the_link_check_sees_broken_links(tmp_path):
    (tmp_path / "other.md").write_text("# A heading, with signs!\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md) [b](missing.md) [c](other.md#a-heading-with-signs) [d](other.md#none) ![e](pic.png)\n"
        '`[f](code.md)` <img src="gone.png"> [g](https://example.org/x) [h](#here)\n# Here\n'
        "```\n[i](block.md)\n```\n"
    )
    assert broken_links(page) == ["missing.md", "other.md#none", "pic.png", "gone.png"]


@pytest.mark.parametrize("name", merkit.__all__)
def test_public_names_are_documented_as_they_are(name):
    # Classes may describe what they hold under Attributes instead.
    wanted = FAULTS - {"PR01"} if isinstance(getattr(merkit, name), type) else FAULTS
    faults = [f"{code}: {text}" for code, text in validate(f"merkit.{name}")["errors"] if code in wanted]
    assert faults == []


def test_figures_of_the_readme_are_those_of_the_newest_results():
    """The table is made by ``docs/fill_figures.py``; run it after a benchmark."""
    import runpy

    filled = runpy.run_path(str(ROOT / "docs" / "fill_figures.py"))["filled"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert filled(readme) == readme
