"""The thin layer over PyAV: open a file, pick its video stream, decode from a place in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.stream import Disposition

from merkit.errors import VideoError
from merkit.video.index import PacketIndex, read_packets

Threads = Literal["AUTO", "NONE"]


@contextmanager
def open_stream(
    path: Path, threads: Threads = "AUTO"
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open a video file and pick its first moving picture.

    Raises
    ------
    VideoError
        If the file is no video, is damaged beyond reading, or holds no moving picture.
    """
    try:
        # Absolute, since "a:b.mp4" would be taken for an address.  Playlists and other text formats must
        # not make the decoder open further files or addresses.
        container = av.open(
            str(path.absolute()), metadata_errors="ignore", options={"protocol_whitelist": "file"}
        )
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(
            f"{path}: not a video that can be read, or cut off before its table of contents; "
            "check that it plays elsewhere, or convert it to H.264 in MP4"
        ) from error
    with container:
        pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not pictures or container.format.name == "tty":
            holds = "only sound" if container.streams.audio else "no moving picture"
            raise VideoError(f"{path}: holds {holds}; give a video file or a folder of images")
        stream = pictures[0]
        if stream.codec_context is None:
            raise VideoError(f"{path}: its codec is unknown here; convert it to H.264 in MP4")
        stream.thread_type = threads
        yield container, stream


def decode(packets: Iterable[av.Packet]) -> Iterator[av.VideoFrame]:
    """Yield what decodes from packets, in order of presentation.

    Frames that do not decode, or only in part, are passed over: their timestamps are missing then.
    """
    for packet in packets:
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        # What a decoder makes of half a picture depends on what its buffer held before.
        yield from (frame for frame in frames if isinstance(frame, av.VideoFrame) and not frame.is_corrupt)


def decode_from(
    path: Path, index: PacketIndex, stamp: int, threads: Threads = "AUTO"
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield (place in the index, decoded frame) from a key frame at or before ``stamp`` on.

    The first frame is shown at or before ``stamp`` unless none in the file is.  Frames that are
    stored after the key frame but shown before it lean on what came earlier and are left out, and
    so are frames that the index does not know.
    """
    last = -1
    for frame in _from_key(path, index, stamp, threads):
        place = int(np.searchsorted(index.stamps, frame.pts)) if frame.pts is not None else -1
        if last < place < len(index.stamps) and index.stamps[place] == frame.pts:
            last = place
            yield place, frame
    # Behind a damaged packet at the very end, frames that other threads still hold get lost.
    if threads == "AUTO" and last + 1 < len(index.stamps):
        for place, frame in decode_from(path, index, max(stamp, int(index.stamps[last + 1])), "NONE"):
            if place > last:
                yield place, frame


def _from_key(path: Path, index: PacketIndex, stamp: int, threads: Threads) -> Iterator[av.VideoFrame]:
    known = {(key.pts, key.pos) for key in index.keys}
    # Seeking by decoding time never lands behind the key frame; some containers land before it, and
    # some key frames need more than themselves (gradual refresh): then an earlier one is tried.
    for key in index.keys_before(stamp):
        if key == index.keys[0]:
            break
        with open_stream(path, threads) as (container, stream):
            try:
                container.seek(key.dts, stream=stream)
            except av.FFmpegError:
                continue
            packets = read_packets(container, stream)
            landed = next((packet for packet in packets if packet.is_keyframe and packet.size), None)
            if landed is None or (landed.pts, landed.pos) not in known:
                # The container counts differently after a seek, as damaged ones do: trust none of it.
                break
            frames = decode(itertools.chain([landed], packets))
            first = next((f for f in frames if f.pts is not None and f.pts >= key.pts), None)
            if first is not None and first.pts is not None and first.pts <= stamp:
                yield first
                yield from frames
                return
    with open_stream(path, threads) as (container, stream):
        yield from decode(read_packets(container, stream))
