"""The report in a real browser: nothing fetched, nothing broken, nothing clipped.

Needs the Python package playwright and a system Chromium (``chromium`` or ``google-chrome`` on the
path, or the file that ``MERKIT_CHROMIUM`` names).  With ``MERKIT_SCREENSHOTS`` set to a folder, pictures
of every layout are left there to be looked at.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fake_analysis import empty_analysis, fake_analysis, fake_event

from merkit.report import save

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install playwright"
)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NAMES = ("usual", "faceless", "no-face", "nothing-found", "long", "lively")
CHROMIUM = os.environ.get("MERKIT_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
if CHROMIUM is None:
    pytest.skip("no Chromium: install one or name it in MERKIT_CHROMIUM", allow_module_level=True)

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SCRIPT = "<script>document.title = 'broken in'</script>.mp4"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Folder of each kind of report."""
    root = tmp_path_factory.mktemp("reports")
    long = [fake_event("surprise", 60.0 + 100.0 * i, 30.0) for i in range(11)]
    save(fake_analysis(video=SCRIPT), root / "usual")
    save(fake_analysis(), root / "faceless", no_faces=True)
    save(empty_analysis(), root / "no-face")
    save(fake_analysis(events=[]), root / "nothing-found")
    save(fake_analysis(1200.0, 30.0, events=long), root / "long")
    lively = [
        fake_event("surprise", 2.0 + 0.8 * i, 30.0, duration_s=0.3 if i % 3 else 2.0) for i in range(30)
    ]
    save(fake_analysis(30.0, 30.0, events=lively), root / "lively")
    return root


@pytest.fixture
def opened(browser, reports):
    """Open a report; afterwards, fail on any console error, page error or request."""
    contexts, problems = [], []

    def allow(route):
        if route.request.url.startswith(("file:", "data:", "blob:")):
            route.continue_()
        else:
            problems.append(f"request of {route.request.url}")
            route.abort()

    def open_report(name, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.route("**/*", allow)
        page = context.new_page()
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or problems.append(r.url))
        page.goto((reports / name / "report.html").as_uri())
        if page.locator("#timeline").count() and options.get("java_script_enabled", True):
            page.wait_for_selector("#timeline .scatterlayer .trace")
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert problems == []


def _until(page, condition):
    """Wait in the page; playwright's own waiting evaluates strings there, which the report forbids."""
    look = f"const look = () => ({condition}) ? done() : requestAnimationFrame(look)"
    page.evaluate(f"new Promise(done => {{ {look}; look(); }})")


def _picture(page, name):
    folder = os.environ.get("MERKIT_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [(name, width, "light") for name in NAMES for width in (400, 1280)]
    + [("usual", 400, "dark"), ("usual", 1280, "dark")],
)
def test_layout_fits_and_nothing_is_clipped(opened, name, width, scheme):
    page = opened(name, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    clipped = page.evaluate(
        """() => [...document.querySelectorAll("h1, h2, h3, h4, p, dt, dd, li, figcaption, button, td, th")]
            .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && !e.closest(".scroll")
                         && getComputedStyle(e).display !== "inline")
            .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert clipped == []
    _picture(page, f"{name}-{width}-{scheme}")


def test_chart_is_drawn_with_all_its_traces(opened):
    page = opened("usual")
    names = page.evaluate("document.getElementById('timeline').data.map(trace => trace.name)")
    regions = ["brows", "lids", "nose", "cheeks", "lip corners", "lips", "chin"]
    assert [name for name in names if name in regions] == regions
    assert page.locator("#timeline .scatterlayer .trace").count() == len(names)
    assert page.locator("#timeline .scatterlayer .js-line").count() >= 7
    assert page.evaluate("document.title").startswith("<script>")


def test_tick_labels_and_numbers_lie_within_the_chart(opened):
    for width in (400, 1280):
        page = opened("usual", viewport={"width": width, "height": 900})
        outside = page.evaluate(
            """() => {
                const box = document.getElementById("timeline").getBoundingClientRect();
                const beyond = r => r.left < box.left || r.right > box.right || r.bottom > box.bottom;
                return [...document.querySelectorAll("#timeline text")]
                    .filter(t => t.textContent && beyond(t.getBoundingClientRect())).map(t => t.textContent);
            }"""
        )
        assert outside == []


def test_numbers_keep_apart_and_come_back_when_zoomed_in(opened):
    page = opened("lively", viewport={"width": 400, "height": 900})
    numbers = """[...document.querySelectorAll("#timeline .textpoint text")].filter(t => t.textContent)
        .map(t => t.getBoundingClientRect()).sort((a, b) => a.left - b.left)"""
    assert page.evaluate(f"{numbers}.every((r, i, all) => !i || r.left > all[i - 1].right)")
    shown = "document.getElementById('timeline').data.find(t => t.name === 'event numbers').text"
    before = [text for text in page.evaluate(shown) if text]
    page.get_by_role("button", name="Show in the timeline").first.click()
    _until(page, f"{shown}.filter(text => text).length > {len(before)}")


def test_hover_tells_time_frame_and_pixels(opened):
    page = opened("usual")
    page.locator("#timeline").scroll_into_view_if_needed()
    box = page.locator("#timeline .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 1.6 / 12, box["y"] + 60)
    page.wait_for_selector("#timeline .hoverlayer text")
    text = page.locator("#timeline .hoverlayer").text_content()
    assert "px · frame" in text
    assert "lip corners" in text


def test_chart_changes_with_the_colour_scheme_and_keeps_hidden_lines_hidden(opened):
    page = opened("usual", color_scheme="light")
    colour = "document.getElementById('timeline').data.find(t => t.name === 'brows').line.color"
    light = page.evaluate(colour)
    page.get_by_role("button", name="chin").click()
    page.emulate_media(color_scheme="dark")
    _until(page, f"{colour} !== '{light}'")
    assert (
        page.evaluate("document.getElementById('timeline').data.find(t => t.name === 'chin').visible")
        is False
    )
    assert page.get_by_role("button", name="chin").get_attribute("aria-pressed") == "false"


def test_show_in_the_timeline_zooms_to_the_event(opened):
    page = opened("long")
    page.get_by_role("button", name="Show in the timeline").nth(2).click()
    start, stop = page.evaluate("document.getElementById('timeline').layout.xaxis.range")
    assert start < 260.0 < stop
    assert stop - start < 4.0


def test_loops_play_pause_and_respect_reduced_motion(opened):
    page = opened("usual")
    loop = page.locator(".loop img").first
    assert loop.is_visible()
    page.get_by_role("button", name="Pause the animation of event 1").click()
    assert not loop.is_visible()
    calm = opened("usual", reduced_motion="reduce")
    assert not calm.locator(".loop img").first.is_visible()
    calm.get_by_role("button", name="Play the animation of event 1").click()
    assert calm.locator(".loop img").first.is_visible()
    without_script = opened("usual", reduced_motion="reduce", java_script_enabled=False)
    assert not without_script.locator(".loop img").first.is_visible()


def test_every_picture_loads(opened):
    for name in ("usual", "faceless"):
        page = opened(name)
        _until(page, "[...document.images].every(image => image.complete)")
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")


def test_print_is_light_still_and_keeps_events_whole(opened):
    page = opened("usual", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    _until(page, "document.getElementById('timeline').layout.width === 680")
    assert not page.locator(".loop").first.is_visible()
    assert page.locator("figure img").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).breakInside") == "avoid"
    text, paper = (page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}')")
                   for name in ("text", "paper"))  # fmt: skip
    assert (text.strip(), paper.strip()) == ("#23292f", "#ffffff")
    _picture(page, "print")


def test_report_reads_without_scripts(opened):
    page = opened("usual", java_script_enabled=False)
    assert page.locator("noscript").is_visible()
    assert not page.locator(".chart").is_visible()
    assert page.locator("article").count() == 4
    assert not page.get_by_role("button").first.is_visible()
