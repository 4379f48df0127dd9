"""Live figures and players in a live JupyterLab: run the cells, then use them by keyboard and by mouse."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import ROOT

CHAPTER = ROOT / "book" / "first_steps" / "gain.ipynb"


def cells_with_a_figure() -> dict[str, Any]:
    """The chapter cut down to its set-up and its first live figure, not yet run."""
    notebook = json.loads(CHAPTER.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    setup = next(cell for cell in code if "setup" in cell["metadata"].get("tags", []))
    figure = next(cell for cell in code if "".join(cell["source"]).startswith("live_figure("))
    imported = {**figure, "id": "import", "source": "from course_lib import live_figure", "metadata": {}}
    cells = [{**cell, "outputs": [], "execution_count": None} for cell in (setup, imported, figure)]
    two_way = {**cells[1], "id": "widget", "source": 'two_way = live_figure("gain").widget()\ntwo_way'}
    sounds = "import torch\nfrom course_lib import listen, sinusoid\n"
    sounds += "a, b = (sinusoid(f, 0.5, n_samples=48000, sample_rate=16000) for f in (220.0, 440.0))\n"
    groups = [
        {**cells[1], "id": f"group{n}", "source": f"{sounds}listen({{'low': a, 'high': b}}, 16000)"} for n in (1, 2)
    ]
    return {**notebook, "cells": [*cells, two_way, *groups]}


@pytest.fixture(scope="module")
def lab_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab with settings and folders of its own, so that it neither reads nor changes the user's."""
    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    work.mkdir()
    (work / "figure.ipynb").write_text(json.dumps(cells_with_a_figure()), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    settings = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={work}"]
    settings += ["--allow-root", "--IdentityProvider.token=", "--ServerApp.password=", "--expose-app-in-browser"]
    settings += ["--ServerApp.disable_check_xsrf=True", "--ServerApp.port_retries=0"]
    # No question about news over the figure, and no look for updates.
    quiet = home / "JUPYTER_CONFIG_DIR" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    answer = {"fetchNews": "false", "checkForUpdates": False}
    (quiet / "notification.jupyterlab-settings").write_text(json.dumps(answer), encoding="utf-8")
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *settings],
            cwd=work,
            env={**os.environ, **folders, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/api", timeout=1)
                break
            except (urllib.error.URLError, OSError):
                if server.poll() is not None:
                    break
                time.sleep(0.2)
        else:
            server.kill()
        if server.poll() is not None:
            pytest.fail(f"JupyterLab did not start:\n{(home / 'lab.log').read_text()[-3000:]}")
        yield url
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def notebook(new_page: Any, lab_url: str) -> Any:
    """The notebook open in JupyterLab with all its cells run."""
    page, _ = new_page(width=1200)
    page.goto(f"{lab_url}/lab/tree/figure.ipynb?reset", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
    page.wait_for_function("document.querySelector('#jp-main-statusbar').innerText.includes('| Idle')", timeout=60_000)
    # Not awaited, as it may never end; and again where the notebook was not ready to be run.
    run_all = """() => {
      const ran = [...document.querySelectorAll('.jp-InputPrompt')].some(p => /\\[[*\\d]+\\]/.test(p.textContent));
      if (!ran) void window.jupyterapp.commands.execute('notebook:run-all-cells');
    }"""
    for _ in range(30):
        page.evaluate(run_all)
        page.wait_for_timeout(1000)
        shown = "['.ddsp-live', '.ddsp-listen'].map(c => document.querySelectorAll('.jp-OutputArea ' + c).length)"
        if page.evaluate(shown) == [2, 2]:
            break
    else:
        pytest.fail(f"the cells did not run: {page.inner_text('.jp-Notebook')[-1000:]}")
    return page


def read(figure: Any) -> list[str]:
    return figure.evaluate("f => [f.querySelector('.ddsp-readout').textContent, f.querySelector('canvas').toDataURL()]")


def waits_for_change(page: Any, figure: Any, before: list[str], what: str) -> None:
    for _ in range(60):
        after = read(figure)
        if after[0] != before[0] and after[1] != before[1]:
            return
        page.wait_for_timeout(50)
    pytest.fail(f"{what} changed nothing: {before[0]!r}")


@pytest.mark.parametrize("number", [0, 1], ids=["html", "anywidget"])
def test_figure_answers_in_jupyterlab(notebook: Any, number: int) -> None:
    figure = notebook.query_selector_all(".jp-OutputArea .ddsp-live")[number]
    figure.scroll_into_view_if_needed()
    slider = figure.query_selector("input[type=range]")
    box = slider.bounding_box()
    before = read(figure)
    notebook.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + box["height"] / 2)
    waits_for_change(notebook, figure, before, "a click on the slider")
    before, place = read(figure), float(slider.input_value())
    for key in ("ArrowRight", "ArrowUp"):  # the click has set the focus; JupyterLab would go to another cell
        notebook.keyboard.press(key)
    waits_for_change(notebook, figure, before, "ArrowRight")
    step = float(slider.get_attribute("step"))
    assert float(slider.input_value()) == pytest.approx(place + 2 * step, abs=step / 10)
    assert slider.evaluate("e => e === document.activeElement"), "JupyterLab took the focus away"


def test_play_sounds_in_jupyterlab(notebook: Any) -> None:
    figure = notebook.query_selector(".jp-OutputArea .ddsp-live")
    button = figure.query_selector("button.ddsp-play")
    button.click()
    notebook.wait_for_function("window.courseAudioPeak() > 0.001", timeout=5000)
    button.click()
    notebook.wait_for_function("window.courseAudioPeak() < 0.0001", timeout=5000)


def test_groups_of_sounds_in_jupyterlab(notebook: Any) -> None:
    """Both groups are players; arrows and digits switch and keep the place; one stops the other, and the figure."""
    first, second = notebook.query_selector_all(".jp-OutputArea .ddsp-listen")
    place = "g => +g.querySelector('[type=range]').value"
    chosen = "g => [...g.querySelectorAll('.ddsp-tabs input')].findIndex(e => e.checked)"

    def waits(group: Any, start: float) -> float:
        for _ in range(100):
            if (now := float(group.evaluate(place))) > start:
                return now
            notebook.wait_for_timeout(20)
        pytest.fail("it does not play")

    assert notebook.locator(".jp-OutputArea audio:visible").count() == 0
    figure = notebook.query_selector(".jp-OutputArea .ddsp-live button.ddsp-play")
    figure.scroll_into_view_if_needed()
    figure.click()
    assert "Stop" in figure.inner_text()
    first.query_selector(".ddsp-go").click()
    waits(first, 0.05)
    assert "Stop" not in figure.inner_text()
    first.query_selector(".ddsp-tabs input").focus()
    for key, tab in (("ArrowRight", 1), ("1", 0), ("2", 1)):
        before = float(first.evaluate(place))
        notebook.keyboard.press(key)
        assert first.evaluate(chosen) == tab
        assert before < waits(first, before) < before + 1
    second.query_selector(".ddsp-go").click()
    waits(second, 0.05)
    assert "Play" in first.query_selector(".ddsp-go").inner_text()
    notebook.keyboard.press("2")
    notebook.keyboard.press("Space")
    assert second.evaluate(chosen) == 1 and "Play" in second.query_selector(".ddsp-go").inner_text()
    notebook.wait_for_function("window.courseAudioPeak() < 0.0001", timeout=5000)
