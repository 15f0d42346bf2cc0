"""Single pictures on disk: which files of a folder are frames, in which order, and their pixels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from merkit.errors import VideoError
from merkit.video.access import explain
from merkit.video.frame import Pixels

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
# Only for advice: whether a file is a video is for FFmpeg to say.
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"})


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which runs of digits compare as numbers.

    >>> sorted(["img10.png", "img2.png", "Img1.png"], key=natural_key)
    ['Img1.png', 'img2.png', 'img10.png']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    key = [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part.casefold()) for part in parts]
    # Names that differ only in leading zeros or case still need one fixed order.
    return (*key, (2, 0, name))


def frame_number(name: str) -> int | None:
    """Return the last number in a file name without its suffix, or ``None`` when there is none.

    >>> frame_number("sub01_EP02_img46.jpg"), frame_number("006_1_2_0017.png"), frame_number("face.png")
    (46, 17, None)
    """
    found = re.findall(r"[0-9]+", Path(name).stem)
    return int(found[-1]) if found else None


def list_images(folder: Path) -> list[Path]:
    """Return the pictures of a folder in natural order, without hidden files.

    Raises
    ------
    VideoError
        If the folder cannot be read or holds no picture.
    """
    try:
        files = [file for file in folder.iterdir() if file.name[0] != "."]
    except OSError as error:
        raise VideoError(f"{folder}: {explain(error)}") from error
    names = [file.name for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    if not names:
        videos = sorted((f for f in files if f.suffix.lower() in VIDEO_SUFFIXES), key=lambda f: f.name)
        if videos:
            raise VideoError(f"{folder}: a folder of videos; give the videos in it, such as {videos[0]}")
        known = " ".join(sorted(IMAGE_SUFFIXES))
        raise VideoError(f"{folder}: the folder holds no images ({known}); give the folder with the frames")
    return [folder / name for name in sorted(names, key=natural_key)]


def image_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of a picture as it is shown, from its header.

    Raises
    ------
    VideoError
        If the file is not a readable picture.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            # Orientations 5 to 8 lie on their side.
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except (OSError, ValueError, SyntaxError) as error:
        raise _unreadable(path, error) from error
    return (height, width) if turned else (width, height)


def read_image(path: Path) -> Pixels:
    """Read a picture as (H, W) uint8 if it is grey, else as (H, W, 3) uint8 RGB.

    Sixteen bits are scaled to eight by 1/257, transparency is dropped, an orientation in the
    header is applied.

    Raises
    ------
    VideoError
        If the file is not a readable picture.
    """
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I"):
                deep = np.asarray(image).astype(np.float64)
                return np.clip(np.rint(deep / 257.0), 0, 255).astype(np.uint8)
            grey = image.mode in ("1", "L", "LA")
            return np.array(image.convert("L" if grey else "RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise _unreadable(path, error) from error


def gray_of(image: Pixels) -> Pixels:
    """Return the luma of an (H, W, 3) RGB image as (H, W) uint8; a grey image is returned as it is.

    Weights 0.299, 0.587, 0.114 (ITU-R BT.601).

    >>> gray_of(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)).tolist()
    [[76, 150, 29]]
    """
    if image.ndim == 2:
        return image
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.rint(image.astype(np.float32) @ weights).astype(np.uint8)


def rgb_of(image: Pixels) -> Pixels:
    """Return a grey (H, W) image as (H, W, 3); a colour image is returned as it is."""
    return np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image


def _unreadable(path: Path, error: Exception) -> VideoError:
    if isinstance(error, FileNotFoundError | PermissionError):
        return VideoError(f"{path}: {explain(error)}")
    return VideoError(f"{path}: not a readable image; replace the file or take it out of the folder")
