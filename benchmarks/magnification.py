"""How much larger does magnification make a movement, how well, and at what noise? On simulated faces.

An expression rises and falls within 0.2 s (41 frames at 200 frames a second).  Its frame at the apex,
magnified, is compared with the same scene rendered with the displacement multiplied: that is the truth.

gain      The slope of the estimated flow, from the first frame to the magnified apex, on the true flow of
          the expression, over the skin that moves by a tenth of the peak at least; divided by the same
          slope for the truth and multiplied by its factor.  The division takes out what the estimator of
          flow itself loses; 1 + alpha is asked for.
PSNR      Against the truth, of the grey pictures, over that skin and 4 px around it.
noise     Of a still noisy clip: sigma of the magnified frame over sigma of the frame.
equal     Each method with the factor at which its gain on the clip without noise is a given one; then the
          PSNR on the clip with noise.
passing   What share of a movement of some duration passes the filters over time, at its apex.
choice    The pyramids that were candidates, on the first frame and the apex alone.

    python benchmarks/magnification.py [--engines portrait head] [--people 2] [--head FILE]
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from common import print_table, write_result
from numpy.typing import NDArray
from plain import magnification as plain
from rich.progress import track

from merkit.errors import ConfigError
from merkit.motion import magnify, optical_flow
from merkit.motion.magnification.temporal import DEFAULT_BAND, temporal_filter
from merkit.simulate import Camera, Engine, FaceState, Movement, load_portrait

PEAKS = (0.25, 0.5, 1.0)
ALPHAS = tuple(range(5, 13))
UNITS = ("AU12", "AU4", "AU1+2")
SIZE, FACE_PX, FPS, FRAMES, NOISE = (256, 256), 160.0, 200.0, 41, 2.0
APEX = FRAMES // 2
MOVES, AROUND = 0.1, 4
"""Share of the peak from which on a pixel counts as moving, and pixels around those."""
SHOWN = (5, 8, 12)
"""Of those the ones that are printed."""
GAINS = (3.0, 4.0, 5.0, 7.0)
SEARCHED = tuple(np.arange(1.0, 25.0).tolist())
"""Factors among which the one with a given gain is sought."""
PUBLISHED = {"filter": "iir", "rates": (0.4, 0.05)}
WAYS: dict[str, dict[str, Any]] = {
    "phase, fft": {"fps": FPS},
    "phase, iir": {"fps": FPS, "filter": "iir"},
    "phase, iir 0.4/0.05": PUBLISHED,
    "linear, fft": {"fps": FPS, "method": "linear"},
    "linear, fft, no cutoff": {"fps": FPS, "method": "linear", "cutoff": 0},
    "linear, iir 0.4/0.05": {"method": "linear", **PUBLISHED},
}
FAIR = ("phase, fft", "linear, fft", "linear, fft, no cutoff")
"""What is compared at equal gain: all with the same filter over time."""


class Scene:
    """One expression of one face: its clip, its true flow, and the truth for any factor."""

    def __init__(self, face: Engine, units: str, peak: float) -> None:
        self._face, self._field, self.peak = face, face.field(units), peak
        course = (1 - np.cos(2 * np.pi * np.arange(APEX + 1) / (FRAMES - 1))) / 2
        rising = [face.render(self._state(share)) for share in course]
        self.light = [*rising, *rising[-2::-1]]
        flow, visible = face.flow(FaceState(), self._state(1.0))
        where = visible & (np.hypot(flow[..., 0], flow[..., 1]) >= MOVES * peak)
        self._where, self._flow = where, flow[where].astype(np.float64)
        square = np.ones((2 * AROUND + 1,) * 2, np.uint8)
        self._around = cv2.dilate(where.astype(np.uint8), square) > 0
        self._truths: dict[float, tuple[NDArray[Any], float] | None] = {}

    def _state(self, factor: float) -> FaceState:
        return FaceState((Movement(self._field, self.peak * factor),))

    def clip(self, noise: float, seed: int) -> NDArray[np.uint8]:
        """Grey frames (T, H, W) as a camera takes them."""
        camera, rng = Camera(noise=noise, drift=0.0, grey=True), np.random.default_rng(seed)
        return np.stack([camera.expose(frame.copy(), 0.0, rng) for frame in self.light])

    def truth(self, factor: float) -> tuple[NDArray[Any], float] | None:
        """The magnified apex as it should be, and the slope that flow finds in it; none if skin folds."""
        if factor not in self._truths:
            try:
                picture = grey(self._face.render(self._state(factor)))
                self._truths[factor] = picture, self.slope(grey(self.light[0]), picture)
            except ConfigError:
                self._truths[factor] = None
        return self._truths[factor]

    def slope(self, first: NDArray[Any], second: NDArray[Any]) -> float:
        """Of estimated on true flow, from one grey picture to another."""
        found = optical_flow(eight_bits(first), eight_bits(second), "dis-fine")[self._where]
        return float((found * self._flow).sum() / (self._flow**2).sum())

    def psnr(self, picture: NDArray[Any], truth: NDArray[Any]) -> float:
        """Decibels, around what moves."""
        off = (picture.astype(np.float64) - truth)[self._around]
        return float(10 * np.log10(255**2 / np.mean(off**2)))


def grey(picture: NDArray[Any]) -> NDArray[np.float32]:
    """Luma of an RGB picture."""
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)


def eight_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Whole grey levels."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def faces(engine: str, head: str | None, people: int) -> Iterator[Engine]:
    """The portrait, or some heads; light sticks to their skin, since lit anew it is no displacement."""
    if engine == "portrait":
        yield load_portrait(face_px=FACE_PX, size=SIZE)
        return
    from merkit.simulate.head3d import Head, load_head_model

    model = load_head_model(head)
    for seed in range(people):
        yield Head.from_seed(model, seed, face_px=FACE_PX, size=SIZE, fixed_light=True)


def gains(scene: Scene, seed: int) -> Iterator[dict[str, Any]]:
    """Gain and PSNR of each way at each factor, without noise and with it."""
    for noise in (0.0, NOISE):
        clip = scene.clip(noise, seed)
        for way, options in WAYS.items():
            made = magnify(clip, ALPHAS, at=[APEX], **options)[:, 0]
            for alpha, picture in zip(ALPHAS, made, strict=True):
                truth = scene.truth(1 + alpha)
                if truth is None:
                    continue
                yield {
                    "peak_px": scene.peak,
                    "noise": noise,
                    "way": way,
                    "alpha": alpha,
                    "gain": scene.slope(clip[0], picture) / truth[1] * (1 + alpha),
                    "psnr": scene.psnr(picture, truth[0]),
                    "psnr_unmagnified": scene.psnr(clip[APEX], truth[0]),
                }


def at_equal_gain(scene: Scene, seed: int) -> Iterator[dict[str, Any]]:
    """PSNR with noise, of each way with the factor that has a given gain without."""
    clean, noisy = scene.clip(0.0, seed), scene.clip(NOISE, seed)
    for way in FAIR:
        options = WAYS[way]
        slopes = [scene.slope(clean[0], f) for f in magnify(clean, SEARCHED, at=[APEX], **options)[:, 0]]
        for gain in GAINS:
            truth = scene.truth(gain)
            alpha = None if truth is None else crossing(SEARCHED, slopes, truth[1])
            row: dict[str, Any] = {"peak_px": scene.peak, "gain": gain, "way": way, "alpha": alpha}
            if truth is not None and alpha is not None:
                picture = magnify(noisy, alpha, at=[APEX], **options)[0]
                still = magnify(clean, alpha, at=[APEX], **options)[0]
                row |= {"psnr": scene.psnr(picture, truth[0]), "psnr_clean": scene.psnr(still, truth[0])}
            yield row


def crossing(x: tuple[float, ...], y: list[float], wanted: float) -> float | None:
    """Where a curve first reaches a height; none if it does not."""
    for a, b, low, high in zip(x, x[1:], y, y[1:], strict=False):
        if low <= wanted <= high and high > low:
            return a + (b - a) * (wanted - low) / (high - low)
    return None


def noise_gain(scene: Scene, seed: int) -> Iterator[dict[str, Any]]:
    """How much larger the noise of a still clip becomes."""
    camera, rng = Camera(noise=NOISE, drift=0.0, grey=True), np.random.default_rng([seed, 1])
    still = np.stack([camera.expose(scene.light[0].copy(), 0.0, rng) for _ in range(FRAMES)])
    light = grey(scene.light[0])
    # Where the camera saturates there is no noise to be magnified.
    inside = (light > 20) & (light < 235)
    before = (still[APEX] - light)[inside].std()
    for way, options in WAYS.items():
        for alpha, frame in zip(ALPHAS, magnify(still, ALPHAS, at=[APEX], **options)[:, 0], strict=True):
            yield {"way": way, "alpha": alpha, "noise_gain": float((frame - light)[inside].std() / before)}


def choice(scene: Scene, seed: int) -> Iterator[dict[str, Any]]:
    """Gain and PSNR of the candidates at alpha 8, two frames and no filter over time."""
    truth = scene.truth(9)
    if truth is None:
        return
    for noise in (0.0, NOISE):
        clip = scene.clip(noise, seed)
        first, apex = clip[0].astype(np.float32), clip[APEX].astype(np.float32)
        made = {
            "steerable": magnify(np.stack([first, apex]), 8, fps=FPS, band=(0, FPS), at=[1])[0],
            "riesz": plain.riesz(first, apex, 8, 3.0),
        }
        for pyramid, picture in made.items():
            yield {
                "peak_px": scene.peak,
                "noise": noise,
                "pyramid": pyramid,
                "gain": scene.slope(first, picture) / truth[1] * 9,
                "psnr": scene.psnr(np.clip(picture, 0, 255), truth[0]),
            }


def averaged(rows: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """Means over faces and expressions, with how many went in; what is missing once is left out."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    table = []
    for key, members in groups.items():
        names = [name for name in members[0] if name not in keys]
        full = [m for m in members if all(m.get(name) is not None for name in names)]
        means = {name: round(float(np.mean([m[name] for m in full])), 3) if full else None for name in names}
        table.append({**dict(zip(keys, key, strict=True)), "n": len(full), "of": len(members), **means})
    return table


def equal_table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Phase-based against each linear way, by peak and gain, over the scenes where both reach the gain."""
    table = []
    for peak, gain, rival in itertools.product(PEAKS, GAINS, FAIR[1:]):
        mine = [row for row in rows if (row["peak_px"], row["gain"]) == (peak, gain)]
        ours, theirs = ([row for row in mine if row["way"] == way] for way in (FAIR[0], rival))
        pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if "psnr" in a and "psnr" in b]
        line: dict[str, Any] = {
            "peak_px": peak,
            "gain": gain,
            "rival": rival,
            "scenes": len(ours),
            "reached": sum("psnr" in row for row in ours),
            "rival_reached": sum("psnr" in row for row in theirs),
            "pairs": len(pairs),
            "won": sum(a["psnr"] > b["psnr"] for a, b in pairs),
        }
        for what in ("alpha", "psnr", "psnr_clean"):
            for name, k in ((what, 0), (f"rival_{what}", 1)):
                line[name] = round(float(np.mean([pair[k][what] for pair in pairs])), 3) if pairs else None
        table.append(line)
    return table


def passing() -> list[dict[str, Any]]:
    """What share of a movement passes the filters over time at its apex, by how long it takes."""
    rows = []
    for fps, duration in itertools.product((30.0, 100.0, 200.0), (0.04, 0.1, 0.2, 0.5)):
        half = round(duration * fps / 2)
        if half < 2:
            continue
        course = (1 - np.cos(np.pi * np.arange(2 * half + 1) / half)).astype(np.float32)[:, None] / 2
        row: dict[str, Any] = {"fps": fps, "duration_s": duration}
        for name in ("fft", "iir"):
            row[name] = round(float(temporal_filter(name, None, fps, None)(0.0)(course)[half, 0]), 3)
        row["iir 0.4/0.05"] = round(
            float(temporal_filter("iir", None, None, (0.4, 0.05))(0.0)(course)[half, 0]), 3
        )
        rows.append(row)
    return rows


def speeds(repeats: int) -> list[dict[str, Any]]:
    """Milliseconds for 64 grey frames of 128×128, beside the same done step by step."""
    clip = np.random.default_rng(0).integers(0, 256, (64, 128, 128)).astype(np.uint8)
    colour = np.stack([clip, 255 - clip, clip // 2], axis=-1)
    band, eight = DEFAULT_BAND, list(range(5, 13))
    work: dict[str, tuple[Callable[[], Any], Callable[[], Any] | None]] = {
        "phase, fft": (lambda: magnify(clip, 8, fps=FPS), lambda: plain.phase(clip, 8, band, FPS, 3.0)),
        "phase, iir": (lambda: magnify(clip, 8, fps=FPS, filter="iir"), None),
        "phase, fft, colour": (lambda: magnify(colour, 8, fps=FPS), None),
        "phase, fft, 8 factors": (lambda: magnify(clip, eight, fps=FPS), None),
        "phase, fft, 8 factors, 2 frames": (lambda: magnify(clip, eight, fps=FPS, at=[0, 30]), None),
        "linear, fft": (
            lambda: magnify(clip, 8, fps=FPS, method="linear"),
            lambda: plain.linear(clip, 8, band, FPS, 16.0),
        ),
        "linear, iir": (lambda: magnify(clip, 8, fps=FPS, method="linear", filter="iir"), None),
    }
    rows = []
    for name, (ours, loop) in work.items():
        taken: dict[str, list[float]] = {"ours": [], "plain": []}
        for n in range(repeats):
            taken["ours"].append(seconds(ours))
            # The plain way takes so long that twice is enough.
            if loop is not None and n < 2:
                taken["plain"].append(seconds(loop))
        ms, plain_ms = (1e3 * median(times) if times else None for times in taken.values())
        row = {"what": name, "ms": ms, "plain_ms": plain_ms}
        rows.append({**row, "times_as_fast": plain_ms / ms if plain_ms and ms else None})
    return rows


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=("portrait", "head"), default=["portrait", "head"])
    parser.add_argument("--people", type=int, default=2, help="how many heads")
    parser.add_argument("--head", help="file of the 3D head; where merkit finds one by default")
    parser.add_argument("--repeats", type=int, default=5, help="of the timing")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    result: dict[str, Any] = {
        "size": SIZE, "face_px": FACE_PX, "fps": FPS, "frames": FRAMES, "noise": NOISE, "units": UNITS,
        "people": asked.people, "passing": passing(), "speed": speeds(asked.repeats),
    }  # fmt: skip
    print_table(result["passing"], "share of a movement that passes at its apex")
    print_table(result["speed"], "64 grey frames of 128×128, one thread")
    for engine in asked.engines:
        found: dict[str, list[dict[str, Any]]] = {"gain": [], "equal": [], "noise": [], "choice": []}
        work = [
            (face, seed, units, peak)
            for seed, face in enumerate(faces(engine, asked.head, asked.people))
            for units, peak in itertools.product(UNITS, PEAKS)
        ]
        for face, seed, units, peak in track(work, engine):
            scene = Scene(face, units, peak)
            found["gain"] += gains(scene, seed)
            found["equal"] += at_equal_gain(scene, seed)
            found["choice"] += choice(scene, seed)
            if (units, peak) == (UNITS[0], PEAKS[0]):
                found["noise"] += noise_gain(scene, seed)
        result[engine] = {
            "gain": averaged(found["gain"], "peak_px", "noise", "way", "alpha"),
            "equal": equal_table(found["equal"]),
            "noise": averaged(found["noise"], "way", "alpha"),
            "choice": averaged(found["choice"], "peak_px", "noise", "pyramid"),
        }
        for part, table in result[engine].items():
            shown = [row for row in table if row.get("alpha", 8) in SHOWN or part == "equal"]
            print_table(shown, f"{engine}: {part}")
    print(write_result("magnification", result, seeds=range(asked.people)))


if __name__ == "__main__":
    main()
