"""Progress keeps itself: over a restart of the kernel, between notebooks, and wherever it cannot be written."""

import json
import os
import subprocess
import sys
import types

import pytest

from course_lib import load_progress, progress, save_progress
from course_lib.exercises import exercise, record, store
from tests.helpers import ROOT


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of its own, as a kernel that has just started finds it."""
    before = dict(record.entries)
    for name in ("COURSE_PROGRESS", "COURSE_PROGRESS_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    restart()
    yield tmp_path
    restart()
    record.entries.update(before)


def restart():
    record.entries.clear()
    store._Session.known = store._Session.unusable = None
    store._Session.told = False


def right(name="gain-1"):
    exercise(name).check(exercise(name).reference)


def kept(path):
    return {row["exercise"]: (row["status"], row["tries"]) for row in json.loads(path.read_text())["exercises"]}


def test_a_restarted_kernel_goes_on_where_the_last_one_stopped(home, capsys):
    exercise("gain-2").check(...)
    assert not (home / ".ddsp-course").exists()  # an untouched stub leaves nothing behind
    right()
    exercise("gain-2").check(lambda *args: 0.0)
    path = home / ".ddsp-course" / "progress.json"
    assert kept(path) == {"gain-1": ("right", 1), "gain-2": ("wrong", 1)}
    assert sorted(p.name for p in path.parent.iterdir()) == [".progress.json.lock", "progress.json"]
    restart()
    capsys.readouterr()
    progress("gain")
    assert capsys.readouterr().out.splitlines() == [
        "gain: 1 of 2 right",
        "  gain-1  ✓ right          1 try",
        "  gain-2  ✗ wrong          1 try",
        f"(kept in {path})",
    ]
    restart()
    exercise("gain-1").check(lambda *args: 0.0)
    exercise("gain-2").check(...)
    assert kept(path) == {"gain-1": ("right", 2), "gain-2": ("wrong", 1)}


def test_it_can_be_moved_and_switched_off(home, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROGRESS_FILE", "~/drive/mine.json")
    right()
    assert kept(home / "drive" / "mine.json") == {"gain-1": ("right", 1)}
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    right("gain-2")
    progress("gain")
    assert "gain-2" not in kept(home / "drive" / "mine.json") and not (home / ".ddsp-course").exists()
    assert "kept in" not in capsys.readouterr().out


def test_what_is_loaded_is_kept_as_well_and_what_is_kept_is_saved(home):
    right()
    save_progress(home / "copy.json")
    (home / ".ddsp-course" / "progress.json").unlink()
    restart()
    load_progress(home / "copy.json")
    assert kept(home / ".ddsp-course" / "progress.json") == {"gain-1": ("right", 1)}
    restart()
    save_progress(home / "again.json")
    assert kept(home / "again.json") == {"gain-1": ("right", 1)}


def test_a_broken_file_is_set_aside_and_said_once(home, capsys):
    folder = home / ".ddsp-course"
    folder.mkdir()
    (folder / "progress.json").write_text('{"format": "course-pro')
    right()
    right()
    out = capsys.readouterr().out
    assert out.count("Progress starts anew") == 1 and out.count("✓ Right") == 2
    assert kept(folder / "progress.json") == {"gain-1": ("right", 2)}
    (aside,) = folder.glob("progress-unreadable-*.json")
    assert aside.read_text() == '{"format": "course-pro' and aside.name in out


@pytest.mark.parametrize(
    ("text", "said"),
    [('{"format": "course-progress", "version": 2}', "its version is 2"), ('{"cells": []}', "is no progress file")],
)
def test_a_file_of_somebody_elses_is_left_as_it_is(text, said, home, monkeypatch, capsys):
    path = home / "thesis.json"
    path.write_text(text)
    monkeypatch.setenv("COURSE_PROGRESS_FILE", str(path))
    right()
    right()
    out = capsys.readouterr().out
    assert out.count("Progress is not kept in a file") == 1 and said in out and "until the kernel restarts" in out
    assert path.read_text() == text and record.entries["gain-1"].tries == 2


def test_a_newer_version_in_the_courses_own_folder_stays_too(home, capsys):
    (home / ".ddsp-course").mkdir()
    path = home / ".ddsp-course" / "progress.json"
    path.write_text('{"format": "course-progress", "version": 2}')
    right()
    assert "its version is 2" in capsys.readouterr().out and "2}" in path.read_text()


def test_where_nothing_can_be_written_it_lives_in_memory_and_says_so_once(home, monkeypatch, capsys):
    (home / ".ddsp-course").write_text("a file where the folder should be")
    right()
    right("gain-2")
    out = capsys.readouterr().out
    assert out.count("Progress is not kept in a file") == 1 and "cannot use" in out and "Traceback" not in out
    progress("gain")
    assert capsys.readouterr().out.splitlines()[0] == "gain: 2 of 2 right"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may write anywhere")
def test_a_folder_without_permission(home, capsys):  # as above, by the system itself
    right()
    folder = home / ".ddsp-course"
    folder.chmod(0o500)
    try:
        restart()
        right("gain-2")
        assert "Permission denied" in capsys.readouterr().out
        assert record.entries["gain-1"].status == "right"
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")])
def test_a_write_that_fails_leaves_the_old_file(error, home, monkeypatch, capsys):
    right()
    path = home / ".ddsp-course" / "progress.json"
    before = path.read_text()

    def refuse(*args):
        raise error

    monkeypatch.setattr(store.os, "replace", refuse)
    right("gain-2")
    assert error.strerror in capsys.readouterr().out and path.read_text() == before
    assert not list(path.parent.glob(".progress.json.[0-9]*"))
    progress("gain")
    assert "gain: 2 of 2 right" in capsys.readouterr().out


def test_without_a_home_there_is_no_file(home, monkeypatch, capsys):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(store.Path, "home", homeless)
    right()
    assert capsys.readouterr().out.startswith("✓ Right") and record.entries["gain-1"].tries == 1


def test_colab_is_told_once_that_its_files_go_with_the_machine(home, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    right()
    right()
    out = capsys.readouterr().out
    assert out.count("not this Colab machine") == 1
    assert kept(home / ".ddsp-course" / "progress.json") == {"gain-1": ("right", 2)}


def test_a_lock_that_nobody_returns_does_not_hold_up_a_check(home, monkeypatch):
    monkeypatch.setattr(store, "PATIENCE_S", 0.1)
    right()
    path = home / ".ddsp-course" / "progress.json"
    with store._turn(path):
        exercise("gain-1").check(lambda *args: 0.0)
    assert kept(path) == {"gain-1": ("right", 2)}


WRITER = """
import sys
from course_lib.exercises import store
print("ready", flush=True)
sys.stdin.readline()
for i in range(40):
    store.keep(f"gain-{sys.argv[1]}", "right")
    store.keep("additive-1", "wrong")
"""


def test_notebooks_at_once_lose_nothing_of_each_other(home):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home), "USERPROFILE": str(home)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(i)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for i in (1, 2, 3)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    found = kept(home / ".ddsp-course" / "progress.json")
    assert found == {"additive-1": ("wrong", 120), **{f"gain-{i}": ("right", 40) for i in (1, 2, 3)}}


def test_a_real_kernel_is_restarted(home):
    from jupyter_client.manager import start_new_kernel

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home), "USERPROFILE": str(home)}
    manager, client = start_new_kernel(kernel_name="python3", env=environment)

    def run(cell):
        seen = []
        reply = client.execute_interactive(
            cell, timeout=60, output_hook=lambda message: seen.append(message["content"].get("text", ""))
        )
        assert reply["content"]["status"] == "ok", reply
        return "".join(seen)

    try:
        check = "from course_lib import exercise, progress\nexercise('gain-1').check(exercise('gain-1').reference)"
        assert "✓ Right" in run(check)
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=60)
        assert "gain-1  ✓ right          1 try" in run("from course_lib import progress\nprogress('gain')")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
