"""Make the pictures of the report that the docs show, from a report written by ``merkit demo``.

    merkit demo -o demo && python docs/images/make_report_images.py demo/report.html

Needs playwright and a Chromium (on the path, or named in ``MERKIT_CHROMIUM``).
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]


def save(png: bytes, name: str) -> None:
    """Save without an alpha channel, packed as well as PNG can."""
    Image.open(io.BytesIO(png)).convert("RGB").save(HERE / name, optimize=True)


def main(report: Path) -> None:
    """Write ``report.png`` and ``report-event.png`` beside this file."""
    chromium = os.environ.get("MERKIT_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        # Less motion: the animations stand still, so that the same report gives the same picture.
        page = browser.new_page(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
        page.goto(report.resolve().as_uri())
        bottom = page.locator(".scroll").first.bounding_box()
        assert bottom is not None
        area = {"x": 0, "y": 0, "width": 1200, "height": bottom["y"] + bottom["height"] + 10}
        save(page.screenshot(full_page=True, clip=area), "report.png")
        save(page.locator("article").last.screenshot(), "report-event.png")
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit(
            "usage: python docs/images/make_report_images.py REPORT.html (make one with: merkit demo -o demo)"
        )
    main(Path(sys.argv[1]))
