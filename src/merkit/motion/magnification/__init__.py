"""Motion magnification, linear and phase-based, of clips and of videos of any length."""

from merkit.motion.magnification.eulerian import magnify, magnify_stream

__all__ = ["magnify", "magnify_stream"]
