"""Datasets: how to read a release, as its owners hand it out, into a table of clips.

A reader never splits, never relabels and never opens a frame.
"""

from __future__ import annotations

from merkit.datasets.registry import Dataset, get_dataset, list_datasets, read_dataset, register

__all__ = ["Dataset", "get_dataset", "list_datasets", "read_dataset", "register"]
