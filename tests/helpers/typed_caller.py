"""A caller of the public API, for a type checker: `right` is clean, and each line marked `# wrong` is found."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

import course_lib as cl
from course_lib.midi_ddsp.note_controls import vibrato
from course_lib.tone_transfer.model import TransferConfig


def right() -> Tensor:
    """Tensors, arrays, lists and numbers; names of methods; calls as the chapters write them."""
    pitch = np.full(50, 220.0)
    controls = cl.harmonic_controls(torch.zeros(50), torch.zeros(50, 8), pitch, 16_000)
    sound = cl.harmonic_synth(*controls, n_samples=8000, sample_rate=16_000, method="reference")
    sound = sound + cl.sinusoid(440, [0.1, 0.2], n_samples=8000, sample_rate=16_000, initial_phase=0.5)
    bell = cl.additive_synth([[500.0, 777.0]], [[0.1, 0.1]], n_samples=8000, sample_rate=16_000)
    sound = cl.lowpass(sound + bell, np.float32(900), sample_rate=16_000)
    b, a = cl.biquad_coefficients("peaking", 1000, 16_000, q=2, gain_db=6)
    sound, state = cl.filter_recursively(sound, b, a, return_state=True)
    room = cl.decaying_impulse_response(0.3, -12.0, n_taps=4000, sample_rate=16_000)
    sound = cl.reverb(sound, room)
    curve = cl.upsample([0.0, 1.0], 8000, "hann")
    f0_hz, voiced = cl.estimate_f0(sound * curve, 16_000, hop_s=0.01)
    found = cl.fit_frequency(sound, 3000.0, 16_000, "fft_peak").hz
    model = cl.Oscillator(300.0, 0.5, n_samples=8000, sample_rate=16_000, learn=("frequency",))
    history: cl.History = cl.fit(model, sound, cl.multiscale_spectral_loss, steps=2, lr=0.01)
    each: Tensor = cl.multiscale_spectral_loss(history.sound, sound, (512, 256), reduction="none")
    level: float = cl.active_rms_db(sound, 16_000)
    cl.show_number("level", level, "dB", below=0)
    cl.show_number("loss", each.mean())
    cl.show_table([{"what": "f0", "Hz": float(f0_hz[voiced].mean())}], "pitch")
    cl.listen({"before": sound, "after": history.sound.numpy()}, 16_000)
    cl.plot_spectrum(sound, 16_000)
    cl.plot_notes({"melody": [(0.0, 0.5, 60), cl.Note(0.5, 0.5, 62)]})
    cl.live_figure("gain", phase_deg=90)
    config = TransferConfig(sample_rate=16_000, frame_rate=250)
    return found + state.sum() + vibrato(pitch, 57.0, frame_rate=config.frame_rate, variant="original")


def mistaken(sound: Tensor, frames: Tensor) -> None:
    """One mistake a line."""
    cl.sinusoid(440.0, 0.5, 16_000, 8000)  # wrong: which is the rate?
    cl.harmonic_synth(frames, frames, frames, n_samples=8000)  # wrong: a keyword is missing
    cl.harmonic_synth(frames, frames, frames, n_samples=8000, sample_rate=8000, method="quick")  # wrong: no such method
    cl.additive_synth("500", frames, n_samples=8000, sample_rate=16_000)  # wrong: text
    cl.upsample(frames, 8000, "cubic")  # wrong: no such method
    cl.biquad_coefficients("low", 1000.0, 16_000)  # wrong: no such kind
    cl.biquad_coefficients("peaking", 1000.0, 16_000, 2.0, 6.0)  # wrong: which is q?
    cl.fit_frequency(sound, 440.0, 16_000, "transports")  # wrong: no such method
    cl.loudness_db(["loud", "soft"], 16_000)  # wrong: a list of text
    cl.hz_to_midi(None)  # wrong: nothing
    level: Tensor = cl.active_rms_db(sound, 16_000)  # wrong: it is a number
    f0_hz = cl.estimate_f0(sound, 16_000).log2()  # wrong: it is a pair
    cl.Oscillator(300.0, 0.5, n_samples=8000, sample_rate=16_000, learn=("pitch",))  # wrong: no such parameter
    cl.spectral_transport_loss(sound, sound, 16_000, window="hamming")  # wrong: no such window
    cl.waveform_l1(sound, sound, reduction="max")  # wrong: no such reduction
    cl.note_frames([("C4", 1.0, 60)], 100)  # wrong: a note's name
    cl.fit(sound, sound, cl.waveform_l1)  # wrong: no model
    cl.decaying_impulse_response(0.3, -12.0, n_taps=4000, sample_rate="16k")  # wrong: text
    cl.plot_notes(440.0)  # wrong: no notes
    cl.show_number("level", "soft")  # wrong: no number
    cl.lowpass_of(sound, 900.0)  # wrong: no such function
    TransferConfig(16_000, 250)  # wrong: which is the rate of what?
    vibrato(frames, 57.0, frame_rate=250, variant="mine")  # wrong: no such variant
    print(level, f0_hz)
