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
    for (let tries = 0; tries < 200; tries++) {  // a short sound may be over before one looks
      if (!playing()) start.click();
      const place = +strip.value;  // of the last frame
      if (playing() && place > 0 && place < 0.8 * shortest) break;
      if (place >= 0.8 * shortest) { strip.value = 0; strip.dispatchEvent(new Event('input')); }
      await new Promise(requestAnimationFrame);
    }
    const before = now(), began = performance.now();
    inputs[i].click();
    const after = +strip.value, tab = inputs.findIndex(e => e.checked), seconds = (performance.now() - began) / 1000;
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


# What a change of the page set in motion is drawn and at rest; some transitions never come to their end by themselves.
DRAWN = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  for (const a of document.getAnimations()) if (a instanceof CSSTransition) a.finish();
  await frame();
}"""

# A contrast depends on nothing but a colour, what is behind it, a size and a weight. A chapter has some 2,000 words and
# tokens with a dozen of them, and axe takes a few milliseconds for each: so in each section the first that is seen of
# each kind stands for its twins, which are marked. Where a picture is behind it, or no plain colour, all are looked at.
TWINS = """() => {
  const behind = e => {
    for (; e; e = e.parentElement) {
      const { backgroundColor, backgroundImage, opacity, filter } = getComputedStyle(e);
      if (backgroundImage !== 'none' || opacity !== '1' || filter !== 'none') return null;
      if (backgroundColor.startsWith('rgb(')) return backgroundColor;
      if (backgroundColor !== 'rgba(0, 0, 0, 0)') return null;
    }
    return 'page';
  };
  const inPage = ({ left, top, width, height }) => width && height && left + scrollX >= 0 && top + scrollY >= 0;
  const seen = new Map();
  for (const e of document.querySelectorAll('[data-twin]')) delete e.dataset.twin;
  for (const e of document.querySelectorAll('body *')) {
    if (!e.checkVisibility({ visibilityProperty: true }) || !inPage(e.getBoundingClientRect())) continue;
    if (![...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim())) continue;
    const section = e.closest('section, nav, aside, header, footer, dialog, .ddsp-live, .ddsp-listen');
    const ground = behind(e);
    if (!ground) continue;
    if (!seen.has(section)) seen.set(section, new Set());
    const style = getComputedStyle(e), all = seen.get(section);
    const kind = [style.color, ground, style.fontSize, style.fontWeight, style.textShadow].join();
    if (all.has(kind)) e.dataset.twin = '';
    else all.add(kind);
  }
  axe.configure({ rules: [{ id: 'color-contrast', selector: ':not([data-twin])' }] });
}"""


@pytest.fixture(scope="module")
def opened(new_page: Any, book_url: str, page_entry: Any) -> Iterator[Any]:
    """The page under test, loaded once, as on a telephone; `opened(width)` → (page, watch), as wide as asked for."""
    loaded: list[Any] = []

    def open_it(width: int = 1200) -> tuple[Any, Any]:
        if not loaded:
            page, watch = new_page(width=390)
            page.goto(f"{book_url}/{page_entry.name}.html", wait_until="load")
            page.evaluate("document.fonts.ready")
            page.evaluate("window.MathJax?.startup?.promise")  # equations are drawn after the page has loaded
            loaded.extend((page, watch))
        page, watch = loaded
        widen(page, width)
        return page, watch

    yield open_it
    if loaded:
        loaded[0].context.close()


def widen(page: Any, width: int) -> None:
    if page.viewport_size["width"] != width:
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(DRAWN)  # figures draw themselves anew


def choose_theme(page: Any, theme: str) -> None:
    """By the button that a reader has for it."""
    for _ in range(3):
        if page.evaluate("document.documentElement.dataset.mode") == theme:
            break
        page.click("button.theme-switch-button >> visible=true")
    page.mouse.move(0, 0)  # its tooltip goes
    page.evaluate(DRAWN)
    assert page.evaluate("document.documentElement.dataset.theme") == theme


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
    """What a script starts late may still fail: the tests below look at the errors again."""
    page, watch = opened()
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
    assert page.evaluate(CUT_OFF, FORMULAS) == [], "break the formula with \\begin{aligned}"
    for width in (390, 768, 1280, 1400, 1920):
        widen(page, width)
        if width in (390, 768, 1400):
            assert page.evaluate(WIDER) == [], f"at {width} px"
        if width >= 1280:
            assert page.evaluate(CUT_OFF, CODE) == [], f"at {width} px; a line of a chapter has at most 88 characters"


def test_axe_finds_nothing_serious(opened: Any) -> None:
    """All rules in light mode; in dark mode those that depend on colour. The inside of an equation is MathJax's own.

    The first two questions are answered, one rightly and one not, so that their explanations are looked at as well.
    """
    page, watch = opened()
    complaints = []
    answers = [page.query_selector_all(f".ddsp-questions fieldset:nth-of-type({n}) input") for n in (1, 2)]
    for inputs, mark in zip(answers, ("✓", "✗"), strict=True):
        for radio in inputs:
            radio.check()
            if mark in page.inner_text(".ddsp-questions"):
                break
    for theme, rules in (("dark", ["color-contrast", "link-in-text-block"]), ("light", None)):
        choose_theme(page, theme)
        complaints += [
            f"{theme}, {v['impact']} {v['id']}: {node['target']} {node['html'][:160]} – {node['failureSummary']}"
            for v in violations(page, rules)
            if v["impact"] in SERIOUS
            for node in v["nodes"][:3]
        ]
    if answers[0]:
        page.click(".ddsp-questions button")
    assert complaints == []
    assert watch.errors == [] and watch.outside == []


def violations(page: Any, rules: list[str] | None = None) -> list[dict[str, Any]]:
    """What axe finds on the page, by some of its rules or by all."""
    from axe_playwright_python.sync_playwright import Axe

    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    page.evaluate(TWINS)
    # No preload: axe would fetch style sheets again, from where they are not.
    options = {"resultTypes": ["violations"], "preload": False, **({"runOnly": rules} if rules else {})}
    return page.evaluate("options => axe.run({ exclude: ['mjx-container'] }, options)", options)["violations"]


# --- Once, not for each page --------------------------------------------------------------------------------------


def test_a_pale_word_among_a_thousand_is_found(new_page: Any) -> None:
    """Twins stand for one another only where they look alike: on the same ground, in the same section."""
    words = "<span>word</span> " * 300
    pale = "<i style='color: #ccc'>pale</i> <i style='color: #ccc'>its twin</i>"
    sections = (
        f"<section>{words}{pale}</section>",
        f"<section>{words}{pale}</section>",
        f"<section style='color: #ccc'>{words}<b style='background: #333'>light on dark</b></section>",
        f"<section style='background: #777'>{words}<div style='opacity: 0.3'>faint</div></section>",
        f"<section>{words}<div style='visibility: hidden; color: #ccc'>unseen</div><p>seen</p></section>",
    )
    page, _ = new_page()
    page.set_content(f"<!doctype html><html lang='en'><title>t</title><main>{''.join(sections)}</main></html>")
    (found,) = violations(page, ["color-contrast"])
    assert [re.sub("<[^>]+>", "", node["html"])[:5] for node in found["nodes"]] == ["pale", "pale", "word", "faint"]
    assert page.locator("[data-twin]").count() > 1400
    page.context.close()


def test_a_page_begins_in_the_dark(new_page: Any, book_url: str) -> None:
    """Every page is switched between the two; here one begins so, as by a choice that the reader has made before."""
    page, watch = new_page(theme="dark")
    page.goto(f"{book_url}/book/first_steps/gain.html", wait_until="load")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert figures_of(page)[0].evaluate("e => getComputedStyle(e).colorScheme") == "dark"
    assert watch.errors == [] and watch.outside == []
    page.context.close()


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
            page.wait_for_function("window.courseAudioPeak() > 0.001", timeout=15_000)
            assert page.evaluate("window.courseAudio.some(c => c.state === 'running')"), f"{title}: {label}"
            if button.inner_text() != label:  # a short sound may be over already
                button.click()
            page.wait_for_function("window.courseAudioPeak() < 0.0001", timeout=15_000)
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
