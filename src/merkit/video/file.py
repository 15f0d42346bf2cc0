"""Reading of video files through FFmpeg's libraries: exact times, upright pictures, exact seeking."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from merkit.errors import VideoError
from merkit.video.access import check_file
from merkit.video.decode import decode, decode_from, open_stream
from merkit.video.frame import Frame
from merkit.video.index import PacketIndex, read_packets, scan_packets
from merkit.video.pixels import UPRIGHT, DecodedPicture, orientation_of
from merkit.video.reader import VideoReader

# Frames decoded at opening, to find out whether the timestamps of container and decoder agree.
PROBED = 6
# Containers in which seeking was found exact; in others frames are counted from the beginning.
SEEKABLE = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts"})
# For files that state no rate at all, such as raw streams without timing information.
FALLBACK_FPS = 25.0


class FileReader(VideoReader):
    """Frames of one video file.

    Parameters
    ----------
    path : Path
        The file.
    fps : float, optional
        Replaces the timestamps of the file, for recordings that are stored in slow motion.

    Notes
    -----
    A frame's number is its place among the timestamps of the container, from the first frame that
    decodes.  A frame in the middle that does not decode is *held*: its number stays and it shows the
    picture before it, so that numbers never depend on where reading started.  Where the container
    has no usable timestamps, frames are counted from the beginning, also when seeking.
    """

    kind = "video"

    def __init__(self, path: Path, fps: float | None = None) -> None:
        check_file(path)
        self.path = path
        self.warnings = []
        self._fps_given = fps
        self._counted: list[float] = []
        self._counted_all = False
        self._held: set[int] = set()
        stamps = self._probe()
        with open_stream(path, "NONE") as (container, stream):
            index = scan_packets(container, stream)
            rate = stream.average_rate
            if not len(index.stamps):
                # Without timestamps the average is a default or wrong; the codec may know its own rate.
                rate = stream.codec_context.framerate or rate
            listed = stream.frames
            # AVI keeps reordered frames in the order of decoding and knows no other timestamps.
            shuffled = container.format.name == "avi" and bool(stream.codec_context.has_b_frames)
            seekable = container.format.name in SEEKABLE and not shuffled
            end = (container.duration or 0) / av.time_base
        if index.complete and not shuffled:
            index = self._agreed(index, stamps)
        self._index = index
        self._seekable = seekable and index.complete
        self.fps = fps or index.mean_rate() or (float(rate) if rate else FALLBACK_FPS)
        if fps is not None:
            self.warnings.append(
                f"the timestamps of the file are replaced by {fps:g} frames a second, as given"
            )
        elif not index.complete:
            self.warnings.append(
                "timestamps of the file are missing, repeat or do not fit the frames: where they fail, times "
                f"follow from its rate of {self.fps:g} frames a second"
            )
        if 0 < index.n_packets < listed:
            self.warnings.append(f"the file ends early: {index.n_packets} of {listed} frames are there")
        elif end - index.end > max(1.0, 0.02 * end):
            self.warnings.append(f"the file ends early: {index.end:.1f} of {end:.1f} seconds are there")

    def _probe(self) -> list[int | None]:
        """Decode the first frames: take size, orientation and oddities, return their timestamps."""
        with open_stream(self.path, "NONE") as (container, stream):
            first = list(itertools.islice(decode(read_packets(container, stream)), PROBED))
            codec, aspect = stream.codec_context.name, stream.sample_aspect_ratio
        if not first:
            raise VideoError(
                f"{self.path}: no frame can be decoded; the file is damaged, or the decoder "
                f"({codec}) does not know this kind: convert it to H.264 in MP4"
            )
        frame = first[0]
        try:
            DecodedPicture(frame, UPRIGHT).to_gray()
        except av.FFmpegError as error:
            raise VideoError(
                f"{self.path}: the pixel format {frame.format.name} cannot be converted; "
                "convert the file to H.264 in MP4"
            ) from error
        self._stored_size = (frame.width, frame.height)
        orientation = orientation_of(frame)
        if orientation is None:
            self.warnings.append(
                f"the file asks for a rotation by {frame.rotation} degrees, which is not a quarter turn: "
                "the picture is left as stored"
            )
        self._orientation = orientation or UPRIGHT
        turned = self._orientation.transpose
        self.width, self.height = (frame.height, frame.width) if turned else (frame.width, frame.height)
        if frame.interlaced_frame:
            self.warnings.append(
                "the video is interlaced: each picture mixes two moments, so small motion is unreliable"
            )
        if aspect and aspect != 1:
            self.warnings.append(
                f"the pixels are not square ({aspect.numerator}:{aspect.denominator}): the picture is used "
                "as stored, so motion across and motion down differ in scale"
            )
        return [frame.pts for frame in first]

    def _agreed(self, index: PacketIndex, stamps: list[int | None]) -> PacketIndex:
        """Let the index begin at the first frame that decodes; give it up where the frames differ."""
        begun = index.between(stamps[0]) if stamps[0] is not None else index
        if begun.stamps[: len(stamps)].tolist() != stamps:
            return replace(index, complete=False)
        if lost := len(index.stamps) - len(begun.stamps):
            self.warnings.append(
                f"the first {lost} frame{'s' * (lost > 1)} cannot be decoded and are left out"
            )
        return begun

    @property
    def n_frames(self) -> int | None:
        """Number of frames by the container's index; without one, ``None`` until all were read."""
        if self._index.complete:
            return len(self._index.stamps)
        return len(self._counted) if self._counted_all else None

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds from the first frame, (N,): all by the index; without one, those read so far."""
        if not self._index.complete:
            return np.asarray(self._counted, dtype=np.float64)
        if self._fps_given is not None:
            return np.arange(len(self._index.stamps)) / self._fps_given
        return self._index.seconds()

    def _frames(self, start: int, stop: int | None) -> Iterator[Frame]:
        if self._seekable:
            return self._matched(start, stop)
        return self._counting(start, stop)

    def _matched(self, start: int, stop: int | None) -> Iterator[Frame]:
        """Frames whose numbers come from looking their timestamps up in the index."""
        stamps, times = self._index.stamps, self.times
        stop = len(stamps) if stop is None else min(stop, len(stamps))
        if start >= stop:
            return
        reached, shown, why = 0, None, "the rest cannot be decoded"
        for number, raw in decode_from(self.path, self._index, int(stamps[start])):
            if (raw.width, raw.height) != self._stored_size:
                why = f"the picture changes its size to {raw.width}x{raw.height}"
                break
            if shown is not None:
                for gap in range(max(start, reached), min(number, stop)):
                    self._note_held(gap, float(times[gap]))
                    yield Frame(gap, float(times[gap]), self.width, self.height, shown, held=True)
            shown = DecodedPicture(raw, self._orientation)
            reached = number + 1
            if start <= number < stop:
                yield Frame(number, float(times[number]), self.width, self.height, shown)
            if reached >= stop:
                return
        self._note_end(reached, why)

    def _counting(self, start: int, stop: int | None) -> Iterator[Frame]:
        """Frames counted from the beginning of the file."""
        number, why = 0, "the rest cannot be decoded"
        # One thread: with several, which frames a damaged file loses is a matter of luck.
        with open_stream(self.path, "NONE") as (container, stream):
            for raw in decode(read_packets(container, stream)):
                if number == stop:
                    return
                if (raw.width, raw.height) != self._stored_size:
                    why = f"the picture changes its size to {raw.width}x{raw.height}"
                    break
                time = self._count(number, raw)
                if number >= start:
                    picture = DecodedPicture(raw, self._orientation)
                    yield Frame(number, time, self.width, self.height, picture)
                number += 1
        self._counted_all = True
        self._note_end(number, why)

    def _count(self, number: int, raw: av.VideoFrame) -> float:
        """Return the time of a counted frame, always later than that of the frame before."""
        if self._index.complete and number < len(self._index.stamps):
            return float(self.times[number])
        if number == len(self._counted):
            self._counted.append(self._next_time(number, raw))
        return self._counted[number]

    def _next_time(self, number: int, raw: av.VideoFrame) -> float:
        if self._fps_given is not None:
            return number / self._fps_given
        if not len(self._index.stamps):
            return number / self.fps
        if number == 0:
            self._origin = raw.pts or 0
            return 0.0
        before = self._counted[-1]
        if raw.pts is None:
            return before + 1.0 / self.fps
        time = float((raw.pts - self._origin) * self._index.time_base)
        # A repeated timestamp says only that the frame came a little later.
        return time if time > before else before + 0.5 / self.fps

    def _note_held(self, number: int, time: float) -> None:
        """Keep one warning about held frames up to date."""
        if number in self._held:
            return
        self._held.add(number)
        count = len(self._held)
        text = (
            f"{count} frame{'s' * (count > 1)} cannot be decoded and repeat the picture before "
            f"(frame {min(self._held)} at the earliest)"
        )
        self.warnings[:] = [w for w in self.warnings if "repeat the picture before" not in w]
        self.warnings.append(text)

    def _note_end(self, reached: int, why: str) -> None:
        """Cut the index where reading ended before it, so that the number of frames is right."""
        listed = len(self._index.stamps)
        if self._index.complete and reached < listed:
            self.warnings.append(f"the video ends early, after {reached} of {listed} frames: {why}")
            self._index = self._index.between(
                int(self._index.stamps[0]), int(self._index.stamps[reached - 1])
            )
