"""How often the 95 % intervals of ``evaluate`` and ``compare`` hold the truth, on simulated studies.

People are drawn from a population that is known: each has a number of clips, a mix of classes and a skill
of the recognizer on that person.  The true score is that of very many people; an interval from the few
people of one study should hold it in 95 % of the studies.  A second recognizer on the same clips is a little
better, mostly on the same people; so should the interval of the difference hold the true one.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from common import print_table, proportion, write_result
from numpy.typing import NDArray

from merkit.evaluation.statistics import (
    REPEATS,
    SubjectCounts,
    bootstrap,
    bootstrap_difference,
    class_scores,
)

SHARES = np.array([250, 109, 83]) / 442
"""Of the classes of MEGC2019."""

SUBJECTS = (6, 12, 16, 26, 68)
"""Of the benchmarks on SynthME-1, SMIC, CASME II and the composite."""

SCORES = ("uf1", "uar", "accuracy")
STUDIES = 2000
SEED = 11


def draw_people(n: int, rng: np.random.Generator, recognizers: int = 1) -> NDArray[np.float64]:
    """Confusions of `n` people, shape (recognizers, n, 3, 3): a few to many clips, few classes, uneven skill.

    Numbers of clips are as uneven as in CASME II, where one of 26 people has 36 of 255; the skill, the
    chance of being right, runs from about 0.4 to 0.95 between people.  What makes a person easy does so for
    every recognizer, in part; each is better than the one before, by some 0.05 of the clips.
    """
    clips = 1 + rng.poisson(rng.gamma(0.8, 7.0, n))
    classes = rng.dirichlet(4 * SHARES, n)
    ease = rng.normal(1.1, 0.8, n)
    truth = rng.multinomial(clips, classes)
    others = SHARES / (1 - SHARES)[:, None]
    np.fill_diagonal(others, 0)
    found = []
    for place in range(recognizers):
        own = ease + 0.3 * place + (rng.normal(0, 0.4, n) if place else 0.0)
        skill = 1 / (1 + np.exp(-own))[:, None, None]
        chances = skill * np.eye(3) + (1 - skill) * others
        found.append(np.stack([rng.multinomial(truth[:, k], chances[:, k]) for k in range(3)], axis=1))
    return np.array(found, dtype=float)


def coverage(subjects: int, studies: int, repeats: int, seed: int) -> dict[str, dict[str, int]]:
    """In how many studies of `subjects` people the intervals of each score hold the true one.

    Those of the ``score`` of one recognizer, and of the ``difference`` of two.
    """
    rng = np.random.default_rng(seed)
    names = [str(who) for who in range(subjects)]
    true = class_scores(draw_people(300_000, rng, 2).sum(axis=1))
    hits = {what: dict.fromkeys(SCORES, 0) for what in ("score", "difference")}
    for study in range(studies):
        first, second = (SubjectCounts(names, [0], one[None]) for one in draw_people(subjects, rng, 2))
        one = bootstrap(first, class_scores, repeats=repeats, seed=study)
        two = bootstrap_difference(first, second, class_scores, repeats=repeats, seed=study)
        for name, (a, b) in true.items():
            if name in SCORES:
                hits["score"][name] += int(one[name][0] <= a <= one[name][1])
                hits["difference"][name] += int(two[name][0] <= b - a <= two[name][1])
    return hits


def main() -> None:
    """Simulate, print, write the result file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=STUDIES, help="simulated studies of each size")
    studies = parser.parse_args().studies
    rows: list[dict[str, Any]] = []
    for subjects in SUBJECTS:
        for what, hits in coverage(subjects, studies, REPEATS, SEED).items():
            shares = {name: proportion(hits[name], studies) for name in SCORES}
            rows.append({"subjects": subjects, "of": what, **shares})
    print_table([{key: v["value"] if isinstance(v, dict) else v for key, v in row.items()} for row in rows])
    print(write_result("interval_coverage", {"studies": studies, "rows": rows}, seeds=[SEED]))


if __name__ == "__main__":
    main()
