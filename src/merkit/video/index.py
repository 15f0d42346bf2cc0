"""The table of contents of a video file: timestamps and key frames, read without decoding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[np.int64]

# Places by which the orders of decoding and showing may differ: H.264 keeps up to 16 frames back.
REORDERED = 16
# Streams that do not announce it may still do it a little.
REORDERED_UNSAID = 4


@dataclass(frozen=True)
class KeyFrame:
    """A place where decoding can start: timestamps of presentation and decoding, byte in the file."""

    pts: int
    dts: int
    pos: int | None


@dataclass(frozen=True)
class PacketIndex:
    """Timestamps of the packets of a video stream.

    Parameters
    ----------
    stamps : (N,) int64
        Presentation timestamps in ascending order, in units of ``time_base``; packets that the
        container marks as not to be shown (before the start of an edit) are left out.  Empty when
        there are none or when they make no sense.
    keys : tuple of KeyFrame
        In ascending order of presentation.
    n_packets : int
        Video packets with data, shown or not.
    complete : bool
        Every packet has a timestamp of its own, so that frames can be told apart by it.
    end : float
        Time of the last packet of any stream, in seconds on the container's clock.
    time_base : Fraction
        Seconds a unit.
    """

    stamps: Stamps
    keys: tuple[KeyFrame, ...]
    n_packets: int
    complete: bool
    end: float
    time_base: Fraction

    def seconds(self) -> NDArray[np.float64]:
        """Return the timestamps in seconds from the first one, (N,)."""
        return np.asarray((self.stamps - self.stamps[:1]) * float(self.time_base), dtype=np.float64)

    def mean_rate(self) -> float | None:
        """Return frames a second over the whole, or ``None`` when the timestamps do not tell."""
        if not self.complete or len(self.stamps) < 2:
            return None
        return (len(self.stamps) - 1) / float((int(self.stamps[-1]) - int(self.stamps[0])) * self.time_base)

    def between(self, first: int, last: int | None = None) -> PacketIndex:
        """Return the index of the frames from timestamp ``first`` to ``last``, both included."""
        inside = self.stamps >= first
        if last is not None:
            inside &= self.stamps <= last
        return replace(self, stamps=self.stamps[inside])

    def keys_before(self, stamp: int) -> list[KeyFrame]:
        """Return the key frames shown at or before ``stamp``, the nearest first."""
        return [key for key in reversed(self.keys) if key.pts <= stamp]


def read_packets(container: av.container.InputContainer, *streams: av.VideoStream) -> Iterator[av.Packet]:
    """Yield packets up to the end of the file or its first unreadable place.

    All streams are read when none is named.  The last packets are empty: they drain the decoders.
    """
    packets = container.demux(*streams)
    while True:
        try:
            yield next(packets)
        except IndexError:
            # A stream that begins in the middle of the file is unknown to PyAV; it is not the one wanted.
            packets = container.demux(*streams)
        except (StopIteration, av.FFmpegError):
            return


def scan_packets(container: av.container.InputContainer, stream: av.VideoStream) -> PacketIndex:
    """Read through a container once and note where its video packets lie.

    Parameters
    ----------
    container : av.container.InputContainer
        Freshly opened; it is at its end afterwards.
    stream : av.VideoStream
        The stream to index.

    Returns
    -------
    PacketIndex
        What could be read up to the end of the file or the first unreadable place.
    """
    stamps: list[int] = []
    keys: list[KeyFrame] = []
    n_packets, complete, end = 0, True, 0.0
    for packet in read_packets(container):
        if packet.size == 0:
            continue
        if packet.dts is not None and packet.time_base is not None:
            end = max(end, float((packet.dts + (packet.duration or 0)) * packet.time_base))
        if packet.stream_index != stream.index:
            continue
        n_packets += 1
        if packet.pts is None:
            complete = False
            continue
        if packet.is_keyframe:
            dts = packet.pts if packet.dts is None else packet.dts
            keys.append(KeyFrame(packet.pts, dts, packet.pos))
        if not packet.is_discard:
            stamps.append(packet.pts)
    if _strayed(stamps, REORDERED if stream.codec_context.has_b_frames else REORDERED_UNSAID):
        stamps, complete = [], False
    ordered = np.unique(np.asarray(stamps, dtype=np.int64))
    complete = complete and len(ordered) == len(stamps) and len(stamps) > 0 and len(keys) > 0
    time_base = stream.time_base or Fraction(1, 1)
    keys.sort(key=lambda key: key.pts)
    return PacketIndex(ordered, tuple(keys), n_packets, complete, end, time_base)


def _strayed(stamps: list[int], most: int) -> bool:
    """Say whether timestamps, in the order of decoding, jump about more than B-frames do."""
    order = np.argsort(np.asarray(stamps, dtype=np.int64), kind="stable")
    return bool((np.abs(order - np.arange(len(order))) > most).any())
