"""Who is shown: everything about a person that a seed decides."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from merkit.errors import ConfigError

Colour = tuple[float, float, float]
"""sRGB, 0 to 1."""

N_MODES = 50
_SPREAD, _MOST = 0.85, 2.0
"""Standard deviation and limit of the weights, in those of the scanned people: rarer faces look odd."""
HAIR_STYLES = ("shaved", "cropped", "short", "full", "long")
_HAIR: dict[str, Colour] = {
    "black": (0.10, 0.085, 0.08),
    "dark brown": (0.20, 0.14, 0.105),
    "brown": (0.36, 0.25, 0.17),
    "blond": (0.66, 0.53, 0.36),
    "red": (0.52, 0.27, 0.15),
    "grey": (0.60, 0.59, 0.58),
}
_IRIS: dict[str, Colour] = {
    "brown": (0.30, 0.18, 0.10),
    "dark brown": (0.18, 0.11, 0.07),
    "hazel": (0.40, 0.31, 0.17),
    "green": (0.36, 0.41, 0.28),
    "blue": (0.36, 0.47, 0.58),
    "grey": (0.44, 0.48, 0.50),
}
# How often each colour of hair and iris is drawn for the lightest and for the darkest skin.
_HAIR_SHARES = {
    "black": (0.05, 0.80),
    "dark brown": (0.25, 0.17),
    "brown": (0.35, 0.0),
    "blond": (0.20, 0.0),
    "red": (0.07, 0.0),
    "grey": (0.08, 0.03),
}
_IRIS_SHARES = {
    "brown": (0.20, 0.40),
    "dark brown": (0.05, 0.60),
    "hazel": (0.20, 0.0),
    "green": (0.15, 0.0),
    "blue": (0.27, 0.0),
    "grey": (0.13, 0.0),
}


@dataclass(frozen=True)
class Person:
    """A person without name.  Shares and strengths go from 0 to 1.

    Parameters
    ----------
    seed : int
        What everything else was drawn from, and what pores, hairs and blemishes are drawn from.
    identity : tuple of float
        Weights of the modes of the head's shape, in standard deviations.
    skin_tone : float
        From 0, the lightest human skin, to 1, the darkest.
    redness, unevenness : float
        Of cheeks, nose and ears; of the skin between its pores.
    freckles, stubble : float
    moles : int
    lips : float
        How much redder than the skin the lips are.
    brows : float
        How dense the eyebrows are.
    hair : {"shaved", "cropped", "short", "full", "long"}
    receding : float
        How high the hairline is.
    hair_colour, iris_colour, clothes_colour, wall_colour : (red, green, blue)
        sRGB.
    """

    seed: int
    identity: tuple[float, ...]
    skin_tone: float = 0.3
    redness: float = 0.5
    unevenness: float = 0.5
    freckles: float = 0.0
    stubble: float = 0.0
    moles: int = 3
    lips: float = 0.5
    brows: float = 0.7
    hair: str = "short"
    receding: float = 0.2
    hair_colour: Colour = _HAIR["brown"]
    iris_colour: Colour = _IRIS["brown"]
    clothes_colour: Colour = (0.25, 0.28, 0.34)
    wall_colour: Colour = (0.62, 0.63, 0.65)

    def __post_init__(self) -> None:
        if self.hair not in HAIR_STYLES:
            raise ConfigError(f"hair: {self.hair!r} is not known; choose from {', '.join(HAIR_STYLES)}")
        for name in (
            "skin_tone",
            "redness",
            "unevenness",
            "freckles",
            "stubble",
            "lips",
            "brows",
            "receding",
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"person: {name} {getattr(self, name)} is outside 0 to 1")

    @classmethod
    def from_seed(cls, seed: int) -> Person:
        """Draw a person."""
        if seed < 0:
            raise ConfigError(f"seed: {seed} is negative; choose 0 or more")
        rng = np.random.default_rng([seed, 1])
        weights = np.clip(rng.normal(0, _SPREAD, N_MODES), -_MOST, _MOST)
        tone = float(rng.uniform())
        hair = str(rng.choice(HAIR_STYLES, p=(0.08, 0.19, 0.25, 0.16, 0.32)))
        bearded = rng.uniform() < (0.5 if hair != "long" else 0.0)
        return cls(
            seed,
            tuple(round(float(w), 4) for w in weights),
            skin_tone=round(tone, 3),
            redness=_share(rng, 0.2, 0.9),
            unevenness=_share(rng, 0.3, 1.0),
            freckles=_share(rng, 0.2, 1.0) if tone < 0.4 and rng.uniform() < 0.3 else 0.0,
            stubble=_share(rng, 0.3, 1.0) if bearded else 0.0,
            moles=int(rng.integers(0, 7)),
            lips=_share(rng, 0.2, 0.9),
            brows=_share(rng, 0.55, 1.0),
            hair=hair,
            receding=_share(rng, 0.0, 0.6 if hair != "long" else 0.2),
            hair_colour=_drawn(_HAIR, _HAIR_SHARES, tone, rng),
            iris_colour=_drawn(_IRIS, _IRIS_SHARES, tone, rng),
            clothes_colour=_varied((0.35, 0.36, 0.40), 0.25, rng),
            wall_colour=_varied((0.62, 0.63, 0.64), 0.16, rng),
        )

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def _share(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 3)


def _drawn(
    colours: dict[str, Colour],
    shares: dict[str, tuple[float, float]],
    tone: float,
    rng: np.random.Generator,
) -> Colour:
    """A colour as likely as it is for a tone of skin, slightly varied."""
    # Dark eyes and hair prevail from the middle tones on.
    towards_dark = min(1.0, 2 * tone)
    weights = np.array([light + (dark - light) * towards_dark for light, dark in shares.values()])
    name = list(shares)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    return _varied(colours[name], 0.025, rng)


def _varied(colour: Colour, by: float, rng: np.random.Generator) -> Colour:
    """A colour mostly of other brightness, slightly of another hue."""
    found = np.array(colour) + rng.uniform(-by, by) + rng.uniform(-by / 3, by / 3, 3)
    red, green, blue = (round(float(c), 3) for c in np.clip(found, 0.02, 0.98))
    return red, green, blue
