"""Chapters keep the shape the course promises: executed, described, short cells, exercises, live figures.

Each rule is a function from a notebook to a list of complaints; below, each rule is shown a notebook that breaks it.
"""

from __future__ import annotations

import copy
import json
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT

OUTPUT_BYTES = 1_200_000
CELL_LINES, MEDIAN_LINES = 25, 6
ALT_LENGTH = 20
LIVE_FIGURE = re.compile(r"<ddsp-(?!questions)[\w-]+ data-state=")
MOST_EXERCISES = 4
EXERCISE = re.compile(r"""exercise\(\s*["']([\w-]+)["']\s*\)""")
Notebook = dict[str, Any]


# --- Reading a notebook -------------------------------------------------------------------------------------------


def read(path: Path) -> Notebook:
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell: dict[str, Any]) -> str:
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def code_cells(notebook: Notebook) -> list[dict[str, Any]]:
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and source(c).strip()]


def prose(notebook: Notebook) -> str:
    return "\n\n".join(source(c) for c in notebook["cells"] if c["cell_type"] == "markdown")


def tags(cell: dict[str, Any]) -> list[str]:
    return cell["metadata"].get("tags", [])


def name(cell: dict[str, Any]) -> str:
    return f"cell {cell.get('id', '?')} ({source(cell).strip().splitlines()[0][:50]!r})"


def text_of(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def outputs_as(cell: dict[str, Any], mime: str) -> list[str]:
    """The cell's stored outputs whose MIME type starts so."""
    return [
        text_of(data)
        for output in cell.get("outputs", [])
        for kind, data in output.get("data", {}).items()
        if kind.startswith(mime) and not isinstance(data, dict)
    ]


# --- The rules ----------------------------------------------------------------------------------------------------


def executed_in_order(notebook: Notebook) -> list[str]:
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    if counts == list(range(1, len(counts) + 1)) and counts:
        return []
    return [f"execution counts are {counts}; run the chapter from the top with tools/execute.py"]


def no_errors(notebook: Notebook) -> list[str]:
    return [
        f"{name(cell)} stores {output.get('ename')}: {output.get('evalue')}"
        for cell in code_cells(notebook)
        for output in cell["outputs"]
        if output["output_type"] == "error"
    ]


def no_standard_error(notebook: Notebook) -> list[str]:
    return [
        f"{name(cell)} stores text on stderr: {text_of(output['text'])[:80]!r}"
        for cell in code_cells(notebook)
        for output in cell["outputs"]
        if output["output_type"] == "stream" and output["name"] == "stderr"
    ]


def no_widget_state(notebook: Notebook) -> list[str]:
    return ["metadata holds saved widget state"] if "widgets" in notebook["metadata"] else []


def one_kernel_name(notebook: Notebook) -> list[str]:
    kernel = notebook["metadata"].get("kernelspec", {})
    wanted = {"name": "python3", "display_name": "Python 3"}
    wrong = {key: kernel.get(key) for key, value in wanted.items() if kernel.get(key) != value}
    return [f"kernelspec {key} is {value!r}, not {wanted[key]!r}" for key, value in wrong.items()]


def finished(notebook: Notebook) -> list[str]:
    left = re.findall(r"@@\w*|\b(?:TODO|FIXME|XXX|TBD)\b", "\n".join(map(source, notebook["cells"])))
    return [f"there is still {mark!r} where words should be" for mark in left]


def alt_text(notebook: Notebook) -> list[str]:
    complaints, seen = [], {}
    for cell in code_cells(notebook):
        complaints += [
            f"{name(cell)} stores an <img> without alt text"
            for html in outputs_as(cell, "text/html")
            for tag in re.findall(r"<img\b[^>]*>", html)
            if not re.search(r"""\balt=["'][^"']{3,}""", tag)
        ]
        if not outputs_as(cell, "image/"):
            continue
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "").strip()
        if len(alt) < ALT_LENGTH:
            complaints.append(f"{name(cell)} stores a picture; its metadata mystnb.image.alt is {alt!r}")
        elif alt in seen:
            complaints.append(f"{name(cell)} has the alt text of {seen[alt]}: {alt!r}")
        seen.setdefault(alt, name(cell))
    images = re.findall(r"!\[([^\]]*)\]\(", prose(notebook))
    return complaints + [f"a picture in the text has the alt text {alt!r}" for alt in images if len(alt) < ALT_LENGTH]


def light_outputs(notebook: Notebook) -> list[str]:
    weights = {name(c): len(json.dumps(c["outputs"], ensure_ascii=False).encode()) for c in code_cells(notebook)}
    total = sum(weights.values())
    if total <= OUTPUT_BYTES:
        return []
    heaviest = max(weights, key=weights.__getitem__)
    return [f"outputs weigh {total} bytes, more than {OUTPUT_BYTES}; the heaviest is {heaviest}: {weights[heaviest]}"]


def short_cells(notebook: Notebook) -> list[str]:
    lines = {name(c): len(source(c).strip().splitlines()) for c in code_cells(notebook) if "setup" not in tags(c)}
    complaints = [f"{cell} has {n} lines, more than {CELL_LINES}" for cell, n in lines.items() if n > CELL_LINES]
    if lines and (median := statistics.median(lines.values())) > MEDIAN_LINES:
        complaints.append(f"the median code cell has {median:g} lines, more than {MEDIAN_LINES}")
    return complaints


def one_setup_cell(notebook: Notebook) -> list[str]:
    cells = code_cells(notebook)
    found = [i for i, cell in enumerate(cells) if "setup" in tags(cell)]
    return [] if found == [0] else [f"cells tagged `setup` are code cells {found}; exactly the first must be"]


def objectives(notebook: Notebook) -> list[str]:
    """A box near the top: what for, and how long it takes to read and to run."""
    top = "\n".join(source(c) for c in notebook["cells"][:4] if c["cell_type"] == "markdown")
    minutes = r"\b[\d–-]+\s*(?:s|seconds?|min|minutes?)\b"
    wanted = {
        "objectives": r"\bobjectives\b|\byou (?:will|can|know|learn)\b",
        "reading time": rf"\bread(?:ing)?\b[^\n]{{0,40}}?{minutes}|{minutes}[^\n]{{0,20}}\b(?:to )?read",
        "running time": rf"\brun(?:s|ning)?\b[^\n]{{0,40}}?{minutes}|{minutes}[^\n]{{0,20}}\b(?:to )?run",
    }
    missing = [what for what, pattern in wanted.items() if not re.search(pattern, top, re.IGNORECASE)]
    return [f"the first cells do not say the {what}" for what in missing]


def exercises(notebook: Notebook) -> list[str]:
    checked = {
        match for cell in code_cells(notebook) for match in EXERCISE.findall(source(cell)) if ".check(" in source(cell)
    }
    if 2 <= len(checked) <= MOST_EXERCISES:
        return []
    return [f"checks the exercises {sorted(checked)}; two to {MOST_EXERCISES} must be"]


def ends(notebook: Notebook) -> list[str]:
    """The chapter's questions before its first exercise, and the progress as its last code cell."""
    cells = code_cells(notebook)
    first = next((i for i, cell in enumerate(cells) if ".check(" in source(cell)), len(cells))
    stem = EXERCISE.findall(source(cells[first]))[0].rpartition("-")[0] if first < len(cells) else "?"
    complaints = []
    asked = source(cells[first - 1]) if first else ""
    if not asked.rstrip().endswith(f'live_figure("questions", chapter="{stem}")'):
        complaints.append(f"the code cell before the first exercise must show the questions of {stem}")
    elif not any("<ddsp-questions" in html for html in outputs_as(cells[first - 1], "text/html")):
        complaints.append("the questions are not among its stored outputs")
    if not source(cells[-1]).rstrip().endswith(f'progress("{stem}")'):
        complaints.append(f'the last code cell must be progress("{stem}")')
    return [f"{complaint}; python3 tools/chapter_ends.py puts both in" for complaint in complaints]


def live_figures(notebook: Notebook) -> list[str]:
    found = sum(len(LIVE_FIGURE.findall(html)) for c in code_cells(notebook) for html in outputs_as(c, "text/html"))
    return [] if found else ["has no live figure among its stored outputs"]


def references(notebook: Notebook) -> list[str]:
    return [] if re.search(r"\{cite(?::\w+)?\}`", prose(notebook)) else ["cites nothing from references.bib"]


def ignored_outputs(notebook: Notebook) -> list[str]:
    """What nbval is told to ignore is a widget or an animation, and something beside it asserts."""
    cells, complaints = code_cells(notebook), []
    for i, cell in enumerate(cells):
        if "nbval-skip" in tags(cell) or "nbval-raises-exception" in tags(cell):
            complaints.append(f"{name(cell)} is tagged so that nbval does not check it")
        if "nbval-ignore-output" not in tags(cell):
            continue
        if not re.search(r"interact|animate|upload_panel", source(cell)):
            complaints.append(f"{name(cell)} is neither an interact widget nor an animation, but its output is ignored")
        if not any("assert" in source(near) for near in cells[max(0, i - 1) : i + 2]):
            complaints.append(f"{name(cell)} has an ignored output and no assert in it or in a cell beside it")
    return complaints


Rule = Callable[[Notebook], list[str]]
EVERYWHERE: tuple[Rule, ...] = (
    executed_in_order, no_errors, no_standard_error, no_widget_state, one_kernel_name, finished, alt_text,
    light_outputs, short_cells, one_setup_cell, objectives, ignored_outputs,
)  # fmt: skip
IN_TEACHING: tuple[Rule, ...] = (exercises, ends, live_figures, references)


# --- Chapters keep the rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", EVERYWHERE, ids=lambda rule: rule.__name__)
def test_chapter(chapter: Any, rule: Rule) -> None:
    assert rule(read(chapter.source)) == []


@pytest.mark.parametrize("rule", IN_TEACHING, ids=lambda rule: rule.__name__)
def test_teaching_chapter(teaching_chapter: Any, rule: Rule) -> None:
    assert rule(read(teaching_chapter.source)) == []


def test_every_notebook_is_in_the_table_of_contents(toc: list[Any]) -> None:
    notebooks = {
        path.relative_to(ROOT).with_suffix("").as_posix()
        for path in (ROOT / "book").rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    }
    assert notebooks - {page.name for page in toc} == set()


def test_every_data_file_says_where_it_is_from_and_under_which_licence() -> None:
    listed = json.loads((ROOT / "data" / "clips.json").read_text(encoding="utf-8"))
    by_file = {clip["file"]: clip for clip in listed.values()}
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "data").iterdir():
        if path.suffix not in {".json", ".md"} and not path.name.startswith("."):
            assert path.name in readme, f"data/README.md does not say what {path.name} is"
        if path.suffix in {".wav", ".flac", ".mp3"}:
            for fact in ("origin", "licence", "command"):
                assert by_file[path.name][fact], f"clips.json: {path.name} has no {fact}"
    assert sum(path.stat().st_size for path in (ROOT / "data").rglob("*") if path.is_file()) < 6_000_000


def test_the_setup_cell_is_the_same_everywhere(toc: list[Any]) -> None:
    setups: dict[str, list[str]] = {}
    for page in toc:
        if page.source.suffix == ".ipynb":
            cells = [source(c) for c in code_cells(read(page.source)) if "setup" in tags(c)]
            setups.setdefault("\n".join(cells), []).append(page.name)
    assert len(setups) == 1, f"set-up cells differ between {list(setups.values())}"


def test_no_exercise_is_asked_twice(toc: list[Any]) -> None:
    asked: dict[str, set[str]] = {}
    for page in toc:
        if page.source.suffix == ".ipynb":
            for cell in code_cells(read(page.source)):
                for found in EXERCISE.findall(source(cell)):
                    asked.setdefault(found, set()).add(page.name)
    # The welcome page may show how one works.
    assert {e: pages for e, pages in asked.items() if len(pages - {toc[0].name}) > 1} == {}


# --- The rules can fail -------------------------------------------------------------------------------------------


def code(text: str, count: int, outputs: list[Any] | None = None, **metadata: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "id": f"c{count}", "metadata": metadata, "source": text}
    return {**cell, "execution_count": count, "outputs": outputs or []}


def shown(mime: str, data: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {mime: data}, "metadata": {}}


def good_notebook() -> Notebook:
    box = "# Title\n\n:::{note} Objectives\nYou can build one. Reading 10 min, running 5 s.\n:::"
    alt = {"image": {"alt": "A sine of 440 Hz over ten milliseconds"}}
    return {
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "cells": [
            {"cell_type": "markdown", "id": "m1", "metadata": {}, "source": box},
            code("import course_lib", 1, tags=["setup"]),
            code("plot_waveform(x, 16000)", 2, [shown("image/png", "AAAA")], mystnb=alt),
            code("live_figure('gain')", 3, [shown("text/html", "<ddsp-gain-1 data-state='{}'></ddsp-gain-1>")]),
            code("interact(figure)", 4, tags=["nbval-ignore-output"]),
            code("assert figure(1)", 5),
            code(
                'live_figure("questions", chapter="gain")',
                6,
                [shown("text/html", "<ddsp-questions-1 data-state='{}'>")],
            ),
            code('exercise("gain-1").check(...)', 7),
            code('exercise("gain-2").check(...)', 8),
            code('progress("gain")', 9),
            {"cell_type": "markdown", "id": "m2", "metadata": {}, "source": "As {cite:t}`engel2020ddsp` say."},
        ],
    }


def edited(edit: Callable[[Notebook], Any]) -> Notebook:
    notebook = copy.deepcopy(good_notebook())
    edit(notebook)
    return notebook


PICTURE = [shown("image/png", "AAAA")]
ERROR = {"output_type": "error", "ename": "NameError", "evalue": "x", "traceback": []}
BREAKS: list[tuple[Rule, Callable[[Notebook], Any]]] = [
    (executed_in_order, lambda n: n["cells"][2].update(execution_count=None)),
    (executed_in_order, lambda n: n["cells"][2].update(execution_count=9)),
    (no_errors, lambda n: n["cells"][2]["outputs"].append(ERROR)),
    (
        no_standard_error,
        lambda n: n["cells"][2]["outputs"].append({"output_type": "stream", "name": "stderr", "text": "warned"}),
    ),
    (no_widget_state, lambda n: n["metadata"].update(widgets={})),
    (one_kernel_name, lambda n: n["metadata"]["kernelspec"].update(display_name="venv")),
    (finished, lambda n: n["cells"][0].update(source="# Title\n\n@@TEXT@@")),
    (finished, lambda n: n["cells"][5].update(source="print(1)  # TODO")),
    (alt_text, lambda n: n["cells"][2]["metadata"].pop("mystnb")),
    (alt_text, lambda n: n["cells"][3].update(outputs=PICTURE, metadata=n["cells"][2]["metadata"])),
    (alt_text, lambda n: n["cells"][3].update(outputs=[shown("text/html", "<img src='a.png'>")])),
    (alt_text, lambda n: n["cells"][0].update(source="![](a.png)")),
    (light_outputs, lambda n: n["cells"][2].update(outputs=[shown("image/png", "A" * OUTPUT_BYTES)])),
    (short_cells, lambda n: n["cells"][2].update(source="x = 1\n" * 26)),
    (short_cells, lambda n: [c.update(source="x = 1\n" * 7) for c in n["cells"][2:8]]),
    (one_setup_cell, lambda n: n["cells"][1].update(metadata={})),
    (one_setup_cell, lambda n: n["cells"][2].update(metadata={"tags": ["setup"]})),
    (objectives, lambda n: n["cells"][0].update(source="# Title\n\nYou will build one. Reading 10 min.")),
    (exercises, lambda n: n["cells"][8].update(source='exercise("gain-1").check(...)')),
    (exercises, lambda n: n["cells"][8].update(source='exercise("gain-2").hint()')),
    (exercises, lambda n: n["cells"][2].update(source="".join(f'exercise("x-{i}").check(...)\n' for i in range(3)))),
    (ends, lambda n: n["cells"].pop(6)),
    (ends, lambda n: n["cells"][6].update(outputs=[])),
    (ends, lambda n: n["cells"][6].update(source='live_figure("questions", chapter="harmonic")')),
    (ends, lambda n: n["cells"].pop(9)),
    (ends, lambda n: n["cells"].append(code("print(1)", 10))),
    (ends, lambda n: [c.update(source="print(1)") for c in n["cells"][7:9]]),
    (live_figures, lambda n: n["cells"][3].update(outputs=[])),
    (references, lambda n: n["cells"].pop()),
    (ignored_outputs, lambda n: n["cells"][5].update(source="print(1)")),
    (ignored_outputs, lambda n: n["cells"][8].update(metadata={"tags": ["nbval-ignore-output"]})),
    (ignored_outputs, lambda n: n["cells"][8].update(metadata={"tags": ["nbval-skip"]})),
]


@pytest.mark.parametrize("rule", [*EVERYWHERE, *IN_TEACHING], ids=lambda rule: rule.__name__)
def test_a_good_notebook_passes(rule: Rule) -> None:
    assert rule(good_notebook()) == []


@pytest.mark.parametrize(("rule", "edit"), BREAKS, ids=[f"{r.__name__}-{i}" for i, (r, _) in enumerate(BREAKS)])
def test_a_bad_notebook_does_not(rule: Rule, edit: Callable[[Notebook], Any]) -> None:
    assert rule(edited(edit)) != []


def test_every_rule_has_a_notebook_that_breaks_it() -> None:
    assert {rule for rule, _ in BREAKS} == {*EVERYWHERE, *IN_TEACHING}
