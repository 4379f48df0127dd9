"""The workflows: what runs when, on which Pythons, with which rights; and the tools that they call."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers import ROOT
from tools import in_colab_image, newest

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))


def read(name: str) -> dict[str, Any]:
    workflow = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return workflow | {"on": workflow[True]}  # YAML 1.1 takes the word on for the boolean


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_workflow_says_its_rights_and_its_limits(path: Path) -> None:
    workflow = read(path.name)
    assert set(workflow) <= {"name", "on", True, "permissions", "concurrency", "jobs"} and workflow["permissions"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120 and job["runs-on"]
    for step in steps(workflow):
        assert ("uses" in step) != ("run" in step), step
        assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]), step
        # What somebody else may write, such as a title, never gets into a script's text.
        assert "github.event.issue" not in str(step) and "${{" not in step.get("run", ""), step


def test_every_tool_that_a_workflow_names_is_there() -> None:
    for path in FILES:
        for name in re.findall(r"(?:tools/\w+\.\w+|course\.py)", path.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file(), f"{path.name} calls {name}"


def test_the_tests_run_on_every_supported_python_and_weekly() -> None:
    workflow = read("test.yml")
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert workflow["on"]["schedule"] and "pull_request" in workflow["on"]


@pytest.mark.parametrize("name", ["newest.yml", "colab.yml"])
def test_the_weekly_runs_open_an_issue_on_failure(name: str) -> None:
    workflow = read(name)
    (cron,) = workflow["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", cron["cron"])  # once a week
    assert workflow["permissions"] == {"contents": "read", "issues": "write"}
    last = steps(workflow)[-1]
    assert last["if"].startswith("failure()") and "tools/report_failure.sh" in last["run"]
    assert last["env"]["GH_TOKEN"] == "${{ github.token }}"


def test_the_newest_versions_replace_the_pins() -> None:
    assert read("newest.yml")["jobs"]["newest"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    lines = newest.requirements("9.9.9").splitlines()[1:]
    assert lines[0] == "torch==9.9.9" and [line for line in lines if "==" in line.split(";")[0]] == lines[:1]
    names = [re.split(r"[<>=\[]", line)[0].lower() for line in lines]
    assert len(names) == len(set(names))
    assert {"numpy", "numba", "librosa", "ipywidgets", "jupyter-book", "nbgrader", "pytest"} <= set(names)
    assert "ddsp-course" not in names
    assert "jupyter-book>=1.0.4,<2" in lines  # a bound that is known to be needed stays
    assert newest.requirements().splitlines()[1].startswith("torch==")


def test_colab_runs_only_where_its_image_is_named() -> None:
    job = read("colab.yml")["jobs"]["runtime"]
    assert job["if"] == "vars.COLAB_IMAGE != ''"
    assert [p.stem for p in in_colab_image.chapters()][:2] == ["intro", "what_is_ddsp"]


def test_a_notebook_is_run_alone(tmp_path: Path) -> None:
    import json

    def notebook(source: str) -> Path:
        cell = {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": source,
            "id": "a",
        }
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        path = tmp_path / f"n{len(list(tmp_path.iterdir()))}.ipynb"
        path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": [cell]}))
        return path

    good = notebook("import os\nassert len(os.listdir()) == 1 and os.environ['COURSE_SOURCE'].endswith('a.whl')")
    assert in_colab_image.run(good, tmp_path / "a.whl") == ""
    assert "ZeroDivisionError" in in_colab_image.run(notebook("1 / 0"), tmp_path / "a.whl")


@pytest.mark.skipif(os.name == "nt", reason="the script runs on Linux")
@pytest.mark.parametrize(("open_issues", "expected"), [("", "issue create --title"), ("17", "issue comment 17 --body")])
def test_a_failure_is_told_once(open_issues: str, expected: str, tmp_path: Path) -> None:
    """With a gh that only writes down what it is asked."""
    log = tmp_path / "log"
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\nif [ "$2" = list ]; then printf "%s" "{open_issues}"; else echo "$@" >> "{log}"; fi\n')
    gh.chmod(0o755)
    inside = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", str(ROOT / "tools" / "report_failure.sh"), "It fails", "see there"]
    subprocess.run(command, env=inside, check=True)
    assert expected in log.read_text() and "see there" in log.read_text()


def test_a_wrong_call_is_told() -> None:
    for tool in ("newest.py", "in_colab_image.py"):
        done = subprocess.run(
            [sys.executable, str(ROOT / "tools" / tool), "--nonsense"], capture_output=True, text=True
        )
        assert done.returncode == 2 and "python3 tools/" in done.stderr
