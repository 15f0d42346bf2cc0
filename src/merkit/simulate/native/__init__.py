"""A test kit: small trees in the native form of every dataset, with or without the faults of real copies."""

from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.faults import FAULTS
from merkit.simulate.native.tree import get_layout, list_layouts, write_tree

__all__ = ["FAULTS", "NativeClip", "get_layout", "list_layouts", "write_tree"]
