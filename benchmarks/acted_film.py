"""Expressions of an acted film, judged by eye before the first analysis, against what is found.

    python benchmarks/acted_film.py [--data ../shared/data]

The judged intervals are in ``judged/``.  A judged expression is found when an event, micro or macro,
overlaps it by an IoU of at least 0.5.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd
from common import print_table, write_result

from merkit.analysis import analyze
from merkit.simulate.compare import interval_iou

NAME = "woman_expressions_640x360"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("MERKIT_TEST_DATA", "../shared/data"))
    options = parser.parse_args()
    analysis = analyze(Path(options.data) / "videos" / f"{NAME}.mp4", pictures=False)
    judged = pd.read_csv(Path(__file__).parent / "judged" / f"{NAME}.csv")
    covered = [
        any(e.onset_frame <= i <= e.offset_frame for e in analysis.events) for i in range(analysis.n_frames)
    ]
    rows = []
    for j in judged.itertuples():
        best = max(analysis.events, key=lambda e, j=j: interval_iou(e, j))
        iou = interval_iou(best, j)
        regions = ", ".join(dict.fromkeys(r.name for r in best.regions[:3]))
        rows.append(
            {
                "judged": f"{j.onset_frame}-{j.offset_frame}",
                "what": j.what,
                "event": f"{best.kind} {best.onset_frame}-{best.offset_frame}",
                "moved most": regions,
                "covered": round(
                    sum(covered[j.onset_frame : j.offset_frame + 1]) / (j.offset_frame - j.onset_frame + 1), 2
                ),
                "iou": round(iou, 2),
                "found": bool(iou >= 0.5),
            }
        )
    print_table(rows, "judged by eye against found")
    hits = sum(r["found"] for r in rows)
    spans = pd.Series([s.kind for s in analysis.stretches]).value_counts().to_dict()
    result = {
        "video": analysis.video,
        "rows": rows,
        "found": hits,
        "judged": len(rows),
        "events": {k: sum(e.kind == k for e in analysis.events) for k in ("micro", "macro")},
        "stretches": spans,
        "face": analysis.face,
    }
    print(f"{hits} of {len(rows)} found; events {result['events']}; stretches {spans}")
    print(write_result("acted_film", result).name)


if __name__ == "__main__":
    main()
