"""Five jobs in other libraries: what is stored, the table of environments, and the jobs of what is installed here."""

from __future__ import annotations

import importlib.util
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course_lib.benchmark import libraries
from course_lib.benchmark.libraries import jobs
from tests.helpers import ROOT

IMPORTS = {"dasp": "dasp_pytorch"}


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    return libraries.load_libraries()["libraries"]


def extras() -> dict[str, list[str]]:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return {name: lines for name, lines in known.items() if name.startswith("peers")}


def test_every_library_has_its_jobs_its_environment_and_its_results(stored: dict[str, Any]) -> None:
    assert set(stored) == set(libraries.ENVIRONMENTS) == set(jobs.LIBRARIES)
    assert set(libraries.ENVIRONMENTS.values()) - {""} == set(extras())


def test_the_results_come_from_the_versions_that_are_written_down(stored: dict[str, Any]) -> None:
    pinned = {line.split("==")[0]: line.split("==")[1] for lines in extras().values() for line in lines if "==" in line}
    for library, found in stored.items():
        for package in set(found["versions"]) & set(pinned):
            assert found["versions"][package] == pinned[package], library
        if library not in ("course_lib", "synthax"):
            package = jobs.PACKAGES.get(library, library)
            assert package in found["versions"] and package in pinned
            assert f"torch=={found['versions']['torch']}" in (ROOT / "requirements.txt").read_text(encoding="utf-8")


def test_the_stored_results_are_as_the_chapter_says(stored: dict[str, Any]) -> None:
    gains = [found["jobs"]["filter"] for found in stored.values() if "filter" in found["jobs"]]
    assert len(gains) == 6 and all(abs(job["found"] - job["asked"]) < 0.1 for job in gains)
    effects = {k: v["jobs"]["dynamics"] for k, v in stored.items() if "dynamics" in v["jobs"]}
    assert all(job["gradient"] == "finite" for job in effects.values())
    dasp = effects["dasp"]
    assert dasp["release_changes"] == 0 and dasp["knee_0"] == "NaN" and dasp["knee_6"] == "finite"
    assert dasp["eq_down"] == {"band3_cutoff_freq": [12000, 7000]} and dasp["distortion"] == "AttributeError"
    assert effects["diffsptk"]["release_changes"] > 0.01
    assert stored["torchsynth"]["jobs"]["voice"]["refused"] == "ValueError"
    assert stored["course_lib"]["jobs"]["adsr"]["found"] == 20 > stored["torchsynth"]["jobs"]["adsr"]["found"]
    assert stored["synthax"]["jobs"]["voice"]["ParametricSynth"]["nan"] > 0
    voices = {k: v["jobs"]["voice"]["seconds"] for k, v in stored.items() if "voice" in v["jobs"]}
    assert min(voices, key=voices.__getitem__) == "course_lib" and max(voices, key=voices.__getitem__) == "torchsynth"
    seconds = {k: v["jobs"]["filter"]["seconds"] for k, v in stored.items() if "filter" in v["jobs"]}
    assert min(seconds, key=seconds.__getitem__) == "torchlpc" and max(seconds, key=seconds.__getitem__) == "diffsptk"


@pytest.mark.parametrize("library", list(jobs.LIBRARIES))
def test_what_is_installed_does_its_jobs(library: str, stored: dict[str, Any]) -> None:
    module = IMPORTS.get(library, library)
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: python3 tools/peers.py FOLDER makes an environment that has it")
    found = libraries.run_jobs(Path(sys.executable), library)
    assert found["jobs"].keys() == stored[library]["jobs"].keys()
    for job, result in found["jobs"].items():
        assert result.keys() == stored[library]["jobs"][job].keys()


def test_aliases_are_measured_away_from_the_harmonics() -> None:
    t = np.arange(jobs.RATE) / jobs.RATE
    tone = np.sin(2 * np.pi * jobs.F0_HZ * t) + 0.5 * np.sin(2 * np.pi * 3 * jobs.F0_HZ * t)
    assert jobs.alias_db(tone) < -100
    assert jobs.alias_db(tone + 0.01 * np.sin(2 * np.pi * 1000 * t)) == pytest.approx(-41, abs=0.5)


def test_a_library_without_an_environment_keeps_what_is_stored(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "libraries.json"
    out.write_text(json.dumps({"libraries": {"dasp": {"jobs": {}}}}), encoding="utf-8")
    libraries.run(out, tmp_path, "dasp")
    assert "dasp: no environment" in capsys.readouterr().out
    assert json.loads(out.read_text(encoding="utf-8"))["libraries"] == {"dasp": {"jobs": {}}}
