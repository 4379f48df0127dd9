"""The player of several sounds: what it is told, its blind test, and sounds that run together (through Node)."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import torch

import course_lib as cl
from course_lib.display import audio
from course_lib.display.figures.bundle import bundle_file, needed
from course_lib.display.players import facts
from tests.helpers.figures import READ, run_node

SR = 16_000
WEIGHT = 15_500  # bytes of script and style that every group carries; about a third of it once compressed
FOLDER = audio.PLAYER.parent


def tone(hz: float, amplitude: float, n_samples: int = SR) -> torch.Tensor:
    return cl.sinusoid(hz, amplitude, n_samples=n_samples, sample_rate=SR)


# --- What Python tells --------------------------------------------------------------------------------------------


def test_k_weighting_is_that_of_the_standard() -> None:
    """ITU-R BS.1770: a sine of 997 Hz at full scale reads −3.01 LKFS, of which −0.691 is added after the filters."""
    assert facts.heard_db(
        cl.sinusoid(997.0, 1.0, n_samples=48_000, sample_rate=48_000), 48_000
    ) - 0.691 == pytest.approx(-3.01, abs=0.01)
    curve = facts.k_weighting(torch.tensor([0.0, 50.0, 997.0, 10_000.0]))
    assert curve[0] == 0 and 20 * math.log10(curve[2]) == pytest.approx(0.691, abs=0.001)
    assert curve[1] < 0.9 and 20 * math.log10(curve[3]) == pytest.approx(4.0, abs=0.1)


def test_equal_loudness_is_equal_and_never_over_full_scale() -> None:
    sounds = [tone(1000, 0.3), tone(100, 0.3), 0.01 * tone(3000, 1.0), torch.stack([tone(400, 0.2), tone(500, 0.1)])]
    gains = facts.equal_loudness_db(sounds, SR)
    made = [x * 10 ** (gain / 20) for x, gain in zip(sounds, gains, strict=True)]
    heard = [facts.heard_db(x, SR) for x in made]
    assert max(heard) - min(heard) < 0.11 and gains == [round(gain, 1) for gain in gains]
    assert gains[0] == 0 and gains[1] > 0.5 and max(float(x.abs().max()) for x in made) < 1
    click = torch.nn.functional.pad(torch.tensor([0.99]), (2000, SR))
    gains = facts.equal_loudness_db([tone(1000, 0.3), click], SR)
    assert gains[1] == 0 and gains[0] < -3, "what has no room left is not turned up: the others are turned down"
    assert facts.equal_loudness_db([tone(1000, 0.3), torch.zeros(SR)], SR) == [0, 0]
    assert facts.equal_loudness_db([torch.zeros(9), torch.zeros(9)], SR) == [0, 0]
    assert facts.equal_loudness_db([tone(1000, 0.3), tone(1000, 3.0)], SR)[1] < -9


def test_outlines_share_one_scale_and_one_length() -> None:
    ramp = torch.linspace(0, 1, 18_000)
    long, short, both = facts.outlines([ramp, 0.5 * ramp[:9000], torch.stack([0 * ramp, -ramp])])
    assert len(long) == facts.POINTS and len(short) == facts.POINTS // 2 and both == long
    heights = [int(digit, 36) for digit in long]
    assert heights == sorted(heights) and heights[-1] == 35 and int(short[-1], 36) == pytest.approx(35 / 4, abs=1)
    assert [len(x) for x in facts.outlines([torch.ones(3), torch.ones(1)])] == [3, 1]
    assert facts.outlines([torch.zeros(400)]) == ["0" * facts.POINTS]


class Elements(HTMLParser):
    """All elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def test_without_a_script_every_sound_has_a_player_with_its_label() -> None:
    name = 'it\'s <b>loud</b> & "long"'
    html = audio.listen_html({name: tone(300, 0.5), "soft": tone(300, 0.25, 8000)}, SR)
    page = Elements(html)
    players = page.named("audio")
    assert [p["aria-label"] for p in players] == [name, "soft"] and all("controls" in p for p in players)
    assert [p["data-seconds"] for p in players] == ["1", "0.5"] and [p["data-gain"] for p in players] == ["0", "6"]
    assert not page.named("b") and html.count("</script>") == 1 and len(page.named("template")) == 1
    assert not [tag for tag, attributes in page.found if "id" in attributes], "two pages in one would share ids"
    assert html.index("<template>") > html.rindex("<audio"), "the script waits for what comes last"


def test_a_single_sound_needs_no_script() -> None:
    html = audio.listen_html(tone(300, 0.5), SR, level_db=-20)
    assert "<script" not in html and "template" not in html and "played at −10.9 dB" in html
    assert Elements(html).named("audio")[0]["aria-label"] == "sound"


def test_every_group_of_a_page_is_the_same_element_and_light() -> None:
    one, two = (audio.listen_html({"a": tone(hz, 0.5), "b": tone(hz, 0.1)}, SR) for hz in (200, 300))
    assert re.findall(r"<(ddsp-listen-\w+)", one) == re.findall(r"<(ddsp-listen-\w+)", two)
    script = one.split("<script>")[1]
    assert len(script.encode()) < WEIGHT
    assert not re.search(r"fetch\(|https?:|import\(|localStorage", script)


def test_what_a_script_does_not_need_is_left_out() -> None:
    script = bundle_file(audio.PLAYER, "define")
    assert "function fft" in script and "function framed" not in script and "noteName" not in script
    with pytest.raises(ValueError, match="does not declare sing"):
        needed(script, "sing")


# --- What the page does -------------------------------------------------------------------------------------------


def module(name: str, *wanted: str) -> str:
    return f"{bundle_file(FOLDER / name, *wanted)}\n{READ}"


def test_the_chance_of_a_score_by_guessing() -> None:
    script = module("abx.js", "byGuessing", "verdict")
    cases = [[right, rounds] for rounds in (1, 7, 10) for right in range(rounds + 1)]
    got = run_node(f"{script}console.log(JSON.stringify(data.map((c) => byGuessing(...c))));", cases)
    want = [sum(math.comb(n, k) for k in range(right, n + 1)) / 2**n for right, n in cases]
    assert got == pytest.approx(want, abs=1e-15)
    said = run_node(f"{script}console.log(JSON.stringify(data.map(verdict)));", list(range(11)))
    for right, text in enumerate(said):
        p = sum(math.comb(10, k) for k in range(right, 11)) / 1024
        assert text.startswith(f"{right} of 10 right. ") and f" {100 * p:.1f} % of" in text
        assert ("you very likely hear the difference" in text) == (p < 0.05) == (right >= 9)
        assert ("does not show that you hear a difference" in text) == (right < 9)


FAKE = """
const log = [], ctx = { currentTime: 1, sampleRate: 22050, destination: "out" };
const param = (i) => ({ value: 1, cancelScheduledValues: (at) => log.push([i, "cancel", at]),
  setTargetAtTime: (v, at) => log.push([i, "turn", v, at]), setValueAtTime: (v, at) => log.push([i, "set", v, at]) });
let made = 0;
ctx.createGain = () => { const i = made++; return { gain: param(i), connect: (to) => to }; };
ctx.createBufferSource = () => { const i = made; return { connect: (to) => to,
  start: (at, from) => log.push([i, "start", at, from]), stop: (at) => log.push([i, "stop", at]) }; };
"""


def test_switching_keeps_the_place_and_all_sounds_run_together() -> None:
    script = f"""{module("sounds.js", "run")}{FAKE}
    const voice = run(ctx, [{{}}, {{}}, {{}}], 0.5, [1, 0, 0]);
    const places = [voice.place()];
    for (const [time, levels] of data) {{
      ctx.currentTime = time; voice.turn(levels); places.push(voice.place());
    }}
    voice.stop();
    console.log(JSON.stringify([log, places]));"""
    turns: list[Any] = [[2, [0, 1, 0]], [2.25, [0, 0, 0.5]], [3, [1, 0, 0]]]
    log, places = run_node(script, turns)
    starts = [entry[2:] for entry in log if entry[1] == "start"]
    assert len(starts) == 3 and starts.count(starts[0]) == 3, "all begin at the same time and place"
    when, place = starts[0]
    assert when > 1 and when * 22050 == pytest.approx(round(when * 22050)) and place == pytest.approx(0.5)
    assert places == pytest.approx([0.5, 0.5 + 2 - when, 0.5 + 2.25 - when, 0.5 + 3 - when])
    # No source is stopped or started by a switch, and every one ends where it was told to.
    assert [entry[1] for entry in log].count("start") == 3 and [entry[1] for entry in log].count("stop") == 3
    settled = [[entry[2] for entry in log if entry[0] == i and entry[1] == "set"] for i in range(3)]
    assert settled == [[1, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0, 0, 0.5, 0, 0]]


def test_from_its_beginning_a_sound_is_not_faded() -> None:
    script = f"""{module("sounds.js", "run")}{FAKE}
    const gains = [], make = ctx.createGain;
    ctx.createGain = () => {{ const node = make(); gains.push(node.gain); return node; }};
    run(ctx, [{{}}, {{}}], 0, [1, 0]);
    console.log(JSON.stringify([log.map((entry) => entry[1]), gains.map((gain) => gain.value)]));"""
    assert run_node(script, None) == [["start", "start"], [1, 0]]
