"""Two real films: expressions judged by eye before the first analysis, and a man who mostly talks.

    python benchmarks/acted_film.py [--data ../shared/data]

The judged intervals are in ``judged/``.  A judged expression is found when an event, micro or macro,
overlaps it by an IoU of at least 0.5.  Writes the dated result and, from it, ``docs/acted-film.md``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
from common import default_data, print_table, write_result

from merkit.analysis import Analysis, analyze
from merkit.simulate.compare import interval_iou

NAME = "woman_expressions_640x360"
TALKING = "webcam_man_talking_400x300"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "acted-film.md"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=default_data())
    options = parser.parse_args()
    analysis = analyze(options.data / "videos" / f"{NAME}.mp4", pictures=False)
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
    man = analyze(options.data / "videos" / f"{TALKING}.mp4", pictures=False)
    result = {
        "video": analysis.video,
        "rows": rows,
        "found": hits,
        "judged": len(rows),
        **counts(analysis),
        "talking": {"video": man.video, "minutes": round(man.duration_s / 60, 3), **counts(man)},
    }
    written = write_result("acted_film", result)
    PAGE.write_text(page(result, written), encoding="utf-8")
    print(f"{hits} of {len(rows)} found; the talking man: {result['talking']['events']}; {written.name}")


def counts(analysis: Analysis) -> dict[str, Any]:
    """Events and stretches by kind, and what share of the film was observable."""
    return {
        "events": {kind: sum(e.kind == kind for e in analysis.events) for kind in ("micro", "macro")},
        "stretches": dict(sorted(Counter(s.kind for s in analysis.stretches).items())),
        "observable": analysis.face["observable_fraction"] if analysis.face else 0.0,
    }


def page(result: dict[str, Any], written: Path) -> str:
    """The page of the documentation."""
    talking = result["talking"]
    table = "\n".join(
        f"| {r['judged']} | {r['what']} | {r['event']} | {r['iou']:.2f} | {r['covered']:.2f} "
        f"| {'found' if r['found'] else 'missed'} |"
        for r in result["rows"]
    )
    return f"""# A real film, judged by eye

One woman in close-up acts sadness, disgust and joy for 20 seconds, with her hands before her face and her
head turning and tilting (640×360, 24 frames a second, open licence). Nobody has annotated it, so its
visible expressions were judged frame by frame on contact sheets and written down, with their intervals,
**before the film was analysed for the first time**
([the intervals](../benchmarks/judged/{NAME}.csv)).

The way in which longer expressions are found was then improved while looking at this film and the next, so
the table shows what the method does here, not how it would do on another film.

| judged, frames | what is seen | nearest event | IoU | covered by events | |
| --- | --- | --- | --- | --- | --- |
{table}

**{result["found"]} of {result["judged"]}** judged expressions are found, that is, overlapped by one event
with an IoU of at least 0.5; `covered` is the share of the judged frames that lie inside any event.
{result["events"]["macro"]} events were found in all, {result["events"]["micro"]} of them called micro. In
{100 * (1 - result["observable"]):.0f} % of the film the head moves too fast to see a micro-expression, and
the report says so. {result["stretches"].get("blink", 0)} blinks were marked as blinks.

What goes wrong: where a hand covers half of the face, its motion is taken for that of the skin below; an
expression that fades while another grows is cut where the stronger change lies. Two or three of the nine are
found or missed by a few frames: versions of the head fit that do equally well in simulation find 6 or 7.

## A man at a webcam

{60 * talking["minutes"]:.0f} seconds (400×300, 25 frames a second): he raises his brows, opens his mouth,
talks, turns and comes closer. {talking["events"]["micro"]} events were called micro,
{talking["events"]["macro"]} macro; in {100 * (1 - talking["observable"]):.0f} % of the film a
micro-expression could not have been seen. Whether he shows one at all nobody knows.

From `python benchmarks/acted_film.py`: [{written.name}](../benchmarks/results/{written.name}).
"""


if __name__ == "__main__":
    main()
