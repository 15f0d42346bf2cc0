"""The HTML report and the writing of files."""

from __future__ import annotations

import dataclasses
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fake_analysis import empty_analysis, fake_analysis, fake_event

from merkit.analysis.result import Analysis, KeyFrames, Segment
from merkit.errors import ConfigError, DataError
from merkit.report import report_html, save
from merkit.report.drawings import scores_in_time
from merkit.report.words import arrow, direction, headline, lost_time, one_line, say_seconds, subline

SCRIPT = "<script>alert(1)</script>"


class _Page(HTMLParser):
    """Collects what the tests look at; script and style bodies are kept apart from the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._skip = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._skip = tag in ("script", "style")

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._skip = False

    def handle_data(self, data):
        if not self._skip:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def _page(analysis, **options) -> _Page:
    return _Page(report_html(analysis, **options))


def test_headlines_say_what_was_found():
    analysis = fake_analysis()
    assert headline(analysis) == "3 micro-expressions found in 9.72 s of observable video."
    analysis.events = analysis.events[:1]
    assert headline(analysis).startswith("1 micro-expression found in")
    analysis.events = []
    assert headline(analysis) == "No micro-expression found in 9.72 s of observable video."
    analysis.face["observable_fraction"] = 0.0
    assert "no part of this video could be observed" in headline(analysis)
    assert headline(empty_analysis()) == "No face was found in this video, so nothing could be analysed."


def test_subline_tells_only_of_what_was_seen():
    analysis = fake_analysis()
    assert subline(analysis) == "Also seen: 1 longer expression (over 0.5\u00a0s) and 2 blinks."
    analysis.events = analysis.events[:1]
    assert subline(analysis) == "Also seen: 2 blinks."
    analysis.stretches = []
    assert subline(analysis) == ""


def test_words_for_what_was_found():
    analysis = fake_analysis()
    micro = [event for event in analysis.events if event.kind == "micro"]
    assert f"{len(micro)} micro-expressions (" in one_line(analysis)
    analysis.events = micro[:1]
    assert one_line(analysis).startswith("1 micro-expression (1 like positive)")
    assert one_line(analysis).endswith("no macro-expression")
    analysis.events = []
    assert one_line(analysis) == "no micro-expression, no macro-expression"
    analysis.face = None
    assert one_line(analysis) == "no face was found in this video"
    assert str(analysis) == "subject_07.mp4: no face was found in this video"
    analysis.provenance["parameters"] = {"face": 2}
    assert one_line(analysis) == "face 2 was not found in this video"


def test_durations_read_naturally():
    assert [say_seconds(s) for s in (0.04, 9.996, 119.97, 3725.0)] == [
        "0.04 s",
        "10.0 s",
        "2 min 0 s",
        "1 h 2 min",
    ]


@pytest.mark.parametrize(
    ("degrees", "glyph", "name"),
    [(0, "→", "right"), (44, "↗", "up right"), (90, "↑", "up"), (180, "←", "left"), (270, "↓", "down"),
     (359, "→", "right"), (337.5, "→", "right"), (-45, "↘", "down right"), (float("nan"), "", "")],
)  # fmt: skip
def test_directions_have_the_nearest_arrow_and_word(degrees, glyph, name):
    assert arrow(degrees) == glyph
    assert direction(degrees) == name


def test_lost_time_is_summed_by_kind_and_sorted():
    kinds = [kind for kind, _ in lost_time(fake_analysis())]
    assert kinds == ["head motion", "speech", "no face"]  # the cut of 0.01 s is not worth a word


def test_report_tells_all_of_an_event():
    page = _page(fake_analysis())
    text = re.sub(r"\s+", " ", page.text)
    for said in (
        "3 micro-expressions found in 9.72 s", "Two faces were seen", "81 % of the video could be observed",
        "Not sure. Closest is negative", "the two most probable classes are too close", "lip corner puller",
        "↗ up and outwards", "1.460 s to 1.760 s, 0.30 s long", "Not a sign of lying", "Article 5(1)(f)",
        "Not classified", "The head moved 3 px", "flow-svm", "9f2b9f2b", "full colour: 1.7 px at 200 px",
    ):  # fmt: skip
        assert said in text, said
    assert len([a for a in page.all("article") if "card" in (a["class"] or "")]) == 4


def test_provenance_shows_nested_settings_lists_and_intervals():
    analysis = fake_analysis()
    analysis.provenance = {"model": {"uf1": 0.74, "ci95": [0.67, 0.8], "limits": ["one", "two"]}, "fps": None}
    html = report_html(analysis)
    assert "0.67, 0.8" in html
    assert '<li><span class="said">one</span>' in re.sub(r">\s+<", "><", html)
    assert '<dt>fps</dt><dd><span class="said">none</span>' in re.sub(r">\s+<", "><", html)


def test_untrusted_text_is_shown_not_run():
    analysis = fake_analysis(video=SCRIPT + '" onload="x')
    analysis.warnings = [SCRIPT]
    analysis.provenance["note"] = SCRIPT
    event = fake_event("positive", 3.0, 100.0, warnings=(SCRIPT,))
    recognition = dataclasses.replace(event.recognition, label=SCRIPT, reason=SCRIPT, abstained=True)
    region = dataclasses.replace(event.regions[0], name="chin", words=SCRIPT, side=SCRIPT)
    analysis.events = [dataclasses.replace(event, recognition=recognition, regions=(region,))]
    analysis.stretches = [dataclasses.replace(analysis.stretches[2], kind="speech" + SCRIPT)]
    html = report_html(analysis)
    assert SCRIPT not in html
    assert "&lt;script&gt;" in html
    page = _Page(html)
    # The timeline's data, plotly and the page's own script: nothing else.
    assert len(page.all("script")) == 3
    assert not any("onload" in attrs for _, attrs in page.tags)


def test_timeline_data_cannot_end_its_script_element():
    analysis = fake_analysis()
    analysis.stretches = [dataclasses.replace(analysis.stretches[0], kind="blink")]
    analysis.video = "</script><b>"
    html = report_html(analysis)
    data = re.search(r'id="timeline-data">(.*?)</script>', html, re.S)
    assert data is not None
    assert "<" not in data[1]


def test_report_asks_nothing_of_the_network():
    html = report_html(fake_analysis())
    page = _Page(html)
    for tag, attrs in page.tags:
        for name in ("src", "srcset", "href", "action", "data", "poster"):
            value = attrs.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, name, value[:60])
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    css = "".join(re.findall(r"<style>(.*?)</style>", html, re.S))
    assert "@import" not in css
    assert all(url.startswith("data:") for url in re.findall(r"url\([\"']?([^)\"']+)", css))


def test_no_faces_leaves_no_picture_of_the_person():
    analysis = fake_analysis()
    html = report_html(analysis, no_faces=True)
    page = _Page(html)
    assert "image/jpeg" not in html.replace(_plotly(), "")
    assert "image/webp" not in html.replace(_plotly(), "")
    # One flow map an event, drawn over an outline.
    assert len(page.all("img")) == 4
    assert sum("outline" in (a.get("class") or "") for a in page.all("svg")) == 4
    assert "Made without pictures of the person" in page.text
    with_faces = report_html(analysis)
    assert with_faces.count("data:image/jpeg") == 4 * 3  # onset, apex, and the onset under the colours


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def test_pictures_have_alternative_texts_and_headings_go_down_one_by_one():
    page = _page(fake_analysis())
    for image in page.all("img"):
        assert len(image["alt"] or "") > 10
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert (link["href"] or "")[1:] in ids


def test_report_without_face_has_no_chart_and_says_so():
    page = _page(empty_analysis())
    assert "No face was found in this video" in page.text
    assert not any(attrs.get("id") == "timeline" for _, attrs in page.tags)
    assert not page.all("article")
    # Without a chart there is no need for five megabytes of plotly.
    assert len(report_html(empty_analysis())) < 60_000


def test_events_without_pictures_or_curves_are_still_told():
    analysis = fake_analysis(events=[fake_event("positive", 2.0, 100.0, pictures=False)])
    page = _page(analysis)
    assert not page.all("img")
    assert "What moved" in page.text
    bare = dataclasses.replace(analysis.events[0], regions=(), action_units=())
    assert "No single region stands out" in _page(fake_analysis(events=[bare])).text


def test_beyond_thirty_events_micro_and_strong_ones_have_cards_and_the_others_are_listed():
    events = [
        fake_event(
            "positive",
            1.0 + 2 * i,
            25.0,
            duration_s=1.0,
            score=float(200 - i if i % 2 else i),
            pictures=False,
        )
        for i in range(130)
    ]
    events[4] = fake_event("surprise", 9.0, 25.0, score=0.5, pictures=False)
    page = _page(fake_analysis(300.0, 25.0, events=events))
    cards = [a["id"] for a in page.all("article")]
    assert len(cards) == 30
    # The only micro-expression comes first, though it is the weakest; the longer ones follow in time.
    assert cards[0] == "event-5"
    longer = [i for i in range(130) if i != 4]
    strongest = sorted(longer, key=lambda i: 200 - i if i % 2 else i, reverse=True)[:29]
    assert set(cards[1:]) == {f"event-{i + 1}" for i in strongest}
    assert cards[1:] == sorted(cards[1:], key=lambda name: int(name.split("-")[1]))
    text = re.sub(r"\s+", " ", page.text)
    assert "130 events were found. 30 have a card" in text
    assert "100 more, without pictures" in text


@pytest.mark.parametrize(("longer", "is_open"), [(5, True), (6, False)])
def test_many_longer_expressions_are_folded_away(longer, is_open):
    events = [
        fake_event("positive", 2.0 + 3 * i, 25.0, duration_s=1.0, pictures=False) for i in range(longer)
    ]
    folded = next(
        a for a in _page(fake_analysis(25.0, 25.0, events=events)).all("details") if a["class"] == "longer"
    )
    assert ("open" in folded) is is_open


def test_report_of_ten_events_stays_below_eight_megabytes():
    patterns = ("positive", "negative", "surprise")
    events = [fake_event(patterns[i % 3], 2.0 + 5 * i, 100.0) for i in range(10)]
    assert len(report_html(fake_analysis(60.0, events=events)).encode()) < 8_000_000


def test_the_same_analysis_gives_the_same_page():
    assert report_html(fake_analysis()) == report_html(fake_analysis())


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_colours_have_the_contrast_of_wcag_aa():
    import merkit.report

    css = Path(merkit.report.__file__).with_name("report.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w{6})", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.S)
    )
    assert light.keys() == dark.keys()
    pairs = [(ink, ground) for ink in ("text", "muted") for ground in ("ground", "paper")]
    pairs += [(name, f"{name}-ground") for name in ("micro", "macro", "caution")]
    pairs += [("accent", "paper"), ("text", "caution-ground")]
    for theme in (light, dark):
        for ink, ground in pairs:
            a, b = sorted((_luminance(theme[ink]), _luminance(theme[ground])), reverse=True)
            assert (a + 0.05) / (b + 0.05) >= 4.5, (ink, ground)


def test_save_writes_the_four_files(tmp_path):
    written = save(fake_analysis(), tmp_path / "new" / "folder")
    assert {name: path.name for name, path in written.items()} == {
        "report": "report.html", "events_json": "events.json",
        "events_csv": "events.csv", "curves_csv": "curves.csv",
    }  # fmt: skip
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == sorted(
        p.name for p in written.values()
    )
    assert (
        written["curves_csv"]
        .read_text()
        .startswith("frame,time_s,brows,lids,nose,cheeks,lip corners,lips,chin,")
    )
    assert len(written["events_csv"].read_text().splitlines()) == 5
    assert written["report"].read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_saving_again_replaces_and_gives_the_same_bytes(tmp_path):
    first = {name: path.read_bytes() for name, path in save(fake_analysis(), tmp_path).items()}
    again = {name: path.read_bytes() for name, path in save(fake_analysis(), tmp_path).items()}
    assert first == again


def test_a_folder_that_is_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(DataError) as caught:
        save(fake_analysis(), tmp_path / "out")
    assert "out" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_name_taken_by_a_folder_is_refused(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(DataError, match=r"report\.html"):
        save(fake_analysis(), tmp_path)


def test_overlay_and_no_faces_contradict_each_other(tmp_path):
    with pytest.raises(ConfigError, match="overlay"):
        save(fake_analysis(), tmp_path, no_faces=True, overlay_from=tmp_path / "video.mp4")
    assert list(tmp_path.iterdir()) == []


def _with_recognition(**changes) -> Analysis:
    event = fake_event("positive", 3.0, 100.0, pictures=False)
    recognition = dataclasses.replace(event.recognition, **changes)
    return fake_analysis(events=[dataclasses.replace(event, recognition=recognition)])


def _key_frames_of_an_event() -> KeyFrames:
    event = fake_event("positive", 3.0, 100.0, pictures=False)
    frames = tuple(range(event.onset_frame, event.offset_frame + 1))
    scores = tuple(1.0 - abs(number - event.apex_frame) / 40 for number in frames)
    return KeyFrames(frames[10:17], frames, scores)


def test_key_frames_are_marked_on_the_scores_of_the_frames():
    analysis = _with_recognition(key_frames=_key_frames_of_an_event())
    html = report_html(analysis)
    (drawing,) = re.findall(r'<svg class="around scores".*?</svg>', html, re.S)
    assert drawing.count('class="key"') == 7
    assert all(f">{mark}</text>" in drawing for mark in ("onset", "apex", "offset"))
    assert "31 frames from 2.86 to 3.16 s, 0.6 to 1; 7 are key frames" in drawing
    text = re.sub(r"\s+", " ", _Page(html).text)
    assert "Key frames are those by which the recognizer chose to judge, here 7 of 31" in text


def test_higher_scores_are_drawn_higher_and_key_frames_where_they_are():
    key = _key_frames_of_an_event()
    analysis = _with_recognition(key_frames=dataclasses.replace(key, chosen=(key.frames[0], key.frames[14])))
    drawing = str(scores_in_time(analysis, analysis.events[0]))
    places = re.findall(r'class="key" cx="([\d.]+)" cy="([\d.]+)"', drawing)
    (left, low), (middle, high) = ((float(x), float(y)) for x, y in places)
    assert high < low
    (onset,) = re.findall(r'x1="([\d.]+)"[^>]*/><text[^>]*>onset', drawing)
    (apex,) = re.findall(r'x1="([\d.]+)"[^>]*/><text[^>]*>apex', drawing)
    assert (left, middle) == (float(onset), pytest.approx(float(apex), abs=0.2))


def test_action_units_and_parts_are_shown_where_a_recognizer_tells_them():
    units = {"AU4": 0.2, "AU6": 0.55, "AU12": 0.93}
    parts = (Segment(286, 295, 0.1), Segment(296, 305, 0.6), Segment(286, 305, 0.3, whole=True))
    text = re.sub(r"\s+", " ", _page(_with_recognition(action_units=units, segments=parts)).text)
    assert "Action units that the recognizer sees AU1293 % AU655 %" in text
    assert "How much which frames counted 286 to 29510 % 296 to 30560 % image of the whole30 %" in text
    one = (Segment(286, 305, 0.4), Segment(286, 305, 0.6, whole=True))
    text = re.sub(r"\s+", " ", _page(_with_recognition(action_units=units, segments=one)).text)
    assert "How much which frames counted 286 to 30540 % image of the whole60 %" in text
    text = re.sub(r"\s+", " ", _page(_with_recognition(action_units={"AU4": 0.2, "AU12": 0.3})).text)
    assert "None of the 2 that it knows." in text
    text = _page(_with_recognition()).text
    assert "Action units that the recognizer" not in text
    assert "How much which frames" not in text


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (
            KeyFrames((290, 290, 295, 300), synthesised=(290, 295)),
            "looked at frames 290, 295*, 300, chosen by a rule. * made by the recognizer out of",
        ),
        (
            KeyFrames((290, 300), draws=5),
            "frames 290, 300, chosen by a rule, and 5 times at others drawn around",
        ),
        (KeyFrames((290, 300), draws=1), "a rule, and 1 time at others"),
    ],
)
def test_key_frames_of_a_rule_are_listed(key, said):
    text = re.sub(r"\s+", " ", _page(_with_recognition(key_frames=key)).text)
    assert said in text


@pytest.mark.parametrize(
    "key",
    [None, KeyFrames((290, 300)), KeyFrames((1,), (1, 99999), (0.1, 0.2)), KeyFrames((1,), (1,), (0.1,))],
)
def test_without_scores_of_frames_of_the_video_nothing_is_drawn(key):
    html = report_html(_with_recognition(key_frames=key))
    assert 'class="around scores"' not in html
    assert ("<h4>Key frames</h4>" in html) is (key is not None)


def test_classes_of_another_model_are_named_everywhere():
    analysis = _with_recognition(label="disgust", probabilities={"disgust": 0.8, "repression": 0.2})
    text = re.sub(r"\s+", " ", _page(analysis).text)
    assert "Most like disgust" in text
    assert "“Disgust” and “repression” name the groups of research clips" in text
    assert "negative" not in text.lower()
    assert one_line(analysis).startswith("1 micro-expression (1 like disgust)")


def test_without_events_the_classes_are_those_of_the_model():
    analysis = empty_analysis()
    assert "“Negative”, “positive” and “surprise” name" in report_html(analysis)
    analysis.provenance["recognizer"] = {"classes": ["disgust", "fear", "happiness"]}
    assert "“Disgust”, “fear” and “happiness” name" in report_html(analysis)


def test_an_event_that_the_recognizer_refused_says_so():
    why = "The recognizer could not judge this event: no face was found."
    event = dataclasses.replace(
        fake_event("positive", 3.0, 100.0, pictures=False, warnings=(why,)), recognition=None
    )
    analysis = fake_analysis(events=[event])
    text = re.sub(r"\s+", " ", _page(analysis).text)
    assert why in text
    assert "Not classified: the recognizer could not judge these frames" in text
    assert one_line(analysis) == "1 micro-expression (1 not classified), no macro-expression"
