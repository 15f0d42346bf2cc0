"""The folder tree as a map: imports go one way, and every file is named for one idea."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "merkit"

# A package imports only from rows above its own, and from itself.
LAYERS = (
    ("errors",),
    ("checks", "processes", "saving"),
    ("video", "motion", "metrics", "layers", "training"),
    ("clips", "descriptors"),
    ("faces",),
    ("cache",),
    ("inputs", "datasets"),
    ("methods", "protocols"),
    ("simulate",),
    ("evaluation",),
    ("pretraining",),
    ("analysis",),
    ("report",),
    ("cli",),
    ("__main__",),
)
RANK = {package: rank for rank, row in enumerate(LAYERS) for package in row}
# `Analysis` carries the report's functions as methods, imported when called: one object to hold on to.
ALLOWED = {("analysis/result.py", "report")}
# Holds data, no code.
DATA = {"weights"}


def package_of(path: Path) -> str:
    """The package, or the module for files directly under merkit."""
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imported(path: Path) -> list[tuple[int, str]]:
    """Line and package of every import of merkit in a file, also of those inside functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write the whole name"
            names = (
                [f"{node.module}.{a.name}" for a in node.names]
                if node.module == "merkit"
                else [node.module or ""]
            )
        for name in names:
            parts = name.split(".")
            if parts[0] == "merkit" and name != "merkit.__version__":
                found.append((node.lineno, parts[1] if len(parts) > 1 else "merkit itself"))
    return found


FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def test_every_package_has_its_place():
    packages = {package_of(path) for path in FILES} | {p.name for p in SOURCE.iterdir() if p.is_dir()}
    assert packages - {"__pycache__"} - DATA <= set(RANK)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_one_way(path):
    own = package_of(path)
    wrong = [
        f"{path.relative_to(SOURCE)}:{line}: {own} must not import {package}"
        for line, package in imported(path)
        if package != own
        and RANK.get(package, len(LAYERS)) >= RANK[own]
        and (path.relative_to(SOURCE).as_posix(), package) not in ALLOWED
    ]
    assert wrong == []


def test_no_file_is_named_for_nothing():
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "tools"}
    assert [str(path) for path in SOURCE.rglob("*.py") if path.stem in vague] == []


def test_importing_merkit_imports_nothing_heavy():
    heavy = ["numpy", "pandas", "cv2", "av", "scipy", "sklearn", "skimage", "plotly", "torch", "PIL"]
    code = f"import sys, merkit; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_rule_is_checked_on_what_python_really_sees(tmp_path):
    # The check itself, on a file that breaks the rule in every way an import can be written.
    file = tmp_path / "bad.py"
    file.write_text(
        "import merkit.report.page\nfrom merkit import analysis, __version__\n"
        "from merkit.cli.main import main\n"
        "def late():\n    from merkit.faces import track\n"
    )
    assert imported(file) == [(1, "report"), (2, "analysis"), (3, "cli"), (5, "faces")]
