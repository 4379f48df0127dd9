"""Running a chapter stores what a second run repeats byte for byte, and nothing that differs between machines."""

from __future__ import annotations

import base64
import functools
import io
import json
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from PIL import Image

from tools import execute

CELLS = (
    "print('one')\nprint('two')",
    "import ipywidgets\nipywidgets.interact(lambda x: print(x), x=(1, 3));",
    "import uuid\nfrom IPython.display import HTML\nHTML(f'<p id={uuid.uuid4().hex}>')",
    "import os\n[os.environ['COURSE_PROGRESS'], os.environ['OMP_NUM_THREADS']]",
)


def chapter(path: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_two_runs_store_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COURSE_PROGRESS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "9")
    # Now and then nbclient misses the end of the cell with widgets; two minutes would then be waited for it.
    monkeypatch.setattr(execute, "execute", functools.partial(execute.execute, timeout=15))
    path = chapter(tmp_path / "a.ipynb", *CELLS)
    assert execute.main([str(path)]) == 0
    first = path.read_bytes()
    assert execute.main([str(path)]) == 0
    assert path.read_bytes() == first

    notebook = json.loads(first)
    assert [cell["execution_count"] for cell in notebook["cells"]] == [1, 2, 3, 4]
    assert notebook["metadata"] == {"kernelspec": execute.KERNEL, "language_info": execute.LANGUAGE}
    printed, widget, html, environment = (cell["outputs"] for cell in notebook["cells"])
    assert ["".join(output["text"]) for output in printed] == ["one\ntwo\n"]
    assert not [output for output in widget if execute.WIDGET in output.get("data", {})]
    assert html[0]["data"]["text/html"] == [f"<p id={'0' * 32}>"]
    assert environment[0]["data"]["text/plain"] == ["['0', '1']"]


def test_a_picture_keeps_its_looks_and_loses_most_of_its_weight() -> None:
    figure, (left, right) = plt.subplots(1, 2)
    left.plot(np.sin(np.linspace(0, 30, 500)))
    right.imshow(np.random.default_rng(0).random((60, 60)).cumsum(0), aspect="auto")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    before = base64.encodebytes(buffer.getvalue()).decode()
    after = execute.in_palette(before)
    assert len(after) < 0.6 * len(before) and execute.in_palette(after) == after
    pixels = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(x))).convert("RGB"), dtype=float) for x in (before, after)
    ]
    assert np.abs(pixels[0] - pixels[1]).mean() < 1.5


def test_a_chapter_that_fails_is_left_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = chapter(tmp_path / "a.ipynb", "1 + 1", "1 / 0")
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_cell_that_hangs_once_is_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marker = tmp_path / "ran"
    wait = "if not m.exists():\n    m.touch()\n    time.sleep(60)"
    hangs_once = f"import pathlib, time\nm = pathlib.Path({str(marker)!r})\n{wait}"
    path = chapter(tmp_path / "a.ipynb", hangs_once, "print('done')")
    execute.execute(path, timeout=4)
    assert "once more" in capsys.readouterr().out
    assert "done" in path.read_text(encoding="utf-8")
    with pytest.raises(execute.CellTimeoutError):
        execute.execute(chapter(tmp_path / "b.ipynb", "import time\ntime.sleep(60)"), timeout=2, tries=1)


def test_what_is_no_notebook_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute.main([str(tmp_path / "missing.ipynb")]) == 2
    assert "Not a notebook" in capsys.readouterr().err


def test_all_chapters_are_those_of_the_table_of_contents() -> None:
    paths = execute.chapters()
    assert paths[0].name == "intro.ipynb" and len(set(paths)) == len(paths)
