"""How loops are compiled, kept and run: by processes and threads at once, and not at all where they cannot be."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import course_lib as cl
from course_lib.kernels import compiled, method, threads

ROOT = compiled.HERE.parent.parent
SOUND = """
import torch, course_lib as cl
f0, a, d = (x.requires_grad_() for x in (torch.full((30,), 200.0), torch.ones(30), torch.ones(30, 9) / 9))
y = cl.harmonic_synth(f0, a, d, n_samples=1200, sample_rate=16000)
y.square().sum().backward()
print(float(y.detach().abs().sum()), float(f0.grad.abs().sum()), float(d.grad.abs().sum()))
"""


# Without gradients: two loops to compile, not five.
SOUND_ONLY = """
import torch, course_lib as cl
y = cl.harmonic_synth([200.0] * 30, [1.0] * 30, [[0.1] * 9] * 30, n_samples=1200, sample_rate=16000)
print(float(y.abs().sum()))
"""


def python(script, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.strip().splitlines()[-1]


def controls(batch=3, n_frames=40, k=50):
    g = torch.Generator().manual_seed(0)
    return [
        (100 + 100 * torch.rand(batch, n_frames, generator=g)).requires_grad_(),
        torch.rand(batch, n_frames, generator=g).requires_grad_(),
        torch.rand(batch, n_frames, k, generator=g).requires_grad_(),
    ]


def sound_and_gradients(values, n=10_000):
    sound = cl.harmonic_synth(*values, n_samples=n, sample_rate=16_000, method="kernel")
    return [sound.detach(), *torch.autograd.grad(sound.square().sum(), values)]


def test_two_processes_that_compile_at_once_leave_a_cache_that_works(tmp_path):
    """The same loops in one empty folder; then a third process must find all of them there, whole."""
    cold = [python(SOUND_ONLY, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    sounds = [finished(process) for process in cold]
    (folder,) = tmp_path.iterdir()
    kept = {p.name: p.stat().st_mtime_ns for p in folder.rglob("*.nb?")}
    assert len(kept) == 4, sorted(kept)  # an index and a piece of code for each of two loops
    sounds.append(finished(python(SOUND_ONLY, NUMBA_CACHE_DIR=str(tmp_path))))
    assert len(set(sounds)) == 1
    assert {p.name: p.stat().st_mtime_ns for p in folder.rglob("*.nb?")} == kept  # read, not made again


def test_a_folder_closed_to_us_costs_the_cache_and_nothing_else(tmp_path):
    closed = tmp_path / "a file, no folder"
    closed.write_text("")
    assert finished(python(SOUND_ONLY, NUMBA_CACHE_DIR=str(closed))) == finished(python(SOUND_ONLY))


def test_a_lock_that_is_refused_is_done_without(monkeypatch, tmp_path):
    """A fenced process may read what was compiled and write nothing, whatever the folder's permissions say."""
    import filelock

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(filelock, "FileLock", refuse)
    monkeypatch.setattr(compiled, "cache_folder", lambda: tmp_path / "not there")
    loop = compiled.Loop(lambda x: x.sum())
    assert loop(np.ones(3)) == 3.0


def test_without_numba_everything_works(tmp_path):
    (tmp_path / "numba.py").write_text("raise ImportError('not here')")
    shadow = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    script = SOUND + (
        "print(round(float(cl.filter_recursively(torch.ones(9), [0.5, 0.0], [1.0, -0.5])[-1]), 6), y.shape)\n"
        "try: cl.harmonic_synth(f0, a, d, n_samples=1200, sample_rate=16000, method='kernel')\n"
        "except ValueError as error: print(error)\n"
    )
    lines = []
    for environment in (shadow, {"COURSE_KERNELS": "0"}, {"NUMBA_DISABLE_JIT": "1"}):
        process = python(script, **environment)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        lines.append(out.strip().splitlines())
    with_loops = np.array(finished(python(SOUND)).split(), float)
    for numbers, filtered, refusal in lines:
        np.testing.assert_allclose(np.array(numbers.split(), float), with_loops, rtol=1e-4)
        assert filtered == "0.998047 torch.Size([1200])"
        assert "Numba cannot be imported or is switched off" in refusal and 'method="auto"' in refusal


def test_numba_is_imported_when_a_loop_runs_and_not_before():
    script = (
        "import sys, torch, course_lib as cl\n"
        "cl.harmonic_synth, cl.filter_recursively, cl.additive_synth\n"
        "before = 'numba' in sys.modules\n"
        "cl.harmonic_synth([200.0], [1.0], [[1.0]], n_samples=9, sample_rate=16000)\n"
        "print(before, 'numba' in sys.modules)"
    )
    assert finished(python(script)) == "False True"


def test_any_number_of_threads_gives_the_same(monkeypatch):
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 1)
    values, before = controls(), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = sound_and_gradients(values)
        for number in (2, 3, 5):
            torch.set_num_threads(number)
            assert len(threads.pieces(3, n_frames=40, products=10**9)) >= number
            for got, want in zip(sound_and_gradients(values), alone, strict=True):
                torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    finally:
        torch.set_num_threads(before)


def test_pieces_cover_every_frame_once():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        for rows, n_frames in ((1, 1), (1, 7), (2, 100), (9, 3)):
            for products in (1, 10**9):
                seen = [
                    (row, i)
                    for row, a, b in threads.pieces(rows, n_frames=n_frames, products=products)
                    for i in range(a, b)
                ]
                assert sorted(seen) == [(r, i) for r in range(rows) for i in range(n_frames)]
    finally:
        torch.set_num_threads(before)


def test_several_threads_of_a_program_may_call_at_once(monkeypatch):
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 1)
    values, before = controls(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        want, found = sound_and_gradients(values), []

        def work():
            for _ in range(5):
                found.append(sound_and_gradients(values))

        callers = [threading.Thread(target=work) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(timeout=120)
        assert len(found) == 20
        for got in found:
            torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_has_threads_of_its_own():
    script = """
import os, torch, course_lib as cl
from course_lib.kernels import threads
threads.WORTH_A_THREAD = 1
torch.set_num_threads(2)
def sound():
    f0, a, d = torch.full((2, 30), 200.0), torch.ones(2, 30), torch.ones(2, 30, 9)
    return float(cl.harmonic_synth(f0, a, d, n_samples=1200, sample_rate=16000).sum())
first = sound()
child = os.fork()
if child == 0:
    os._exit(0 if sound() == first else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert finished(python(script)) == "0"


def test_what_a_piece_raises_is_raised():
    def work(piece):
        raise RuntimeError(f"piece {piece}")

    before = torch.get_num_threads()
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            with pytest.raises(RuntimeError, match="piece"):
                threads.each(work, [(0, 0, 1)], 10**9)
    finally:
        torch.set_num_threads(before)


def test_auto_takes_what_there_is(monkeypatch):
    x = torch.ones(3)
    assert method.choose("auto", 10, x) == "kernel"
    assert method.choose("auto", 10, x.to("meta")) == "reference"
    monkeypatch.setattr(method, "compiled_loops", lambda: False)
    assert method.choose("auto", 10, x) == "reference" and method.choose("auto", 10**7, x) == "fast"
    with pytest.raises(ValueError, match="switched off"):
        method.choose("kernel", 10, x)


def test_kernel_by_name_says_why_not():
    f0, a, d = torch.full((3,), 200.0), torch.ones(3), torch.ones(3, 2)
    with pytest.raises(ValueError, match='no plain tensor on a CPU; method="auto"'):
        torch.func.vmap(lambda a: cl.harmonic_synth(f0, a, d, n_samples=9, sample_rate=16_000, method="kernel"))(
            a[None]
        )


def test_the_cache_is_named_after_the_source_of_all_loops(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    source = tmp_path / "loops"
    source.mkdir()
    (source / "a.py").write_text("x = 1")
    monkeypatch.setattr(compiled, "HERE", tmp_path)
    first = compiled.cache_folder.__wrapped__()
    (source / "a.py").write_text("x = 2")
    assert compiled.cache_folder.__wrapped__() != first
