"""Choosing the face models: the networks, or OpenCV's cascades where their files are missing."""

from __future__ import annotations

from functools import cache

from merkit.errors import ConfigError, DataError, did_you_mean
from merkit.faces.face import FaceModels
from merkit.faces.models import read_models

DETECTORS = ("auto", "blazeface", "haar")


def load_face_models(prefer: str = "auto", jitter: int = 1) -> FaceModels:
    """Load what finds faces and places the mesh.

    Never touches the network; :func:`merkit.faces.models.fetch_models` does.

    Parameters
    ----------
    prefer : {"auto", "blazeface", "haar"}
        ``"auto"`` takes the networks if their files are on this machine, else OpenCV's cascades, whose
        ``warning`` then says so.
    jitter : int
        How many slightly shifted looks each mesh of the networks is averaged over.

    Returns
    -------
    FaceModels

    Raises
    ------
    ConfigError
        If `prefer` or `jitter` is not allowed.
    DataError
        If the networks are asked for and their files are missing.
    """
    if prefer not in DETECTORS:
        hint = did_you_mean(str(prefer), DETECTORS)
        raise ConfigError(f"unknown detector {prefer!r}{hint}: choose one of {', '.join(DETECTORS)}")
    if prefer != "haar":
        try:
            files = read_models()
        except DataError as missing:
            if prefer == "blazeface":
                raise
            from merkit.faces.haar import HaarModels

            return HaarModels(because=str(missing))
        from merkit.faces.blaze import BlazeFaceModels

        return BlazeFaceModels(*files, jitter=jitter)
    from merkit.faces.haar import HaarModels

    return HaarModels()


@cache
def default_models() -> FaceModels:
    """The best face models on this machine, loaded once in each process."""
    return load_face_models()
