"""The 3D-head engine: people made from a parametric head, with exact flow, visibility and landmarks."""

from merkit.simulate.head3d.head import Head
from merkit.simulate.head3d.light import Light
from merkit.simulate.head3d.model import HeadModel, head_file, load_head_model
from merkit.simulate.head3d.person import Person

__all__ = ["Head", "HeadModel", "Light", "Person", "head_file", "load_head_model"]
