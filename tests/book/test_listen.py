"""The player of several sounds in a browser: as heard, by mouse, by keys, blind, in a sandboxed frame, unscripted."""

from __future__ import annotations

import html
import math
import re
from typing import Any

import pytest
import torch

from course_lib.display.audio import PLAYER, listen_html
from course_lib.display.figures.bundle import bundle_file

SR = 16_000
HERE = "http://localhost:9/players.html"  # answered by the test: nothing listens there


def chord(hz: float, seconds: float, harmonics: int) -> torch.Tensor:
    t = torch.arange(round(seconds * SR), dtype=torch.float64) / SR
    partials = [torch.sin(2 * math.pi * hz * k * t) / k for k in range(1, harmonics + 1)]
    return 0.3 * torch.stack(partials).sum(0)


TWO = {"target": chord(220, 3, 8), "mod<e>l & co": 0.25 * chord(220, 2.5, 4)}
THREE = {
    "long": chord(330, 3, 3),
    "stereo": torch.stack([chord(330, 3, 1), chord(440, 3, 2)]),
    "short": 5 * TWO["target"][:8000],
}
GROUPS = [listen_html(TWO, SR, level_db=-20), listen_html(THREE, SR)]
SINGLE = listen_html(TWO["target"], SR)
PAGE = (
    "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
    f"<title>Players</title></head><body><main><h1>Players</h1>{GROUPS[0]}<p>Text.</p>{GROUPS[1]}{SINGLE}</main></body>"
)
# What a reader can see of a group.
READ = """g => ({
  tabs: [...g.querySelectorAll('.ddsp-tabs label')].map(e => e.textContent),
  tab: [...g.querySelectorAll('.ddsp-tabs input')].findIndex(e => e.checked),
  place: +g.querySelector('[type=range]').value,
  playing: g.querySelector('.ddsp-go').textContent.includes('Pause'),
  notes: [...g.querySelectorAll('p')].map(e => e.textContent),
  picture: g.querySelector('canvas').toDataURL(),
  now: performance.now() / 1000,
})"""


@pytest.fixture
def opened(new_page: Any) -> Any:
    """A page with two groups and a single sound: `opened(width=…, theme=…, body=…)` → page, groups."""
    opened_pages = []

    def open_it(body: str = PAGE, **options: Any) -> tuple[Any, list[Any]]:
        page, watch = new_page(**options)
        opened_pages.append((page, watch))
        page.route(HERE, lambda route: route.fulfill(body=body, content_type="text/html"))
        page.goto(HERE)
        return page, page.query_selector_all(".ddsp-listen")

    yield open_it
    for page, watch in opened_pages:
        page.context.close()
        assert watch.errors == [] and watch.outside == []


def press(group: Any, text: str) -> None:
    group.query_selector(f"button:has-text('{text}')").click()


def waits(page: Any, group: Any, test: str) -> dict[str, Any]:
    """Wait until what a group shows passes a test in JavaScript of `s`."""
    for _ in range(100):
        seen = group.evaluate(READ)
        if group.evaluate(f"(g, s) => {test}", seen):
            return seen
        page.wait_for_timeout(30)
    pytest.fail(f"never {test}: { {k: v for k, v in seen.items() if k != 'picture'} }")


# --- What is heard ------------------------------------------------------------------------------------------------

RENDER = """async ([script, rate, place, levels]) => {
  const run = new Function(script + '; return run')();
  const ctx = new OfflineAudioContext(2, rate, rate);
  const buffers = [0, 1].map(k => {
    const buffer = ctx.createBuffer(1, rate, rate);
    buffer.getChannelData(0).forEach((_, i, x) => { x[i] = Math.fround(Math.sin((k + 1) * i * i)); });
    return buffer;
  });
  run(ctx, buffers, place, levels);
  const heard = await ctx.startRendering();
  const lead = heard.getChannelData(0).findIndex(Boolean);
  const errors = [0, 1].map(ear => {
    const x = heard.getChannelData(ear), k = levels.findIndex(Boolean), from = Math.round(place * rate);
    const y = buffers[k].getChannelData(0), start = Math.round(Math.round(0.03 * rate));
    let worst = 0;
    for (let i = start + (place ? Math.ceil(0.04 * rate) + 256 : 0); i < rate; i++)
      worst = Math.max(worst, Math.abs(x[i] - levels[k] * (y[i - start + from] ?? 0)));
    return worst;
  });
  return Math.max(...errors);
}"""


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000])
def test_what_is_heard_is_the_sound_itself(opened: Any, rate: int) -> None:
    """Sample by sample: no gain, no fade at its beginning, nothing of the other sound, nothing between samples."""
    page, _ = opened()
    script = bundle_file(PLAYER.parent / "sounds.js", "run")
    assert page.evaluate(RENDER, [script, rate, 0, [1, 0]]) == 0
    assert page.evaluate(RENDER, [script, rate, 0, [0, 1]]) == 0
    assert page.evaluate(RENDER, [script, rate, 0.3333, [0, 1]]) == 0, "after the fade"


# --- By mouse -----------------------------------------------------------------------------------------------------


def test_groups_switch_keep_the_place_and_pause_each_other(opened: Any) -> None:
    page, (first, second) = opened()
    assert page.locator("audio:visible").count() == 1, "the players of a group have become one"
    assert page.evaluate("window.courseAudio.length") == 0 and "played at −" in first.evaluate(READ)["notes"][0]
    assert "short clips: " in second.evaluate(READ)["notes"][0]
    press(first, "Play")
    waits(page, first, "s.place > 0.2")
    page.wait_for_function("window.courseAudioPeak() > 0.05")
    before = first.evaluate(READ)
    first.query_selector_all(".ddsp-tabs label")[1].click()
    after = first.evaluate(READ)
    passed = after["now"] - before["now"]  # a machine that is busy takes a while to click
    assert (before["tab"], after["tab"]) == (0, 1) and before["picture"] != after["picture"]
    assert before["place"] <= after["place"] < before["place"] + passed + 0.2 and after["playing"]
    page.wait_for_function("window.courseAudioPeak() < 0.05 && window.courseAudioPeak() > 0.001")  # the quieter one
    press(second, "Play")
    waits(page, second, "s.place > 0.05")
    stopped = first.evaluate(READ)
    assert not stopped["playing"] and stopped["place"] >= after["place"]
    page.evaluate("document.querySelector('audio').play()")
    waits(page, second, "!s.playing")
    press(first, "Play")
    assert waits(page, first, "s.playing")["place"] >= stopped["place"], "it goes on where it was"
    assert page.evaluate("document.querySelector('audio').paused")
    press(first, "Pause")
    page.wait_for_function("window.courseAudioPeak() < 0.0001")
    page.wait_for_function("window.courseAudio.every(c => c.state === 'suspended')")


def test_the_strip_is_clicked_and_a_sound_that_is_over_begins_again(opened: Any) -> None:
    page, (_, second) = opened()
    box = second.query_selector(".ddsp-strip").bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 20)
    assert second.evaluate(READ)["place"] == pytest.approx(1.5, abs=0.03) and not second.evaluate(READ)["playing"]
    press(second, "Play")
    waits(page, second, "s.place > 1.6")
    second.query_selector_all(".ddsp-tabs label")[2].click()  # of half a second
    assert waits(page, second, "s.place < 0.5")["playing"]
    ended = waits(page, second, "!s.playing")
    assert ended["place"] == 0 and ended["tab"] == 2
    press(second, "Loop")
    press(second, "Play")
    waits(page, second, "s.place > 0.3")
    assert waits(page, second, "s.place < 0.2")["playing"]
    press(second, "Pause")


def test_equal_loudness_says_its_gains_and_applies_them(opened: Any) -> None:
    page, (first, _) = opened()
    gains = [float(x) for x in re.findall(r"data-gain='([-.\d]+)'", GROUPS[0])]
    assert gains[0] == 0 and gains[1] > 10
    first.query_selector_all(".ddsp-tabs label")[1].click()
    press(first, "Play")
    page.wait_for_function("window.courseAudioPeak() > 0.02")
    quiet = page.evaluate("window.courseAudioPeak()")
    press(first, "Equal loudness")
    page.wait_for_timeout(150)
    assert page.evaluate("window.courseAudioPeak()") / quiet == pytest.approx(10 ** (gains[1] / 20), rel=0.1)
    assert first.evaluate(READ)["notes"][0].endswith(f"equal loudness: target 0.0 dB, mod<e>l & co +{gains[1]:.1f} dB")
    press(first, "Equal loudness")
    assert "equal loudness" not in first.evaluate(READ)["notes"][0]
    press(first, "Pause")


def test_the_spectrogram_shows_each_sound(opened: Any) -> None:
    page, (_, second) = opened()
    pictures = {second.evaluate(READ)["picture"]}
    press(second, "Spectrogram")
    for number in (0, 1, 2):
        second.query_selector_all(".ddsp-tabs label")[number].click()
        page.wait_for_timeout(400)
        pictures.add(second.evaluate(READ)["picture"])
    assert len(pictures) == 4
    assert page.evaluate("window.courseAudio.length") == 0, "a picture needs no sound"


# --- Blind --------------------------------------------------------------------------------------------------------


def test_the_blind_test_by_keys_alone(opened: Any) -> None:
    """Tab to the button, answer by what is heard: the two differ in level by 12 dB, so that a program can hear X."""
    page, (first, _) = opened()
    first.query_selector(".ddsp-go").focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Can you hear it?":
            break
    page.keyboard.press("Enter")
    for number in range(1, 11):
        seen = first.evaluate(READ)
        assert seen["tabs"] == ["A: target", "X", "B: mod<e>l & co"] and f"Round {number} of 10" in seen["notes"][1]
        assert first.query_selector("button:has-text('Spectrogram')").is_hidden()
        if number == 1:
            flat = seen["picture"]
        page.keyboard.press("2")
        assert waits(page, first, "s.place > 0.1")["picture"] == flat, "no peeking"
        loud = page.evaluate("window.courseAudioPeak()") > 0.12
        page.keyboard.press("a" if loud else "b")
    notes = first.evaluate(READ)["notes"]
    assert notes[1].startswith("10 of 10 right. ") and " 0.1 % " in notes[1] and "you very likely hear" in notes[1]
    assert not first.evaluate(READ)["playing"] and first.evaluate(READ)["tabs"] == ["target", "mod<e>l & co"]
    page.keyboard.press("Enter")  # again
    assert "Round 1 of 10" in first.evaluate(READ)["notes"][1]
    for _ in range(10):
        press(first, "X is A")
    assert re.match(r"\d+ of 10 right", first.evaluate(READ)["notes"][1])


def test_any_pair_can_be_tested(opened: Any) -> None:
    _, (_, second) = opened()
    press(second, "Can you hear it?")
    pair = second.query_selector("select")
    pair.select_option("stereo / short")
    assert second.evaluate(READ)["tabs"] == ["A: stereo", "X", "B: short"]
    press(second, "X is B")
    assert "Round 2 of 10" in second.evaluate(READ)["notes"][1]
    press(second, "Can you hear it?")
    assert second.evaluate(READ)["tabs"] == list(THREE) and second.evaluate(READ)["notes"][1] == ""


# --- Everywhere ---------------------------------------------------------------------------------------------------


def uses_keys(page: Any, group: Any) -> None:
    """Arrows switch among the tabs, digits from anywhere, Space plays, arrows on the strip move the place."""
    group.query_selector(".ddsp-tabs input").focus()
    page.keyboard.press("ArrowRight")
    assert group.evaluate(READ)["tab"] == 1
    page.keyboard.press("Space")
    waits(page, group, "s.playing && s.place > 0.1")
    page.keyboard.press("1")
    seen = group.evaluate(READ)
    assert seen["tab"] == 0 and seen["place"] > 0.1 and seen["playing"]
    group.query_selector("[type=range]").focus()
    page.keyboard.press("Space")
    place = waits(page, group, "!s.playing")["place"]
    page.keyboard.press("ArrowRight")
    assert place < group.evaluate(READ)["place"] < place + 0.5
    page.keyboard.press("Home")
    assert group.evaluate(READ)["place"] == 0


def test_by_keyboard(opened: Any) -> None:
    page, groups = opened()
    for group in groups:
        uses_keys(page, group)


def test_in_a_sandboxed_frame(opened: Any) -> None:
    """As in Colab: an opaque origin, one output in it, no network."""
    output = html.escape(GROUPS[0])
    frame = f"<iframe sandbox='allow-scripts' allow='autoplay' width='700' height='400' srcdoc='{output}'></iframe>"
    page, _ = opened(body=f"<!doctype html><html lang='en'><title>f</title>{frame}</html>")
    inside = page.frames[1]
    group = inside.wait_for_selector(".ddsp-listen")
    assert inside.evaluate("self.origin") == "null"
    uses_keys(page, group)
    press(group, "Spectrogram")
    press(group, "Can you hear it?")
    assert "Round 1" in group.evaluate(READ)["notes"][1]


def test_without_a_script(browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(PAGE)
    assert page.locator("audio:visible").count() == 6 and page.locator("button:visible").count() == 0
    assert page.locator("text=mod<e>l & co").is_visible() and page.locator("strong:has-text('clips: ')").is_visible()
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_and_narrow_screens(opened: Any, theme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page, (first, second) = opened(theme=theme, width=390)
    press(second, "Spectrogram")
    press(second, "Equal loudness")
    for _ in range(2):
        options = {"resultTypes": ["violations"], "preload": False}
        found = Axe().run(page, {"include": [".ddsp-listen"]}, options).response["violations"]
        assert [(v["id"], [n["html"][:100] for n in v["nodes"]]) for v in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        press(first, "Can you hear it?")
        press(second, "Can you hear it?")


def test_an_element_that_is_moved_or_removed_is_silent_and_works_again(opened: Any) -> None:
    page, (first, _) = opened()
    press(first, "Play")
    waits(page, first, "s.place > 0.1")
    page.evaluate("window.kept = document.querySelector('.ddsp-listen').parentElement; kept.remove()")
    page.wait_for_function("window.courseAudioPeak() < 0.0001")
    page.evaluate("document.body.append(kept)")
    assert page.locator(".ddsp-listen").count() == 2
    press(first, "Play")
    waits(page, first, "s.playing && s.place > 0.2")
    press(first, "Pause")
