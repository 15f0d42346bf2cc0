"""Reading a dataset as large as all of DFME: seconds and memory, and whether frames were opened.

Writes 10,000 empty folders of clips and an annotation table with as many rows, reads them in a process
of its own, and watches which files that process opens.

    python benchmarks/dataset_reading.py [--clips 10000] [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import print_table, write_result

_READ = """
import json, resource, sys, time
started = time.perf_counter()
from merkit.datasets import read_dataset
imported = time.perf_counter()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pictures = []
sys.addaudithook(lambda event, given: pictures.append(given[0])
                 if event == "open" and str(given[0]).endswith(".png") else None)
clips = read_dataset("dfme", sys.argv[1])
done = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"clips": len(clips), "found": int(clips.frame["found"].sum()),
                  "import_s": imported - started, "read_s": done - imported,
                  "peak_mb": peak / 1024, "added_mb": (peak - before) / 1024, "pictures": len(pictures)}))
"""


def write_dataset(root: Path, n: int, kind: str) -> None:
    """Write a table of ``n`` rows as csv or xlsx, and a folder with one picture for each."""
    heading = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId"]
    rows: list[list[Any]] = [[*heading, "Fps", "AU"]]
    for i in range(n):
        who = f"sub{i // 15:04d}"
        rows.append([who, f"{who}_{i % 15:02d}", i % 9, 60, 120, "disgust", 2, 500, "4+7"])
    if kind == "csv":
        text = "\n".join(",".join(map(str, row)) for row in rows)
        (root / "training.csv").write_text(text, encoding="utf-8")
    else:
        from openpyxl import Workbook

        book = Workbook(write_only=True)
        sheet = book.create_sheet("Sheet1")
        for row in rows:
            sheet.append(row)
        book.save(root / "training_full_with_AU.xlsx")
    for row in rows[1:]:
        folder = root / "DFME_train" / row[1]
        folder.mkdir(parents=True)
        (folder / "60.png").write_bytes(b"not a picture: opening it would fail")


def main() -> None:
    """Measure both kinds of table and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for kind in ("xlsx", "csv"):
        with tempfile.TemporaryDirectory() as folder:
            write_dataset(Path(folder), options.clips, kind)
            runs = []
            for _ in range(options.runs):
                done = subprocess.run(
                    [sys.executable, "-c", _READ, folder], capture_output=True, text=True, check=True
                )
                runs.append(json.loads(done.stdout))
        rows.append(
            {"table": kind}
            | {
                key: round(statistics.median(run[key] for run in runs), 2)
                if isinstance(value, float)
                else max(run[key] for run in runs)
                for key, value in runs[0].items()
            }
        )
    print_table(rows, "Reading a dataset, medians")
    print(write_result("dataset_reading", {"runs": options.runs, "tables": rows}))


if __name__ == "__main__":
    main()
