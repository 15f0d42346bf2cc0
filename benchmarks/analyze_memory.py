"""Does memory grow with the length of a video? Peak resident memory of the main job (Linux).

    python benchmarks/analyze_memory.py [--minutes 2 20]

The videos repeat one simulated demo at 640×360 and 30 fps; each is analysed, and its report written, in
a process of its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import print_table, write_result


def long_video(path: Path, minutes: float, fps: float = 30.0) -> None:
    """A video of some minutes: the packets of one demo of 20 s at 640×360, over and over."""
    import av

    from merkit.simulate import film, load_portrait, plan
    from merkit.video import VideoWriter

    portrait = load_portrait(size=(640, 360), face_px=160.0)
    truth = plan(portrait, seed=7, fps=fps, duration_s=20.0)
    once = path.with_name("once.mp4")
    with VideoWriter(once, fps, crf=18) as writer:
        for frame in film(truth, portrait):
            writer.write(frame)
    with av.open(str(once)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        length = round(20.0 / source.streams.video[0].time_base)
        for turn in range(round(minutes * 3)):
            source.seek(0)
            for packet in source.demux(video=0):
                if packet.dts is None:
                    continue
                packet.pts += turn * length
                packet.dts += turn * length
                packet.stream = stream
                target.mux(packet)


def memory(video: Path) -> dict[str, Any]:
    """Peak resident memory of the whole job in a fresh process."""
    # VmHWM, not ru_maxrss: the latter is inherited from the process that started this one.
    code = (
        "import sys, time, tempfile, pathlib\n"
        "from merkit.analysis import analyze\n"
        "from merkit.report import save\n"
        "start = time.perf_counter()\n"
        "a = analyze(sys.argv[1])\n"
        "save(a, pathlib.Path(tempfile.mkdtemp()))\n"
        "status = pathlib.Path('/proc/self/status').read_text().splitlines()\n"
        "peak = next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))\n"
        "print(peak / 1024, a.n_frames, len(a.events), time.perf_counter() - start)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(video)], capture_output=True, text=True, check=True
    )
    peak, frames, events, seconds = map(float, done.stdout.split())
    return {
        "minutes": round(frames / 30 / 60, 2),
        "peak_mb": round(peak, 1),
        "events": int(events),
        "frames_per_s": round(frames / seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.0, 20.0])
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in options.minutes:
            video = Path(folder) / f"long-{minutes:g}.mp4"
            long_video(video, minutes)
            rows.append(memory(video))
            video.unlink()
    print_table(rows, "memory")
    print(write_result("analyze_memory", {"memory": rows}, seeds=[7]).name)


if __name__ == "__main__":
    main()
