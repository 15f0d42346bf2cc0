"""What a person looks like apart from the shape: colours of skin, hair, lips, eyes and clothes.

Everything is computed, nothing photographed.  The skin is painted where it lies on the mean head of
the model, so the same place of the texture is the same place of every face, and seams do not show.
"""

from merkit.simulate.head3d.paint.picture import paint_texture

__all__ = ["paint_texture"]
