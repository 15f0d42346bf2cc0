"""The zoo: every recognizer under one interface, found by name."""

from merkit.methods.context import FitContext
from merkit.methods.networks import create_network, list_networks
from merkit.methods.recognizer import Recognizer
from merkit.methods.registry import create_recognizer, list_methods, load_recognizer, load_shipped

__all__ = [
    "FitContext",
    "Recognizer",
    "create_network",
    "create_recognizer",
    "list_methods",
    "list_networks",
    "load_recognizer",
    "load_shipped",
]
