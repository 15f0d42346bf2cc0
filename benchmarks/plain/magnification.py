"""Magnification step by step: pictures continued by their mirror images, Fourier transforms, no coarse grids.

What `merkit.motion.magnify` is held to in the tests and timed against; and a Riesz pyramid, which was the
other candidate.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.fft import dctn, idct, idctn, idst

from merkit.motion.magnification.linear import factors
from merkit.motion.magnification.octaves import octaves


def ideal_band(values: np.ndarray, low: float, high: float, fps: float) -> np.ndarray:
    """Frequencies of a band, of a clip (T, ...) and its mirror image, less their value at the first frame."""
    both = np.concatenate([values, values[::-1]]).astype(float)
    spectrum = np.fft.fft(both, axis=0)
    hertz = np.abs(np.fft.fftfreq(len(both), 1 / fps))
    spectrum[(hertz < low) | (hertz > high)] = 0
    passed = np.fft.ifft(spectrum, axis=0).real[: len(values)]
    return passed - passed[0]


def mirrored(picture: np.ndarray) -> np.ndarray:
    """A picture with its mirror images to the right and below."""
    wide = np.concatenate([picture, picture[:, ::-1]], axis=1)
    return np.concatenate([wide, wide[::-1]], axis=0)


def frequencies(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Radians a pixel of a mirrored picture: how fast, and in which direction."""
    down = 2 * np.pi * np.fft.fftfreq(2 * height)[:, None]
    across = 2 * np.pi * np.fft.fftfreq(2 * width)[None]
    return np.hypot(down, across), np.arctan2(down, across)


def radial(speed: np.ndarray, wavelength: float, finest: bool) -> np.ndarray:
    """Raised cosine of an octave; the finest band goes on to the end."""
    above = np.log2(np.maximum(speed, 1e-9) * wavelength / (2 * np.pi))
    mask = np.where(np.abs(above) < 1, np.cos(np.pi / 2 * above) ** 2, 0)
    return np.where(above > 0, 1, mask) if finest else mask


def linear(
    frames: np.ndarray, alpha: float, band: tuple[float, float], fps: float, cutoff: float
) -> np.ndarray:
    """Linear magnification of a grey clip, frame by frame."""
    height, width = frames.shape[1:]
    passed = ideal_band(frames, *band, fps)
    speed, _ = frequencies(height, width)
    gain = np.full(speed.shape, float(alpha))
    for n, factor in enumerate(factors((height, width), alpha, cutoff)):
        gain += (factor - alpha) * radial(speed, 4.0 * 2**n, n == 0)
    added = [np.fft.ifft2(np.fft.fft2(mirrored(picture)) * gain).real for picture in passed]
    return frames + np.stack(added)[:, :height, :width]


def phase(
    frames: np.ndarray, alpha: float, band: tuple[float, float], fps: float, smooth: float
) -> np.ndarray:
    """Phase-based magnification of a grey clip with a complex steerable pyramid, band by band."""
    height, width = frames.shape[1:]
    spectra = np.stack([np.fft.fft2(mirrored(picture)) for picture in frames])
    speed, direction = frequencies(height, width)
    result = frames.astype(float)
    for n in range(len(octaves((height, width)))):
        for degrees in (0, 45, 90, 135):
            angle = direction - np.radians(degrees)
            mask = radial(speed, 4.0 * 2**n, n == 0) * np.cos(angle) ** 6 / 1.25
            wave = np.fft.ifft2(spectra * mask * (1 + np.sign(np.cos(angle)).round(9)))[:, :height, :width]
            turned = ideal_band(np.angle(wave * wave[0].conj()), *band, fps)
            weight = np.abs(wave) + 1e-6
            for t in range(len(frames)):
                shift = blurred(weight[t] * turned[t], smooth) / blurred(weight[t], smooth)
                result[t] += (wave[t] * (np.exp(1j * alpha * shift) - 1)).real
    return result


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def riesz(onset: np.ndarray, moved: np.ndarray, alpha: float, smooth: float) -> np.ndarray:
    """Phase-based magnification of one frame with a Riesz pyramid: Wadhwa et al., ICCP 2014.

    The same octaves; one direction at each place, that of the strongest wave.
    """
    shape = onset.shape
    coefficients = dctn(np.stack([onset, moved]).astype(np.float32), axes=(1, 2), norm="ortho")
    down, across = (np.pi * np.arange(side) / side for side in shape)
    speed = np.maximum(np.hypot(down[:, None], across), 1e-9)
    result = moved.astype(np.float32)
    for octave in octaves((shape[0], shape[1])):
        mask = np.zeros(shape, np.float32)
        mask[: octave.mask.shape[0], : octave.mask.shape[1]] = octave.mask
        part = coefficients * mask
        real = idctn(part, axes=(1, 2), norm="ortho")
        towards = []
        for axis, share in ((2, across / speed), (1, down[:, None] / speed)):
            moved_on = np.roll(part * share, -1, axis=axis)
            np.moveaxis(moved_on, axis, 0)[-1] = 0
            towards.append(idct(idst(moved_on, axis=axis, norm="ortho"), axis=3 - axis, norm="ortho"))
        x, y = towards
        turn_x, turn_y = x[1] * real[0] - x[0] * real[1], y[1] * real[0] - y[0] * real[1]
        size = np.hypot(turn_x, turn_y)
        angle = np.arctan2(size, real[1] * real[0] + x[1] * x[0] + y[1] * y[0]) / np.maximum(size, 1e-9)
        weight = np.sqrt(real[1] ** 2 + x[1] ** 2 + y[1] ** 2) + 1e-6
        phases = [
            alpha * blurred(weight * angle * turn, smooth) / blurred(weight, smooth)
            for turn in (turn_x, turn_y)
        ]
        length = np.hypot(*phases)
        sideways = (phases[0] * x[1] + phases[1] * y[1]) / np.maximum(length, 1e-9)
        result += real[1] * (np.cos(length) - 1) - sideways * np.sin(length)
    return result
