"""The main job: a video in, everything that was found out."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from merkit.analysis.events import measured_events
from merkit.analysis.recognize import judge_by
from merkit.analysis.result import Analysis
from merkit.analysis.scan import Scan, scan
from merkit.analysis.spotting import SpotConfig, Spotting, spot
from merkit.analysis.tables import curves_of, duration_of, face_facts, stretches_of, track_of
from merkit.errors import ConfigError
from merkit.faces import load_face_models
from merkit.faces.geometry import PARTS
from merkit.faces.track import FaceTracker, TrackConfig
from merkit.methods import Recognizer
from merkit.motion.flow import check_backend
from merkit.video import VideoReader, open_video

Progress = Callable[[int, "int | None", str], None]

MIN_FPS = 59.0
"""Below this an expression of 1/25 s falls between the frames; cameras of "60" may give 59.94."""
MIN_FACE_PX = 120.0
"""Below this face width a micro-expression moves a small part of a pixel."""


def analyze(
    path: str | Path,
    *,
    fps: float | None = None,
    face: int = 0,
    flow: str = "dis",
    sensitivity: float = 1.0,
    detector: str = "auto",
    recognizer: str | Path | Recognizer | None = None,
    pictures: bool = True,
    on_progress: Progress | None = None,
) -> Analysis:
    """Find the micro- and macro-expressions in a video and say what they look like.

    Parameters
    ----------
    path : str or Path
        A video file or a folder of frames.
    fps : float, optional
        Frames a second; needed for a folder.
    face : int
        Which face to follow, 0 is the largest.
    flow : {"dis", "tvl1", "farneback", "dis-fine"}
        Optical flow backend of the scan and of the second, exact measurement; for that, ``"dis"``
        becomes ``"dis-fine"``.
    sensitivity : float
        Divides the thresholds on motion; above 1 finds smaller movements and more false ones.
    detector : {"auto", "blazeface", "haar"}
    recognizer : str, Path or Recognizer, optional
        What says which class an event resembles: the folder of a trained model, or the model; the shipped
        flow-svm by default.
    pictures : bool
        Whether to keep pictures of each event for the report.
    on_progress : callable, optional
        ``on_progress(done, total_or_None, stage)``, stage ``"scan"`` or ``"measure"``.

    Returns
    -------
    Analysis

    Raises
    ------
    VideoError
        If the input cannot be read.
    DataError
        If the folder of the recognizer holds no sound model.
    ConfigError
        If an option has a value that is not allowed, or the recognizer cannot judge videos.
    """
    check_backend(flow)
    if face < 0:
        raise ConfigError(f"face {face}: faces are numbered by size from 0, the largest")
    if not np.isfinite(sensitivity) or not 0.1 <= sensitivity <= 10.0:
        raise ConfigError(f"sensitivity {sensitivity}: it must lie between 0.1 and 10; 1 is the default")
    tell: Progress = on_progress or (lambda done, total, stage: None)
    models = load_face_models(detector)
    track_config = TrackConfig(flow=flow)
    spot_config = SpotConfig(sensitivity=sensitivity)
    judge = judge_by(recognizer)
    with open_video(path, fps=fps) as reader:
        total = reader.n_frames
        tracker = FaceTracker(models, face, track_config)
        scanned = scan(reader.frames(), tracker, lambda done: tell(done, total, "scan"))
        spotting = spot(scanned, spot_config)
        events, lost = measured_events(
            reader, scanned, spotting.found, judge, flow, pictures,
            lambda done, total: tell(done, total, "measure"),
        )  # fmt: skip
        return Analysis(
            video=reader.path.name,
            fps=float(reader.fps),
            n_frames=len(scanned),
            duration_s=duration_of(scanned.times, float(reader.fps)),
            width=int(reader.width),
            height=int(reader.height),
            face=face_facts(scanned, spotting, models.name, face),
            events=events,
            stretches=stretches_of(scanned, spotting),
            curves=curves_of(scanned, spotting),
            track=track_of(scanned),
            warnings=_warnings(reader, scanned, spotting, models, face) + lost,
            provenance={
                "merkit": version("merkit"),
                "file_sha256": _digest(reader.path),
                "parameters": {
                    "face": face, "flow": flow, "fps": fps, "detector": models.name,
                    "track": asdict(track_config), "spot": asdict(spot_config),
                },
                "recognizer": judge.card,
                "libraries": {
                    name: version(name)
                    for name in ("numpy", "scipy", "opencv-contrib-python-headless", "av", "scikit-learn")
                },
                "python": platform.python_version(),
            },
        )  # fmt: skip


def _warnings(reader: VideoReader, scanned: Scan, spotting: Spotting, models: Any, face: int) -> list[str]:
    out = list(reader.warnings)
    if models.warning:
        out.append(models.warning)
    if reader.fps < MIN_FPS:
        out.append(
            f"The video has {reader.fps:.0f} frames a second: expressions shorter than "
            f"{3000.0 / reader.fps:.0f} ms cannot be told from noise, and those of less than "
            f"{1000.0 / reader.fps:.0f} ms can fall between two frames; "
            "100 frames a second or more are advised."
        )
    if not scanned.tracked.any():
        if 0 < scanned.n_faces <= face:
            out.append(
                f"Face {face} was asked for, but no more than {scanned.n_faces} "
                f"{'was' if scanned.n_faces == 1 else 'were'} seen at once; "
                "faces are numbered from 0, the largest."
            )
        else:
            out.append("No face was found in any frame, so there is nothing to analyse.")
        return out
    width = 200.0 / float(np.median(scanned.px200_scale[scanned.tracked]))
    if width < MIN_FACE_PX:
        out.append(
            f"The face is only {width:.0f} px wide: small movements are lost in camera noise; "
            "200 px or more are advised."
        )
    missing = np.isnan(scanned.motion[scanned.tracked]).any(axis=2).mean(axis=0) > 0.1
    if missing.any():
        regions = dict.fromkeys(part.region for part, gone in zip(PARTS, missing, strict=True) if gone)
        out.append(
            f"Part of the face lies outside the picture: {', '.join(regions)} could not be measured "
            "or not all the time."
        )
    if scanned.n_faces > 1:
        out.append(
            f"Up to {scanned.n_faces} faces were seen; face {face} by size was followed (--face chooses)."
        )
    hidden = 1.0 - float(spotting.observable.mean())
    if hidden > 0.1:
        out.append(
            f"In {100 * hidden:.0f} % of the video a micro-expression could not have been seen: "
            "the face was absent, hidden or seen too briefly, or the head moved too fast."
        )
    return out


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; of a folder, of the names and sizes of what is in it."""
    digest = hashlib.sha256()
    if path.is_dir():
        for item in sorted(path.iterdir()):
            if item.is_file():
                digest.update(f"{item.name}\0{item.stat().st_size}\n".encode())
    else:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
