"""The pages on the apex and on flow: their figures are the newest, their examples run, nothing is missing."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from filmed import photograph, portrait

from merkit.clips import Clip
from merkit.inputs.apex_finders import FINDERS
from merkit.motion.clip_flow import FlowRecipe
from merkit.simulate import FaceState, Movement

DOCS = Path(__file__).resolve().parents[1] / "docs"
NUMBERS = (*range(46, 52), *range(57, 62), *range(84, 87))


@pytest.fixture(scope="module")
def smile() -> np.ndarray:
    """Frames with the numbers of the page's example; the apex is 59."""
    field = portrait().field("AU12")
    rise = {46: 0.0, 86: 0.0}
    levels = [rise.get(n, max(0.0, 1 - abs(n - 59) / 27)) for n in NUMBERS]
    states = [FaceState((Movement(field, 2.0 * level),) if level else ()) for level in levels]
    return np.stack(photograph(states, noise=1.0))


def examples(page: str) -> list[str]:
    return re.findall(
        r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("page", ["apex.md", "flow.md"])
def test_figures_are_those_of_the_newest_results(page, monkeypatch):
    text = (DOCS / page).read_text(encoding="utf-8")
    monkeypatch.syspath_prepend(str(DOCS))
    try:
        assert importlib.import_module("fill_motion").filled(page, text) == text
    finally:
        for name in ("fill_motion", "fill_evaluation", "fill_figures"):
            sys.modules.pop(name, None)


def test_the_example_of_flow_and_strain_runs_on_raw_frames(smile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("sub01") / "EP02_01f"
    folder.mkdir(parents=True)
    for number, frame in zip(NUMBERS, smile, strict=True):
        cv2.imwrite(str(folder / f"img{number}.png"), frame[..., ::-1])
    found: dict = {}
    exec(examples("flow.md")[0], found)
    assert found["seen"].values.shape == (28, 28, 3)
    assert found["seen"].px200 > 0.5
    assert cv2.imread("EP02_01f.png").shape == (28, 28, 3)


def test_the_example_of_flow_of_any_frames_runs(smile):
    found: dict = {"frames": smile, "apex": NUMBERS.index(59)}
    exec(examples("flow.md")[1], found)
    assert found["up"].shape == found["flow"].shape == found["bare"].shape == (*smile.shape[1:3], 2)
    assert len(found["every"]) == 4


def test_the_example_of_the_apex_runs(smile):
    clip = Clip.from_array(smile, fps=50, numbers=NUMBERS)
    found: dict = {"clip": clip}
    exec(examples("apex.md")[0], found)
    assert abs(found["number"] - 59) <= 1
    assert found["curve"].shape == (len(NUMBERS),)
    assert found["found"].apex > 0


def test_every_finder_and_every_setting_is_on_its_page():
    apex, flow = ((DOCS / page).read_text(encoding="utf-8") for page in ("apex.md", "flow.md"))
    assert [name for name in FINDERS if f'`"{name}"`' not in apex] == []
    assert [name for name in FlowRecipe.__dataclass_fields__ if f"| `{name}` |" not in flow] == []
