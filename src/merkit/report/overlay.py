"""The analysed video again, with the face box, the events and the course of time drawn in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merkit.analysis.result import Analysis, Event, Stretch
from merkit.errors import VideoError
from merkit.report.words import event_summary
from merkit.video import VideoWriter, open_video

__all__ = ["write_overlay"]

Colour = tuple[int, int, int]

GROUND, TEXT, PLAYED = (20, 24, 28), (235, 238, 240), (70, 80, 90)
MICRO, MACRO, HIDDEN, QUIET = (255, 122, 50), (190, 140, 100), (120, 126, 133), (150, 200, 240)
FONT = cv2.FONT_HERSHEY_SIMPLEX
#: A micro-expression is over before its label can be read, so the label stays this long.
LINGER_S = 1.0


def write_overlay(analysis: Analysis, video: str | Path, path: str | Path) -> Path:
    """Write the video with the face box, event labels and a strip of time below the picture.

    The video is read again, frame by frame, so memory does not grow with its length.

    Parameters
    ----------
    analysis : Analysis
    video : path
        The video or folder of frames that was analysed.
    path : path
        The ``.mp4`` file to write; it appears when it is complete.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    VideoError
        If the video cannot be read, is not the one that was analysed, or the file cannot be written.
    """
    source, target = Path(video), Path(path)
    times = analysis.curves["time_s"].to_numpy(dtype=np.float64)
    fps = analysis.fps if source.is_dir() else None
    with open_video(source, fps) as reader, VideoWriter(target, analysis.fps) as writer:
        if (reader.width, reader.height) != (analysis.width, analysis.height):
            raise VideoError(
                f"{source}: is {reader.width}×{reader.height} px, but {analysis.width}×{analysis.height} px "
                "were analysed; give the video that the analysis is of"
            )
        scene = _Scene(analysis, reader.width, reader.height)
        for frame in reader.frames(0, len(times)):
            writer.write(scene.draw(frame.rgb, frame.index, times[frame.index]), times[frame.index])
    return target


@dataclass
class _Sizes:
    """Lengths that grow with the picture, so that text stays readable from 160 px to 4K."""

    text: float
    line: int
    pad: int
    strip: int


class _Scene:
    """Draws one frame after another."""

    def __init__(self, analysis: Analysis, width: int, height: int) -> None:
        unit = max(min(width, height) / 480.0, 0.6)
        self.sizes = _Sizes(0.55 * unit, max(1, round(1.6 * unit)), round(8 * unit), round(34 * unit))
        self.analysis = analysis
        self.width, self.height = width, height
        self.end = max(analysis.duration_s, 1e-6)
        self.boxes = analysis.track[["x", "y", "w", "h"]].to_numpy(dtype=np.float64)
        self.observable = _column(analysis.curves, "observable", True).astype(bool)
        self.strip = self._background()

    def draw(self, rgb: NDArray[np.uint8], index: int, time: float) -> NDArray[np.uint8]:
        """The frame with everything on it, ``sizes.strip`` px taller."""
        canvas = np.empty((self.height + self.sizes.strip, self.width, 3), dtype=np.uint8)
        canvas[: self.height] = rgb
        canvas[self.height :] = self.strip
        now = [e for e in self.analysis.events if e.onset_frame <= index <= e.offset_frame]
        self._box(canvas, index, now)
        self._labels(canvas, index, time)
        self._progress(canvas, index, time)
        return canvas

    def _x(self, seconds: float) -> int:
        return round(np.clip(seconds / self.end, 0.0, 1.0) * (self.width - 1))

    def _background(self) -> NDArray[np.uint8]:
        """The strip of time with everything that does not change from frame to frame."""
        strip = np.empty((self.sizes.strip, self.width, 3), dtype=np.uint8)
        strip[:] = GROUND
        bar = self._bar(strip)
        bar[:] = PLAYED
        for stretch in self.analysis.stretches:
            if not stretch.observable:
                self._hatch(bar, stretch)
        for event in sorted(self.analysis.events, key=lambda event: event.kind == "micro"):
            left, right = self._x(event.onset_s), self._x(event.offset_s)
            bar[:, left : max(right, left + self.sizes.line) + 1] = _colour(event)
        return strip

    def _bar(self, strip: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of the strip that is the bar; the rest is for the clock."""
        return strip[: max(4, self.sizes.strip // 3)]

    def _hatch(self, bar: NDArray[np.uint8], stretch: Stretch) -> None:
        left, right = self._x(stretch.start_s), self._x(stretch.stop_s)
        y, x = np.mgrid[: bar.shape[0], left : right + 1]
        period = max(4, self.sizes.pad)
        bar[y, x] = np.where(((x + y) % period < period // 2)[..., None], HIDDEN, GROUND)

    def _box(self, canvas: NDArray[np.uint8], index: int, now: list[Event]) -> None:
        x, y, w, h = self.boxes[index]
        if not np.isfinite([x, y, w, h]).all():
            return
        colour: Colour = QUIET if self.observable[index] else HIDDEN
        if now:
            colour = _colour(max(now, key=lambda event: event.kind == "micro"))
        # Only the picture is drawn into, a box may reach beyond it.
        corner, opposite = (round(x), round(y)), (round(x + w), round(y + h))
        cv2.rectangle(canvas[: self.height], corner, opposite, colour, self.sizes.line * (2 if now else 1), cv2.LINE_AA)  # fmt: skip # noqa: E501

    def _labels(self, canvas: NDArray[np.uint8], index: int, time: float) -> None:
        y = self.sizes.pad
        for number, event in enumerate(self.analysis.events, start=1):
            if event.onset_frame <= index and time <= event.offset_s + LINGER_S:
                y = self._label(canvas, _words(number, event), y, _colour(event))
        for stretch in self.analysis.stretches:
            if not stretch.observable and stretch.start_frame <= index < stretch.stop_frame:
                y = self._label(canvas, f"not observable: {stretch.kind}", y, HIDDEN)

    def _label(self, canvas: NDArray[np.uint8], text: str, y: int, colour: Colour) -> int:
        """Write a line on a dark plate; returns where the next one begins."""
        sizes = self.sizes
        (wide, high), base = cv2.getTextSize(text, FONT, sizes.text, sizes.line)
        fit = min(1.0, (self.width - 4 * sizes.pad) / max(wide, 1))
        x, bottom = sizes.pad, y + high + base + sizes.pad
        cv2.rectangle(canvas, (x, y), (x + round(wide * fit) + 2 * sizes.pad, bottom), GROUND, -1)
        cv2.rectangle(canvas, (x, y), (x + sizes.pad // 2, bottom), colour, -1)
        origin = (x + round(1.2 * sizes.pad), y + high + sizes.pad // 2)
        cv2.putText(canvas, text, origin, FONT, sizes.text * fit, TEXT, sizes.line, cv2.LINE_AA)
        return bottom + sizes.pad // 2

    def _progress(self, canvas: NDArray[np.uint8], index: int, time: float) -> None:
        strip = canvas[self.height :]
        x = self._x(time)
        cv2.line(strip, (x, 0), (x, self._bar(strip).shape[0]), TEXT, self.sizes.line + 1)
        origin = (self.sizes.pad, self.sizes.strip - self.sizes.pad // 2 - 1)
        clock = f"{time:.3f} s   frame {index}"
        cv2.putText(strip, clock, origin, FONT, 0.8 * self.sizes.text, TEXT, max(1, self.sizes.line - 1), cv2.LINE_AA)  # fmt: skip # noqa: E501


def _words(number: int, event: Event) -> str:
    if event.recognition is None:
        return f"{number} {event.kind}"
    like = "" if event.recognition.abstained else "like "
    return f"{number} {event.kind}: {like}{event_summary(event)}"


def _colour(event: Event) -> Colour:
    return MICRO if event.kind == "micro" else MACRO


def _column(frame: pd.DataFrame, name: str, default: bool) -> NDArray[np.generic]:
    return frame[name].to_numpy() if name in frame else np.full(len(frame), default)
