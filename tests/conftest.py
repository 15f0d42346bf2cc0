"""What all tests share: the folder of real data, and calm settings for property tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Timing on a shared machine says nothing about correctness.
settings.register_profile("merkit", deadline=None, derandomize=True)
settings.load_profile("merkit")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real videos and derived data; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("MERKIT_TEST_DATA", ROOT / ".." / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data here; set MERKIT_TEST_DATA to the folder that holds them")
    return folder
