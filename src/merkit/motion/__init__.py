"""Motion of a face: optical flow and strain between two pictures, clips resampled in time or pooled."""

from merkit.motion.dynamic_image import (
    approximate_rank_pooling,
    dynamic_images,
    exact_rank_pooling,
    rank_pooling_coefficients,
)
from merkit.motion.flow import BACKENDS, optical_flow
from merkit.motion.image_scale import scale_min_max, scale_symmetric, symmetric_limit
from merkit.motion.interpolate import (
    resample,
    resample_linear,
    resample_nearest,
    resample_tim,
    round_to_uint8,
    tim_weights,
)
from merkit.motion.magnification import magnify, magnify_stream
from merkit.motion.strain import strain, strain_tensor

__all__ = [
    "BACKENDS",
    "approximate_rank_pooling",
    "dynamic_images",
    "exact_rank_pooling",
    "magnify",
    "magnify_stream",
    "optical_flow",
    "rank_pooling_coefficients",
    "resample",
    "resample_linear",
    "resample_nearest",
    "resample_tim",
    "round_to_uint8",
    "scale_min_max",
    "scale_symmetric",
    "strain",
    "strain_tensor",
    "symmetric_limit",
    "tim_weights",
]
