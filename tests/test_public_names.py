"""What can be had from ``merkit`` itself, and that asking for it is what loads it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import merkit


def test_there_are_about_fifteen_names_and_each_is_there():
    assert len(merkit.__all__) <= 17
    assert sorted(merkit.__all__) == merkit.__all__ == sorted(merkit._PLACES)
    assert {"analyze", "evaluate", "compare", "create_recognizer", "list_methods", "load_recognizer"} <= set(
        merkit.__all__
    )
    assert set(merkit.__all__) <= set(dir(merkit))
    for name in merkit.__all__:
        found = getattr(merkit, name)
        assert found.__name__ == name
        assert found.__module__.startswith(f"{merkit._PLACES[name]}")


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        _ = merkit.analyse


def test_a_name_loads_only_what_it_needs():
    code = "import sys, merkit; merkit.get_protocol; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_evaluation_from_python_needs_no_other_import():
    from evaluation_kit import BySubject, ByThirds, toy_table

    result = merkit.evaluate(ByThirds, {"toy": toy_table(3)}, BySubject(), engine="serial")
    assert merkit.compare([result]).rows[0]["scores"]["uf1"] == result["uf1"]
