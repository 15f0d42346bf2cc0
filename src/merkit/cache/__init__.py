"""The clip cache: what a method computes of one clip alone is computed once, and kept on the disk."""

from merkit.cache.clip_cache import ClipCache
from merkit.cache.step import Step

__all__ = ["ClipCache", "Step"]
