"""How often the 95 % intervals of ``merkit evaluate`` hold the true score, on simulated studies.

People are drawn from a population that is known: each has a number of clips, a mix of classes and a skill
of the recognizer on that person.  The true score is that of very many people; an interval from the few
people of one study should hold it in 95 % of the studies.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from common import print_table, proportion, write_result
from numpy.typing import NDArray

from merkit.evaluation.statistics import REPEATS, SubjectCounts, bootstrap, class_scores

SHARES = np.array([250, 109, 83]) / 442
"""Of the classes of MEGC2019."""

SUBJECTS = (16, 26, 68)
"""Of SMIC, CASME II and the composite."""

SCORES = ("uf1", "uar", "accuracy")
STUDIES = 2000
SEED = 11


def draw_people(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Confusions of `n` people, shape (n, 3, 3): a few to many clips, few classes, uneven skill.

    Numbers of clips are as uneven as in CASME II, where one of 26 people has 36 of 255; the skill, the
    chance of being right, runs from about 0.4 to 0.95 between people.
    """
    clips = 1 + rng.poisson(rng.gamma(0.8, 7.0, n))
    classes = rng.dirichlet(4 * SHARES, n)
    skill = 1 / (1 + np.exp(-rng.normal(1.1, 0.8, n)))
    others = SHARES / (1 - SHARES)[:, None]
    np.fill_diagonal(others, 0)
    chances = skill[:, None, None] * np.eye(3) + (1 - skill)[:, None, None] * others
    truth = rng.multinomial(clips, classes)
    return np.stack([rng.multinomial(truth[:, k], chances[:, k]) for k in range(3)], axis=1).astype(float)


def coverage(subjects: int, studies: int, repeats: int, seed: int) -> dict[str, int]:
    """In how many studies of `subjects` people the interval of each score holds the true one."""
    rng = np.random.default_rng(seed)
    true = class_scores(draw_people(300_000, rng).sum(axis=0))
    hits = dict.fromkeys(SCORES, 0)
    for study in range(studies):
        counts = draw_people(subjects, rng)[None]
        sample = SubjectCounts([str(who) for who in range(subjects)], [0], counts)
        found = bootstrap(sample, class_scores, repeats=repeats, seed=study)
        for name in SCORES:
            hits[name] += int(found[name][0] <= true[name] <= found[name][1])
    return hits


def main() -> None:
    """Simulate, print, write the result file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=STUDIES, help="simulated studies of each size")
    studies = parser.parse_args().studies
    rows: list[dict[str, Any]] = []
    for subjects in SUBJECTS:
        hits = coverage(subjects, studies, REPEATS, SEED)
        rows.append({"subjects": subjects} | {name: proportion(hits[name], studies) for name in SCORES})
    print_table([{key: v["value"] if isinstance(v, dict) else v for key, v in row.items()} for row in rows])
    print(write_result("interval_coverage", {"studies": studies, "rows": rows}, seeds=[SEED]))


if __name__ == "__main__":
    main()
