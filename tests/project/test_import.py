"""Importing the library is quick, and what only the notebooks need is not needed by anybody else."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import course_lib
from tests.helpers import ROOT

# Packages that nobody should wait for who only wants to synthesise; those of the extra `course`, and what they bring.
HEAVY = ("IPython", "ipywidgets", "librosa", "matplotlib", "numba", "scipy", "sklearn")
STUB = ast.parse((ROOT / "course_lib" / "__init__.pyi").read_text(encoding="utf-8"))
NAMES = [alias.name for node in STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names]


def fresh(code: str, *arguments: str) -> str:
    """What some code prints in a new Python; fails with its errors."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_name_of_the_stub_is_there_once_and_lives_where_it_says() -> None:
    assert sorted(NAMES) == course_lib.__all__ and len(set(NAMES)) == len(NAMES)
    assert set(NAMES) <= set(dir(course_lib))
    for node in STUB.body:
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            assert alias.asname == alias.name, f"a stub hands on only `{alias.name} as {alias.name}`"
            value = getattr(course_lib, alias.name)
            assert value is getattr(sys.modules[node.module or ""], alias.name)
            assert value.__module__.startswith(f"{node.module}") and inspect.getdoc(value)


def test_names_rooms_and_a_star_arrive_on_first_use() -> None:
    code = """
import sys, json, course_lib
before = sorted(name for name in sys.modules if name.partition(".")[0] in ("course_lib", "torch"))
assert course_lib.synths.harmonic.harmonic_synth is course_lib.harmonic_synth
assert course_lib.fitting.losses.spectral_l1 is course_lib.spectral_l1
from course_lib import midi_to_hz, core, grading
from course_lib import *
assert fit is course_lib.fit and "midi_to_hz" in vars(course_lib)
try:
    course_lib.harmonic_sinth
except AttributeError as error:
    print(json.dumps([before, str(error)]))
"""
    before, error = json.loads(fresh(code))
    assert before == ["course_lib"]  # not even torch
    assert error == "module 'course_lib' has no attribute 'harmonic_sinth'"


# One thing after another, from the least to the most; none of them may have loaded a package of the notebooks.
USES = {
    "a synth": "course_lib.harmonic_synth",
    "core to fitting": "course_lib.fit, course_lib.reverb, course_lib.track_f0, course_lib.load_audio, "
    "course_lib.multiscale_spectral_loss, course_lib.estimate_f0, course_lib.read_midi, course_lib.ParametricEQ",
    "the systems": "import_module('course_lib.tone_transfer'), import_module('course_lib.midi_ddsp')",
    "what a person sees": "course_lib.listen, course_lib.plot_network, course_lib.live_figure, course_lib.show_table",
    "the commands": "import_module('course_lib.__main__').command_line()",
}


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = """
import json, sys, course_lib
from importlib import import_module
loaded = {}
for use, code in json.loads(sys.argv[1]).items():
    eval(code)
    loaded[use] = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps(loaded))
"""
    loaded = json.loads(fresh(code, json.dumps(USES)))
    assert {use: names for use in USES if (names := set(loaded[use]) & set(HEAVY))} == {}


def test_the_import_costs_nothing_beside_that_of_torch() -> None:
    code = """
import time
a = time.perf_counter(); import torch
b = time.perf_counter(); import course_lib
c = time.perf_counter(); course_lib.harmonic_synth, course_lib.midi_to_hz
d = time.perf_counter(); print(c - b, d - c, b - a)
"""
    library, synth, torch = map(float, fresh(code).split())
    assert library < 0.02 * torch + 0.05, f"import course_lib: {library:.3f} s, torch: {torch:.2f} s"
    assert synth < 0.1 * torch + 0.1, f"the first synth: {synth:.3f} s, torch: {torch:.2f} s"


@pytest.mark.parametrize("words", [["--help"], ["assignments", "grade", "--help"], ["transfir", "a", "b"]])
def test_a_command_line_answers_before_torch_is_there(words: list[str]) -> None:
    code = """
import sys
from course_lib.__main__ import main
try:
    main(sys.argv[1:])
except SystemExit as done:
    print("status", done.code, *[m for m in ("torch", "numpy") if m in sys.modules])
"""
    assert fresh(code, *words).splitlines()[-1] == f"status {2 if words[0] == 'transfir' else 0}"


# A Python in which none of them is installed.
BLOCK = f"""
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name.partition(".")[0] in {HEAVY!r} else find(name, *more)
"""


def test_the_base_packages_are_enough_for_sounds_effects_losses_and_fits(tmp_path: Path) -> None:
    code = f"""{BLOCK}
import torch
from course_lib import *
from course_lib.midi_ddsp.hearing.features import SpectralFeatures
from course_lib.sounds.files import write_sound
from course_lib.tone_transfer import TimbreEncoder
frames, sample_rate = 25, 8000
f0_hz = torch.linspace(220.0, 330.0, frames)
controls = harmonic_controls(torch.zeros(frames), torch.zeros(frames, 16), f0_hz, sample_rate)
sound = harmonic_synth(*controls, n_samples=4000, sample_rate=sample_rate)
sound = sound + 0.01 * filtered_noise(torch.ones(frames, 8), 4000)
wet = reverb(sound, decaying_impulse_response(rt60_s=0.2, gain_db=-12.0, n_taps=800, sample_rate=sample_rate))
loss = multiscale_spectral_loss(lowpass(wet, 1000.0, sample_rate=sample_rate), wet, fft_sizes=(256, 64))
history = fit(LinearGain(0.5), sound, waveform_l1, steps=20, lr=0.1, inputs=(sound,), progress=False)
print(float(loss) > 0, history.losses[-1] < history.losses[0])
print(float((track_f0(wet, sample_rate).f0_hz.mean() - 275).abs()) < 30)
print(float(loudness_db(wet, sample_rate).max()) > -40)
print(TimbreEncoder(sample_rate=16000, frame_rate=250)(torch.randn(1, 1600), 25).shape)
print(SpectralFeatures(sample_rate=16000, frame_rate=250, n_harmonics=8).bands.shape)
path = sys.argv[1] + "/a.wav"
write_sound(path, sound.numpy() / 2, sample_rate)
print(load_audio(path, 12000)[0].shape)
"""
    told = fresh(code, str(tmp_path)).splitlines()
    assert told == [
        "True True",
        "True",
        "True",
        "torch.Size([1, 25, 16])",
        "torch.Size([513, 64])",
        "torch.Size([6000])",
    ]


def test_the_base_packages_are_enough_to_play_on_another_instrument_and_to_play_a_score(tmp_path: Path) -> None:
    code = f"""{BLOCK}
import torch
from course_lib import Note, Score, Voice, sinusoid, write_midi
from course_lib.__main__ import main
from course_lib.sounds.files import write_sound
folder = sys.argv[1]
write_sound(folder + "/in.wav", sinusoid([440.0], [0.2], n_samples=16000, sample_rate=16000).numpy(), 16000)
write_midi(folder + "/in.mid", Score((Voice("solo", 40, (Note(0.0, 0.5, 69.0),)),)))
status = [main(["transfer", folder + "/in.wav", folder + "/out.wav", "--instrument", "trumpet"])]
status += [main(["render", folder + "/in.mid", folder + "/out.flac", "--instrument", "violin"])]
sys.exit(max(status))
"""
    told = fresh(code, str(tmp_path)).splitlines()
    assert [line.partition(":")[0] for line in told] == [f"{tmp_path}/out.wav", f"{tmp_path}/out.flac"]


# What needs the packages of the notebooks says so in one line that names it.
NEEDS = {
    "estimate_f0 needs librosa": "course_lib.estimate_f0(sound, 8000)",
    "listen needs IPython": "course_lib.listen(sound, 8000)",
    "show_table needs IPython": "course_lib.show_table([{'a': 1}])",
    "every plot needs matplotlib": "course_lib.plot_waveform(sound, 8000)",
    "exercise needs": "course_lib.exercise('gain-1')",
    "upload_panel needs ipywidgets": "__import__('course_lib.display.upload').display.upload.upload_panel()",
}


def test_what_needs_more_says_so_in_one_line() -> None:
    code = f"""{BLOCK}
import json, torch, course_lib
sound = torch.sin(torch.arange(4000) * 0.3)
told = []
for call in json.loads(sys.argv[1]):
    try:
        eval(call)
    except ImportError as error:
        told.append(str(error))
print(json.dumps(told))
"""
    told = json.loads(fresh(code, json.dumps(list(NEEDS.values()))))
    assert len(told) == len(NEEDS)
    for line, start in zip(told, NEEDS, strict=True):
        assert line.startswith(start) and line.endswith(': pip install "ddsp-course[course]"') and "\n" not in line
