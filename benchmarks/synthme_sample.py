"""Make the sample of SynthME-1 that is committed beside its settings.

Only when the engine that draws the benchmark has changed before a release: afterwards the sample is
what other machines are compared with (``merkit simulate --benchmark synthme-1 --verify``).
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

from merkit.simulate import synthme
from merkit.simulate.dataset.folder import LIBRARIES
from merkit.simulate.synthme_sample import film_sample, sample_names


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--head", type=Path, help="file of the parametric head")
    head = options.parse_args().head
    place = Path(synthme.__file__).parent
    found = {name: film_sample(name, head) for name in sample_names()}
    about = {
        "made_with": {"merkit": version("merkit"), **{name: version(name) for name in LIBRARIES}},
        "sha256": {name: digest for name, (digest, _) in found.items()},
    }
    (place / "synthme-1-sample.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    np.savez_compressed(place / "synthme-1-sample.npz", **{name: frame for name, (_, frame) in found.items()})
    print(f"{len(found)} clips; {(place / 'synthme-1-sample.npz').stat().st_size / 1e3:.0f} kB of frames")


if __name__ == "__main__":
    main()
