"""The table of contents of a video file: timestamps and key frames, read without decoding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[np.int64]


@dataclass(frozen=True)
class KeyFrame:
    """A place where decoding can start: presentation and decoding timestamp."""

    pts: int
    dts: int


@dataclass(frozen=True)
class PacketIndex:
    """Timestamps of the packets of a video stream.

    Parameters
    ----------
    stamps : (N,) int64
        Presentation timestamps in ascending order, in units of ``time_base``; packets that the
        container marks as not to be shown (before the start of an edit) are left out.
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
    try:
        for packet in container.demux():
            if packet.size == 0:
                continue
            if packet.dts is not None and packet.time_base is not None:
                length = packet.duration or 0
                end = max(end, float((packet.dts + length) * packet.time_base))
            if packet.stream_index != stream.index:
                continue
            n_packets += 1
            if packet.pts is None:
                complete = False
                continue
            if packet.is_keyframe:
                dts = packet.pts if packet.dts is None else packet.dts
                keys.append(KeyFrame(packet.pts, dts))
            if not packet.is_discard:
                stamps.append(packet.pts)
    except av.FFmpegError:
        # What follows cannot be read; the caller compares the count with the header and warns.
        pass
    ordered = np.unique(np.asarray(stamps, dtype=np.int64))
    complete = complete and len(ordered) == len(stamps) and len(stamps) > 0 and len(keys) > 0
    time_base = stream.time_base or Fraction(1, 1)
    keys.sort(key=lambda key: key.pts)
    return PacketIndex(ordered, tuple(keys), n_packets, complete, end, time_base)
