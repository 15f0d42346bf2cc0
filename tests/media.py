"""Videos and pictures with every awkward property, made on the spot for the tests of all parts.

Every frame carries its own number as a pattern of bright and dark blocks that survives compression,
so that a test can say which frame it got, whatever the reader claims: see :func:`read_number`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
BITS = 12


def numbered_frame(number: int, width: int = 96, height: int = 64) -> Pixels:
    """Return an (H, W, 3) uint8 picture that shows ``number`` in 12 blocks of 4 by 3.

    A block is 50 (bit not set) or 200 (set) grey with a slight colour, so colour conversion matters.
    """
    bits = [(number >> bit) & 1 for bit in range(BITS)]
    blocks = np.array(bits, dtype=np.uint8).reshape(3, 4) * 150 + 50
    rows = np.arange(height) * 3 // height
    columns = np.arange(width) * 4 // width
    grey = blocks[np.ix_(rows, columns)]
    return np.stack([grey + 20, grey, grey - 20], axis=2).astype(np.uint8)


def read_number(gray: NDArray[np.generic]) -> int:
    """Read the number back from an upright grey picture of :func:`numbered_frame`."""
    height, width = gray.shape
    number = 0
    for bit in range(BITS):
        row, column = divmod(bit, 4)
        y, x = (2 * row + 1) * height // 6, (2 * column + 1) * width // 8
        number |= int(gray[y, x] > 127) << bit
    return number


def write_video(
    path: Path,
    n: int = 30,
    *,
    width: int = 96,
    height: int = 64,
    rate: int | Fraction = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    full_range: bool = False,
    options: dict[str, str] | None = None,
    times: Sequence[float] | None = None,
    time_base: Fraction = Fraction(1, 90_000),
    container_options: dict[str, str] | None = None,
    rotation: int = 0,
    hflip: bool = False,
    audio: bool = False,
    frames: Iterable[Pixels] | None = None,
) -> Path:
    """Write ``n`` numbered frames (or the given ones) with full control over the file.

    Parameters
    ----------
    times : sequence of float, optional
        Seconds of each frame (variable rate); evenly spaced by ``rate`` when missing.
    rotation : int
        Degrees counter-clockwise by which a player has to turn the stored picture.
    audio : bool
        Adds a second of silence, or a sound track only when ``n`` is 0.
    """
    with av.open(str(path), "w", options=container_options or {}) as container:
        if n or frames is not None:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
            if full_range:
                stream.codec_context.color_range = 2
            if times is not None:
                stream.codec_context.time_base = time_base
            if rotation or hflip:
                stream.set_display_rotation(rotation, hflip=hflip)
        sound = container.add_stream("aac", rate=8000) if audio else None
        if n or frames is not None:
            images = frames if frames is not None else (numbered_frame(i, width, height) for i in range(n))
            for i, image in enumerate(images):
                raw = av.VideoFrame.from_ndarray(image, format="rgb24")
                raw = raw.reformat(format=pix_fmt, dst_color_range="JPEG" if full_range else None)
                base = stream.codec_context.time_base or 1 / Fraction(rate)
                raw.time_base = base
                raw.pts = i if times is None else round(times[i] / base)
                container.mux(stream.encode(raw))
            container.mux(stream.encode(None))
        if sound is not None:
            assert isinstance(sound, av.AudioStream)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
            silence.sample_rate, silence.pts = 8000, 0
            container.mux(sound.encode(silence))
            container.mux(sound.encode(None))
    return path


def write_png_packets(path: Path, images: Sequence[Image.Image], stamps: Sequence[int]) -> Path:
    """Write pictures as a PNG video (``.mov``) with any timestamps (milliseconds), even repeated ones."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = images[0].size
        stream.pix_fmt = "rgb24"
        for place, (image, stamp) in enumerate(zip(images, stamps, strict=True)):
            file = io.BytesIO()
            image.save(file, "png")
            packet = av.Packet(file.getvalue())
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts, packet.dts = stamp, place
            packet.is_keyframe = True
            container.mux(packet)
    return path


def write_images(folder: Path, names: Sequence[str], width: int = 96, height: int = 64) -> Path:
    """Write the numbered frames 0, 1, … as pictures of the given names, in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        Image.fromarray(numbered_frame(i, width, height)).save(folder / name)
    return folder


def truncate(source: Path, target: Path, keep: float) -> Path:
    """Copy the first part (``keep`` of 1) of a file."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * keep)])
    return target


def moov_first(path: Path, n: int = 60, **how: object) -> Path:
    """Write a video whose table of contents comes first, as files made for the web have it."""
    return write_video(path, n, container_options={"movflags": "faststart"}, **how)  # type: ignore[arg-type]


def damage(source: Path, target: Path, packets: Iterable[int]) -> Path:
    """Copy an MP4 and fill the data of some packets (numbers in stored order) with zeros."""
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    for number in packets:
        start, size = places[number]
        assert start is not None
        data[start : start + size] = bytes(size)
    target.write_bytes(bytes(data))
    return target
