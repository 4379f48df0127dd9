"""Putting a figure's script together: files found by their names, one scope, and no more text than it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.display import figures, live
from course_lib.display.figures import bundle as bundler
from course_lib.display.figures.minify import minified, minified_css
from tests.helpers.figures import run_node

MECHANISM = {"__init__", "bundle", "fields", "hear", "minify"}


def test_a_kind_is_two_files_of_one_name() -> None:
    scripts = {path.stem for path in figures.FOLDER.glob("*.js")}
    modules = {path.stem for path in figures.FOLDER.glob("*.py")} - MECHANISM
    assert scripts == modules == set(figures.kinds())


def test_one_figure_imports_no_system_and_no_other_figure() -> None:
    code = (
        "import sys; from course_lib.display.live import live_figure; live_figure('gain')._repr_html_();"
        "print(*(m for m in sys.modules if m.startswith('course_lib.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {f"course_lib.display.figures.{kind}" for kind in figures.kinds()} & loaded == {
        "course_lib.display.figures.gain"
    }
    assert not [name for name in loaded if name.startswith(("course_lib.midi_ddsp", "course_lib.tone_transfer"))]


def test_a_figure_carries_only_what_it_imports() -> None:
    questions, gain, player = (live.node_module(kind) for kind in ("questions", "gain", "player"))
    assert "getContext" not in questions and "AudioContext" not in questions and len(questions) < 8_000
    assert "function fft" in gain and "function hiss" not in gain
    assert "function hiss" in player and "function convolve" in player
    assert "function define" not in gain and "function define" in live.live_figure("gain")._repr_html_()


@pytest.fixture
def figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one figure, whose Python file is that of `gain`."""
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "tools.js").write_text("export const half = (x) => x / 2;\nconst own = 1;\n")
    monkeypatch.setattr(bundler, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('import { half } from "./kit/tools.js";\nconst own = half(2);\n', "both declare own"),
        ('import { RATE } from "./gain.py";\nconst RATE = 2;\n', "both declare RATE"),
        ('import { own } from "./kit/tools.js";\n', r"imports own, which tools\.js does not export"),
        ('import { double } from "./kit/tools.js";\n', r"imports double, which tools\.js does not export"),
        ('import { SPEED } from "./gain.py";\n', r"imports SPEED, which gain\.py does not hold"),
        ('import * as tools from "./kit/tools.js";\n', r"only import \{ … \}"),
        ("export default 3;\n", r"only import \{ … \}"),
        ("const a = 1;\nexport { a };\n", r"only import \{ … \}"),
    ],
)
def test_what_cannot_be_put_together_is_said(figure: Path, script: str, message: str) -> None:
    (figure / "gain.js").write_text(script)
    with pytest.raises(ValueError, match=message):
        bundler.bundle.__wrapped__("gain")


def test_values_come_from_the_python_file_and_once(figure: Path) -> None:
    (figure / "kit" / "more.js").write_text('import { RATE } from "../<kind>.py";\nexport const more = RATE;\n')
    (figure / "gain.js").write_text(
        'import { more } from "./kit/more.js";\nimport { FIELDS, RATE, TITLE } from "./gain.py";\n\n'
        "const all = [more, RATE, TITLE, FIELDS.gain];\n"
    )
    text = bundler.bundle.__wrapped__("gain")
    assert text.count("RATE=") == 1 and "import" not in text and "export" not in text
    assert run_node(f"{text}console.log(JSON.stringify(all));", None) == [
        16000, 16000, "Gain against loss", {"min": -2, "max": 2}
    ]  # fmt: skip


TRICKY = r"""
// a comment; "quoted", `ticked`
const a = [1 + +2, 3 - -4, 5 + 1, 6 / 2 / 3]; /* and another // one */
const b = "// no comment", c = '/* nor this */ "x"', d = "a \" b  c";
const e = `two  spaces // kept ${a.map((v) => `<${ v }>  ${"}`"}`).join("  ")}
and a  line`;
const f = "a/b c//d".replace(/\/+[/"']? ?/g, "|").split(/[ /]/);
let i = 3;
const g = i++ + ++i / 2 - i-- - --i;
const h = ((x) => { return /x  y/.test(x) ? typeof x in { string: 1 } : void 0; })("x  y");
class K {
  #hidden = 1;
  static #own = 2;
  get sum() {
    return this.#hidden + K.#own;
  }
}
const j = (x, y) => x < !y && x-- > 0;
const k = { of: [1], in: 2 };
for (const v of [7]) for (const w in k) if (v) k[w] = v; else k[w] = 0;
const l = a[0] / 2 / 1, m = 1 .toFixed(1), n = .5 + 1.5e-3, o = a?.[0] ?? (i ? .1 : .2);
const p = function () {
  return {
    a: 1,
  };
};
const q = [1, , 2, ], r = [, , ], s = ((x, y, ) => [x, y, ",", `,`, /,/.source, ])(1, 2, );
label: for (;;) { while (i < 10) i += 1; break label; }
"""


def test_a_minified_script_is_the_same_script() -> None:
    names = "a, b, c, d, e, f, g, h, new K().sum, j(1, 0), k, l, m, n, o, p(), q, r.length, s, i"
    show = f"console.log(JSON.stringify([{names}]));"
    text = minified(TRICKY + show)
    assert run_node(text, None) == run_node(TRICKY + show, None)
    assert "comment; " not in text and "another" not in text and len(text) < 0.85 * len(TRICKY + show)
    assert "<!--" not in minified("const x = a < !--b;") and "-->" not in minified("x = b-- > 0;")
    assert minified(text) == text


def test_a_minified_sheet_keeps_what_has_a_meaning() -> None:
    sheet = "/* why */\na :focus-visible,\n.b > .c:checked + span {\n  margin: 0 -1px;\n  color: var(--x);\n}\n"
    assert minified_css(sheet) == "a :focus-visible,.b>.c:checked + span{margin:0 -1px;color:var(--x)}"
