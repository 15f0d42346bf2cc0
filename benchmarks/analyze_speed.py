"""How fast is the main job, from decoding to the written report, and where does the time go?

    python benchmarks/analyze_speed.py [--data ../shared/data]

The 640×360 film and a simulated demo, each three times in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from common import default_data, print_table, write_result

FILM = "woman_expressions_640x360.mp4"


def timed(stages: dict[str, float], owner: Any, name: str, stage: str) -> None:
    """Replace a function by one that adds its time to a stage."""
    function: Callable[..., Any] = getattr(owner, name)

    def with_clock(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            stages[stage] += time.perf_counter() - start

    setattr(owner, name, with_clock)


def timed_frames(stages: dict[str, float], owner: Any) -> None:
    """Count the time that a reader takes for its frames."""
    function = owner.frames

    def frames(self: Any, *args: Any, **kwargs: Any) -> Any:
        source = function(self, *args, **kwargs)
        while True:
            start = time.perf_counter()
            try:
                frame = next(source)
            except StopIteration:
                return
            finally:
                stages["decode"] += time.perf_counter() - start
            yield frame

    owner.frames = frames


def speed(video: Path) -> dict[str, Any]:
    """Frames a second from decoding to report, and seconds of every stage."""
    import merkit.faces.blaze as blaze
    import merkit.faces.track as track
    from merkit.faces.register import RigidFit
    from merkit.report import save
    from merkit.video import open_video

    # The package has a function of the module's name, so the module is fetched by hand.
    main_job = import_module("merkit.analysis.analyze")
    stages: dict[str, float] = defaultdict(float)
    with open_video(video) as reader:
        timed_frames(stages, type(reader))
    timed(stages, track, "settle", "crop, flow and fit of the scan")
    timed(stages, RigidFit, "__call__", "fit of the head (scan and measurement)")
    timed(stages, track.FaceTracker, "_refer", "new references")
    for name in ("detect", "mesh", "mesh_from_points"):
        timed(stages, blaze.BlazeFaceModels, name, "face networks")
    timed(stages, main_job, "spot", "spotting")
    timed(stages, main_job, "measured_events", "second measurement and pictures")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        analysis = main_job.analyze(video)
        analysed = time.perf_counter()
        save(analysis, Path(folder))
        end = time.perf_counter()
    stages["report"] = end - analysed
    return {
        "video": video.name,
        "pixels": f"{analysis.width}x{analysis.height}",
        "frames": analysis.n_frames,
        "events": len(analysis.events),
        "frames_per_s": round(analysis.n_frames / (end - start), 1),
        "ms_per_frame": {k: round(1000 * v / analysis.n_frames, 2) for k, v in sorted(stages.items())},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(speed(Path(options.one))))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        from merkit.simulate import simulate_demo

        simulate_demo(folder, seed=7)
        films = [options.data / "videos" / FILM, Path(folder) / "video.mp4"]
        for video in films:
            runs = []
            for _ in range(3):
                done = subprocess.run(
                    [sys.executable, __file__, "--one", str(video)],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                runs.append(json.loads(done.stdout))
            runs.sort(key=lambda r: r["frames_per_s"])
            rows.append({**runs[1], "all_runs": [r["frames_per_s"] for r in runs]})
            print_table([{k: v for k, v in runs[1].items() if k != "ms_per_frame"}], "median of three")
            print_table([runs[1]["ms_per_frame"]], "ms a frame; stages contain each other in part")
    print(write_result("analyze_speed", {"speed": rows}, seeds=[7]).name)


if __name__ == "__main__":
    main()
