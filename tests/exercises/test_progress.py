"""A check never stops or holds up the notebook, and what was checked is kept, saved and read again."""

import json
import sys
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_lib import load_progress, progress, save_progress
from course_lib.exercises import exercise, record
from course_lib.exercises import guard as guards
from course_lib.exercises.base import Exercise, Wrong, call
from course_lib.exercises.guard import guarded


@pytest.fixture(autouse=True)
def nothing_checked():
    before = dict(record.entries)
    record.entries.clear()
    yield
    record.entries.clear()
    record.entries.update(before)


def judged(answer, limit_s=0.3):
    """The verdict on a function of one tensor, which should be twice the tensor."""

    def judge(function):
        x = torch.arange(3.0)
        if not torch.equal(torch.as_tensor(call(function, x)), 2 * torch.arange(3.0)):
            raise Wrong("not twice")

    return Exercise("gain-1", judge, ("hint",), lambda x: 2 * x, "why", limit_s).judge(answer)


# --- Answers that loop, crash, print and plot ----------------------------------------------------------------------


def endless(x):
    while True:
        pass


def stubborn(x):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            pass


def deaf(x):
    time.sleep(12)  # in C, where nothing can be raised until it returns
    return 2 * x


@pytest.mark.parametrize(("answer", "stuck"), [(endless, False), (stubborn, False), (deaf, True)])
def test_an_answer_that_does_not_return_is_left_behind(answer, stuck, monkeypatch):
    monkeypatch.setattr(guards, "PATIENCE_S", 0.4)
    began = time.monotonic()
    verdict = judged(answer)
    assert time.monotonic() - began < 6  # of a busy machine; it would sleep on or never end
    assert verdict.status == "wrong" and "did not return within 0.3 s. Most often a loop" in verdict.message
    assert ("restart the kernel" in verdict.message) == stuck
    assert judged(lambda x: 2 * x).status == "right"


def test_the_limit_is_twenty_seconds_or_the_exercises_own():
    assert exercise("gain-1").limit_s == 20


def recursive(x):
    return recursive(x)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (recursive, "RecursionError: maximum recursion depth exceeded: it calls itself without an end"),
        (lambda x: torch.ones(10**7, 10**8), "far larger than the exercise needs"),
        (lambda x: np.ones((10**7, 10**10)), "far larger than the exercise needs"),
        (lambda x: sys.exit(), "stopped with SystemExit: a function hands its result back"),
        (lambda x: (_ for _ in ()).throw(KeyboardInterrupt()), "stopped with KeyboardInterrupt"),
        (lambda x: (_ for _ in ()).throw(GeneratorExit("z" * 999)), "zzz…"),
        (lambda x, y: x, "stopped with TypeError"),
        (lambda x: x.mul_(2), "changes its argument 1 in place"),
        (lambda x: x.resize_(2), "changes its argument 1 in place"),
        (lambda x: x.numpy().fill(1), "changes its argument 1 in place"),
    ],
)
def test_an_answer_that_crashes_says_why(answer, message):
    verdict = judged(answer, 10)
    assert verdict.status == "wrong" and message in verdict.message, verdict


def test_arguments_changed_in_place_are_noticed_in_all_plain_data():
    def spoil(arrays, table, nan):
        arrays[0][1] = 7.0

    with pytest.raises(Wrong, match="argument 1 in place"):
        call(spoil, [np.zeros(2)], {}, np.array([np.nan]))
    with pytest.raises(Wrong, match="argument 2 in place"):
        call(lambda a, b: b.update(k=2), (1, "x"), {"k": 1})
    # What is not a number is the same number still; and an object of any other kind is nobody's business.
    assert call(lambda a, b, c: 1, torch.tensor([torch.nan]), [torch.ones(2), None], object()) == 1


def test_what_an_answer_prints_is_shown_in_short_and_what_it_plots_is_dropped(capsys):
    def talkative(x):
        for i in range(10_000):
            print("line", i)
        print("aside", file=sys.stderr)
        plt.plot(x)
        return 2 * x

    plt.figure()
    before, out = plt.get_fignums(), sys.stdout
    plt.figure(99)
    verdict = judged(lambda x: plt.figure() and talkative(x), limit_s=20)
    assert verdict.status == "right" and plt.get_fignums() == [*before, 99] and sys.stdout is out
    plt.close("all")
    lines = verdict.printed.splitlines()
    assert lines[:2] == ["line 0", "line 1"] and lines[-1] == "…" and len(lines) == guards.KEPT_LINES + 1
    exercise("gain-1").check(lambda sound, target: print("here") or 0.0)
    assert capsys.readouterr().out.startswith("  Your function printed\n    here\n✗ Not right yet")


def test_an_interrupt_of_the_user_goes_through_and_stops_the_answer():
    running = []

    def answer():
        import _thread

        _thread.interrupt_main()
        while True:
            running.append(time.monotonic())
            time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        guarded(answer, 10)
    count = len(running)
    time.sleep(0.05)
    assert len(running) == count


def test_without_threads_the_answer_runs_all_the_same(monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(guards.threading.Thread, "start", start)
    assert guarded(lambda: 3, 1).value == 3
    assert isinstance(guarded(lambda: 1 / 0, 1).error, ZeroDivisionError)
    with pytest.raises(KeyboardInterrupt):
        guarded(lambda: (_ for _ in ()).throw(KeyboardInterrupt()), 1)


def test_many_checks_leave_no_thread_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = guards.threading.active_count()
        assert all(judged(lambda x: 2 * x).status == "right" for _ in range(200))
        assert guards.threading.active_count() == before


# --- What is remembered --------------------------------------------------------------------------------------------


def test_progress_of_untouched_stubs(capsys):
    exercise("gain-1").check(...)
    exercise("gain-2").check(lambda *args: ...)
    capsys.readouterr()
    progress("gain")
    assert capsys.readouterr().out.splitlines() == [
        "gain: 0 of 2 right",
        "  gain-1  ○ not attempted  0 tries",
        "  gain-2  ○ not attempted  0 tries",
    ]


def test_progress_counts_tries_and_keeps_what_was_right(capsys):
    progress()
    assert capsys.readouterr().out == "Nothing has been checked yet.\n"
    for answer in (lambda x, t: 0.0, exercise("gain-1").reference, lambda x, t: 0.0, ...):
        exercise("gain-1").check(answer)
    exercise("additive-1").check(17)
    capsys.readouterr()
    progress("gain")
    assert "gain-1  ✓ right          3 tries" in capsys.readouterr().out
    progress()
    out = capsys.readouterr().out
    assert "additive: 0 of 2 right" in out and "additive-1  ✗ wrong          1 try\n" in out and "gain: 1 of 2" in out
    exercise("gain-1").judge(...)  # judging alone is not remembered
    assert record.entries["gain-1"].tries == 3
    with pytest.raises(ValueError, match="no chapter 'gian' has exercises; did you mean gain"):
        progress("gian")
    with pytest.raises(ValueError, match="there are additive, chorale"):
        progress("zzz")


def test_progress_is_saved_added_to_and_read_again(tmp_path, capsys):
    path = tmp_path / "gain-progress.json"
    exercise("gain-1").check(exercise("gain-1").reference)
    save_progress(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    row = {"chapter": "gain", "exercise": "gain-1", "status": "right", "tries": 1}
    assert content == {"format": "course-progress", "version": 1, "exercises": [row]}
    record.entries.clear()
    exercise("gain-1").check(3)
    exercise("gain-1").check(3)
    exercise("gain-2").check(3)
    save_progress(str(path))  # a second session adds
    record.entries.clear()
    capsys.readouterr()
    load_progress(path)
    assert capsys.readouterr().out == "gain-progress.json: 2 exercises, 1 right\n"
    progress("gain")
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  gain-1  ✓ right          2 tries",
        "  gain-2  ✗ wrong          1 try",
    ]


def text_of(**changes):
    row = {"chapter": "gain", "exercise": "gain-1", "status": "right", "tries": 1}
    content = {"format": "course-progress", "version": 1, "exercises": [row | changes.pop("row", {})]}
    return json.dumps(content | changes)


BAD = [
    ("", "it is no JSON text"),
    ("[" * 100_000, "it is no JSON text"),
    ("\xff\xfe", "it is no JSON text"),
    ("[]", 'does not say "format"'),
    (" " * 1_000_001, "far too large"),
    (text_of(version=2), "its version is 2, and this is version 1"),
    (text_of(format="nbgrader"), 'does not say "format"'),
    (text_of(exercises={}), "are no list"),
    (text_of(exercises=["gain-1"]), "an exercise is called None"),
    (text_of(row={"exercise": ""}), "an exercise is called ''"),
    (text_of(row={"status": "✓"}), "the status of gain-1 is '✓'"),
    (text_of(row={"status": ["right"]}), "the status of gain-1 is"),
    (text_of(row={"tries": -1}), "the tries of gain-1 are -1"),
    (text_of(row={"tries": True}), "the tries of gain-1 are True"),
    (text_of(row={"tries": float("nan")}), "the tries of gain-1 are nan"),
    (text_of(row={"tries": 10**30}), "the tries of gain-1 are 1000"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=range(len(BAD)))
def test_a_bad_file_is_one_clear_error_and_changes_nothing(text, message, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1" if text == "\xff\xfe" else "utf-8"))
    before = path.read_bytes()
    with pytest.raises(ValueError) as caught:
        load_progress(path)
    assert message in str(caught.value) and "nothing was loaded" in str(caught.value) and record.entries == {}
    exercise("gain-1").check(3)
    with pytest.raises(ValueError, match="nothing was written"):
        save_progress(path)
    assert path.read_bytes() == before


def test_a_file_that_is_missing_or_of_another_version_of_the_course(tmp_path, capsys):
    with pytest.raises(ValueError, match="cannot read"):
        load_progress(tmp_path / "none.json")
    with pytest.raises(ValueError, match="cannot read"):
        load_progress(tmp_path)
    with pytest.raises(ValueError, match="cannot write"):
        save_progress(tmp_path / "no" / "folder.json")
    path = tmp_path / "x.json"
    path.write_text("\ufeff" + text_of(row={"exercise": "theremin-1"}), encoding="utf-8")
    load_progress(path)
    assert "no such exercises: theremin-1" in capsys.readouterr().out and record.entries == {}


# --- In a kernel ---------------------------------------------------------------------------------------------------

CELL = """
from dataclasses import replace
import time, matplotlib.pyplot as plt
from course_lib import exercise, progress
item = replace(exercise("gain-1"), limit_s=0.5)

def shows(sound, target):
    plt.plot(sound)
    plt.show()
    return 0.0

def leaves(sound, target):
    exit()

def sleeps(sound, target):
    time.sleep(30)

for answer in (shows, leaves, sleeps, item.reference):
    item.check(answer)
"""


def test_in_a_kernel_nothing_is_shown_nothing_ends_and_the_next_cell_runs():
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        seen = []

        def note(message):
            seen.append((message["msg_type"], message["content"]))

        for cell in (CELL, "progress('gain'); plt.plot([1, 2]); plt.show()"):
            reply = client.execute_interactive(cell, output_hook=note, timeout=60)
            assert reply["content"]["status"] == "ok" and reply["content"]["payload"] == []
        text = "".join(content["text"] for kind, content in seen if kind == "stream")
        assert [line[0] for line in text.splitlines()[:4]] == ["✗", "✗", "✗", "✓"], text
        assert "SystemExit" in text and "did not return within 0.5 s" in text and "✓ right          4 tries" in text
        assert sum("image/png" in content.get("data", {}) for _, content in seen) == 1  # the last cell's own
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
