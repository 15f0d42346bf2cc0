"""Whole datasets of simulated clips or long videos, on disk or in memory, with the truth about each."""

from merkit.simulate.dataset.clip_truth import ClipTruth, Truths, read_truths
from merkit.simulate.dataset.imitate import settings_like
from merkit.simulate.dataset.settings import Settings
from merkit.simulate.dataset.table import SimulatedTable, simulate_table
from merkit.simulate.dataset.write import Written, simulate_dataset

__all__ = [
    "ClipTruth",
    "Settings",
    "SimulatedTable",
    "Truths",
    "Written",
    "read_truths",
    "settings_like",
    "simulate_dataset",
    "simulate_table",
]
