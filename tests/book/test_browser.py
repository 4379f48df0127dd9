"""The built book in a real browser, without a network: pages load, live figures answer, sound sounds, all can read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

SERIOUS = {"serious", "critical"}

READ_FIGURE = """figure => {
  const canvas = figure.querySelector('canvas');
  return [figure.querySelector('.ddsp-readout').textContent, canvas.toDataURL()];
}"""
DECODE = """async player => {
  const data = await (await fetch(player.src)).arrayBuffer();
  const decoded = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(data);
  if (!player.readyState)
    await new Promise((ready, failed) => {
      player.onloadedmetadata = ready;
      player.onerror = () => failed(player.error);
      player.load();
    });
  return { name: player.getAttribute('aria-label'), duration: player.duration, samples: decoded.length };
}"""

# Chooses each sound of a group in turn while it plays: the place just before and just after, and what is chosen then.
SWITCH = """async ([group, shortest]) => {
  const inputs = [...group.querySelectorAll('.ddsp-tabs input')], strip = group.querySelector('[type=range]');
  const start = group.querySelector('.ddsp-go'), playing = () => start.textContent.includes('Pause');
  const now = () => {  // choosing what is chosen shows the place at this moment
    inputs.find(e => e.checked).dispatchEvent(new Event('change'));
    return +strip.value;
  };
  const seen = [];
  for (const i of [...inputs.keys(), 0]) {
    let before = 0, seconds = 0;
    for (let tries = 0; tries < 200; tries++) {  // a short sound may be over before one looks
      if (!playing()) start.click();
      before = now();
      if (playing() && before > 0 && before < 0.8 * shortest) break;
      if (before >= 0.8 * shortest) { strip.value = 0; strip.dispatchEvent(new Event('input')); }
      await new Promise(requestAnimationFrame);
    }
    seconds -= performance.now() / 1000;
    inputs[i].click();
    const after = +strip.value, tab = inputs.findIndex(e => e.checked);
    seconds += performance.now() / 1000;
    seen.push({ tab, wanted: i, before, after, seconds, playing: playing() });
  }
  return seen;
}"""

# What sticks out of the page, if the page can be scrolled sideways; what scrolls in its own box may.
WIDER = """() => {
  const root = document.documentElement, room = root.clientWidth;
  const scrolls = e => e && (getComputedStyle(e).overflowX !== 'visible' || scrolls(e.parentElement));
  const out = e => e.getBoundingClientRect().right > room + 1 && !scrolls(e);
  const culprits = [...document.querySelectorAll('article *')].filter(out).map(e => e.outerHTML.slice(0, 120));
  return root.scrollWidth > room ? [`${root.scrollWidth} px`, ...culprits.slice(0, 5)] : [];
}"""

# Code, open or folded, and formulas that have to be moved sideways to be read to their ends.
CUT_OFF = """selector => [...document.querySelectorAll(selector)].filter(e => {
  const folded = e.closest('details:not([open])');
  if (folded) folded.open = true;
  const cut = e.scrollWidth > e.clientWidth + 1;
  if (folded) folded.open = false;
  return cut;
}).map(e => `${e.scrollWidth} px in ${e.clientWidth}: ${e.textContent.trim().slice(0, 60)}`)"""
CODE, FORMULAS = "div.cell_input pre", "mjx-container[display='true']"


@pytest.fixture(scope="module")
def opened(new_page: Any, book_url: str, page_entry: Any) -> Iterator[Any]:
    """Opens the page under test: `opened(width=…, theme=…)` → (page, watch); the same page if asked again."""
    pages: dict[Any, Any] = {}

    def open_it(width: int = 1200, theme: str = "light") -> tuple[Any, Any]:
        if (width, theme) not in pages:
            page, _ = pages[width, theme] = new_page(width=width, theme=theme)
            page.goto(f"{book_url}/{page_entry.name}.html", wait_until="load")
            page.evaluate("document.fonts.ready")
            page.evaluate("window.MathJax?.startup?.promise")  # equations are drawn after the page has loaded
        return pages[width, theme]

    yield open_it
    for page, _ in pages.values():
        page.context.close()


def figures_of(page: Any) -> list[Any]:
    """The figures that draw and sound; the questions are words only, and have their own test."""
    return page.query_selector_all(".ddsp-live:not(.ddsp-questions)")


def changes(page: Any, figure: Any, act: Any, what: str, before: Any = None) -> None:
    """Acting on a figure changes a number in its readout and the pixels of its canvas."""
    text, pixels = before or figure.evaluate(READ_FIGURE)
    act()
    for _ in range(40):
        new_text, new_pixels = figure.evaluate(READ_FIGURE)
        if new_text != text and new_pixels != pixels:
            break
        page.wait_for_timeout(50)
    title = figure.get_attribute("aria-label")
    assert any(letter.isdigit() for letter in new_text), f"{title}: the readout holds no number: {new_text!r}"
    assert new_text != text, f"{title}: {what} left the readout at {text!r}"
    assert new_pixels != pixels, f"{title}: {what} left the picture as it was"


def drags_over(page: Any, canvas: Any, done: Any) -> None:
    """Drag over the picture, here and there: not every part of it need be a handle."""
    box = canvas.bounding_box()
    for x, y in ((0.3, 0.55), (0.2, 0.25), (0.7, 0.25), (0.7, 0.75), (0.2, 0.75)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.mouse.down()
        for step in (0.04, 0.08, 0.12):
            page.mouse.move(box["x"] + (x + step) * box["width"], box["y"] + (y - step) * box["height"])
        page.mouse.up()
        if done():
            return


# --- Pages --------------------------------------------------------------------------------------------------------


def test_loads_without_errors_or_the_network(opened: Any) -> None:
    page, watch = opened()
    page.wait_for_timeout(300)  # what a script starts late may still fail
    assert watch.errors == []
    assert watch.outside == []
    assert page.locator("article h1").count() == 1
    assert page.locator(".ddsp-fallback:visible").count() == 0, "a live figure did not wake up"


def test_equations_are_drawn(opened: Any) -> None:
    page, _ = opened()
    formulas = page.locator(".math").count()
    assert page.locator("mjx-container").count() >= formulas
    assert page.locator("mjx-merror, [data-mjx-error]").all_inner_texts() == []


def test_nothing_is_wider_than_the_page(opened: Any) -> None:
    page, _ = opened(width=390)
    for width in (390, 768, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)  # figures draw themselves anew
        assert page.evaluate(WIDER) == [], f"at {width} px"
        if width == 390:
            assert page.evaluate(CUT_OFF, FORMULAS) == [], "break the formula with \\begin{aligned}"
    for width in (1280, 1400, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(CUT_OFF, CODE) == [], f"at {width} px; a line of a chapter has at most 88 characters"


def test_axe_finds_nothing_serious(opened: Any) -> None:
    """All rules in light mode; in dark mode those that depend on colour. The inside of an equation is MathJax's own.

    The first two questions are answered, one rightly and one not, so that their explanations are looked at as well.
    """
    from axe_playwright_python.sync_playwright import Axe

    complaints = []
    for theme, rules in (("light", None), ("dark", ["color-contrast", "link-in-text-block"])):
        page, _ = opened(theme=theme)
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        answers = [page.query_selector_all(f".ddsp-questions fieldset:nth-of-type({n}) input") for n in (1, 2)]
        for inputs, mark in zip(answers, ("✓", "✗"), strict=True):
            for radio in inputs:
                radio.check()
                if mark in page.inner_text(".ddsp-questions"):
                    break
        # No preload: axe would fetch style sheets again, from where they are not.
        options = {"resultTypes": ["violations"], "preload": False, **({"runOnly": rules} if rules else {})}
        complaints += [
            f"{theme}, {v['impact']} {v['id']}: {node['target']} {node['html'][:160]} – {node['failureSummary']}"
            for v in Axe().run(page, {"exclude": ["mjx-container"]}, options).response["violations"]
            if v["impact"] in SERIOUS
            for node in v["nodes"][:3]
        ]
        if answers[0]:
            page.click(".ddsp-questions button")
    assert complaints == []


# --- Live figures and players -------------------------------------------------------------------------------------


def test_live_figures_answer_keyboard_and_mouse(opened: Any, page_entry: Any) -> None:
    page, watch = opened()
    figures = figures_of(page)
    if page_entry.teaches:
        assert figures, "a chapter needs a live figure"
    for figure in figures:
        title = figure.get_attribute("aria-label")
        figure.scroll_into_view_if_needed()
        canvas, slider = figure.query_selector("canvas"), figure.query_selector("input[type=range]")
        assert len(canvas.get_attribute("aria-label") or "") >= 20, f"{title}: the canvas needs a description"
        assert slider, f"{title}: needs a native slider"
        place = "e => (e.value - e.min) / (e.max - e.min)"
        assert slider.evaluate(place) < 0.99, f"{title}: the slider starts at its end"

        def press(slider: Any = slider) -> None:
            slider.focus()
            for _ in range(3):  # one step may be less than the readout shows
                page.keyboard.press("ArrowRight")

        changes(page, figure, press, "ArrowRight on the first slider")
        box = slider.bounding_box()
        share = 0.75 if slider.evaluate(place) < 0.5 else 0.25

        def click(box: Any = box, share: float = share) -> None:
            page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)

        changes(page, figure, click, "a click on the first slider")
        if canvas.evaluate("e => e.style.cursor") == "pointer":  # the picture itself can be dragged
            before = figure.evaluate(READ_FIGURE)
            drags_over(page, canvas, lambda figure=figure, before=before: figure.evaluate(READ_FIGURE) != before)
            changes(page, figure, lambda: None, "dragging over the picture", before)
    assert watch.errors == []


def test_questions_say_why_at_once(opened: Any) -> None:
    page, watch = opened()
    for figure in page.query_selector_all(".ddsp-questions"):
        figure.scroll_into_view_if_needed()
        score = figure.query_selector(".ddsp-readout")
        fieldsets = figure.query_selector_all("fieldset")
        assert figure.query_selector_all("input:checked") == [] and score.inner_text().startswith("0 of ")
        for number, fieldset in enumerate(fieldsets, 1):
            assert fieldset.query_selector("legend").inner_text().startswith(f"{number}. ")
            inputs, told = (
                fieldset.query_selector_all("input[type=radio]"),
                fieldset.query_selector("[aria-live=polite]"),
            )
            assert told.inner_text() == ""
            inputs[0].focus()
            page.keyboard.press("Space")
            said = [told.inner_text()]
            for _ in inputs[1:]:  # as a group of radio buttons does
                page.keyboard.press("ArrowDown")
                said.append(told.inner_text())
            assert sum(text.startswith("✓ Right. ") for text in said) == 1 and len(set(said)) == len(inputs)
            assert all(text.startswith(("✓ Right. ", "✗ Not right. ")) and len(text) > 30 for text in said)
            right = next(i for i, text in enumerate(said) if text.startswith("✓"))
            fieldset.query_selector_all("label")[right].click()
            assert told.inner_text() == said[right] and inputs[right].is_checked()
            assert score.inner_text().startswith(f"{number} of {len(fieldsets)} right")
        figure.query_selector("button").click()
        assert figure.query_selector_all("input:checked") == [] and score.inner_text().startswith("0 of ")
    assert watch.errors == []


def test_play_makes_sound_and_stops(opened: Any) -> None:
    page, watch = opened()
    for figure in figures_of(page):
        title = figure.get_attribute("aria-label")
        buttons = figure.query_selector_all("button.ddsp-play")
        assert buttons, f"{title}: has no Play button"
        made = page.evaluate("window.courseAudio.length")
        assert made == 0 or page.evaluate("window.courseAudioPeak()") == 0, f"{title}: sounds by itself"
        for button in buttons:
            label = button.inner_text()
            button.click()
            page.wait_for_function("window.courseAudioPeak() > 0.001", timeout=5000)
            assert page.evaluate("window.courseAudio.some(c => c.state === 'running')"), f"{title}: {label}"
            if button.inner_text() != label:  # a short sound may be over already
                button.click()
            page.wait_for_function("window.courseAudioPeak() < 0.0001", timeout=5000)
            assert button.inner_text() == label, f"{title}: {label} does not come back"
    assert watch.errors == []


def test_single_players_decode(opened: Any) -> None:
    page, watch = opened()
    for player in page.query_selector_all("main audio"):
        decoded = player.evaluate(DECODE)
        assert decoded["duration"] > 0 and decoded["samples"] > 0, decoded
        assert decoded["name"], "a player needs a name (aria-label)"
    assert watch.errors == []


def stored_groups(source: Any) -> list[list[float]]:
    """The lengths of the sounds of each group that a notebook holds, s."""
    if source.suffix != ".ipynb":
        return []
    cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
    outputs = [output.get("data", {}).get("text/html", "") for cell in cells for output in cell.get("outputs", [])]
    texts = ["".join(text) for text in outputs]
    return [[float(x) for x in re.findall(r"data-seconds='([^']+)'", t)] for t in texts if "<ddsp-listen-" in t]


def test_every_group_switches_and_keeps_the_place(opened: Any, page_entry: Any) -> None:
    """All groups that the notebook stores are there, switch through all their sounds, and stop one another."""
    page, watch = opened()
    stored, groups = stored_groups(page_entry.source), page.query_selector_all(".ddsp-listen")
    assert len(groups) == len(stored) and all(group.is_visible() for group in groups)
    last = None
    for group, lengths in zip(groups, stored, strict=True):
        title, start = group.get_attribute("aria-label"), group.query_selector(".ddsp-go")
        assert len(group.query_selector_all(".ddsp-tabs input")) == len(lengths) > 1, title
        start.click()
        assert last is None or "Play" in last.inner_text(), f"{title}: the group before goes on as well"
        for seen in page.evaluate(SWITCH, [group, min(lengths)]):
            assert seen["tab"] == seen["wanted"] and seen["playing"], (title, seen)
            assert 0 < seen["before"] <= seen["after"] < seen["before"] + seen["seconds"] + 0.2, (title, seen)
        last = start
    if last is not None and "Pause" in last.inner_text():
        last.click()
    assert watch.errors == []
