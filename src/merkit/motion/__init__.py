"""Dense motion between two pictures of a face: optical flow and optical strain."""

from merkit.motion.flow import BACKENDS, optical_flow
from merkit.motion.strain import strain, strain_tensor

__all__ = ["BACKENDS", "optical_flow", "strain", "strain_tensor"]
