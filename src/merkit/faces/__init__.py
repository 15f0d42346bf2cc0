"""Faces in pictures: found, meshed, brought into one crop and followed."""

from merkit.faces.face import Face, FaceModels, Mesh
from merkit.faces.load import load_face_models

__all__ = ["Face", "FaceModels", "Mesh", "load_face_models"]
