"""A caller of the public API, for a type checker: what is right passes, each line marked `# error` is found."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

import course_lib as cl
from course_lib.midi_ddsp.note_controls import vibrato
from course_lib.tone_transfer.model import TransferConfig


def right() -> Tensor:
    """Tensors, arrays, lists and numbers; names of methods; every way of a call that the course teaches."""
    pitch = np.full(50, 220.0)
    controls = cl.harmonic_controls(torch.zeros(50), torch.zeros(50, 8), pitch, 16_000)
    sound = cl.harmonic_synth(*controls, n_samples=8000, sample_rate=16_000)
    sound = sound + cl.sinusoid(440, [0.1, 0.2], n_samples=8000, sample_rate=16_000, initial_phase=0.5)
    bell = cl.additive_synth([[500.0, 777.0]], [[0.1, 0.1]], n_samples=8000, sample_rate=16_000, method="reference")
    sound = cl.lowpass(sound + bell, np.float32(900), sample_rate=16_000)
    b, a = cl.biquad_coefficients("peaking", 1000, 16_000, q=2, gain_db=6)
    sound = cl.filter_by_sampling(sound, b, a)
    room = cl.decaying_impulse_response(0.3, -12.0, n_taps=4000, sample_rate=16_000)
    sound = cl.reverb(sound, room)
    curve = cl.upsample([0.0, 1.0], 8000, "hann")
    f0_hz, voiced = cl.estimate_f0(sound * curve, 16_000, hop_s=0.01)
    found = cl.fit_frequency(sound, 3000.0, 16_000, "fft_peak").hz
    model = cl.Oscillator(300.0, 0.5, n_samples=8000, sample_rate=16_000, learn=("frequency",))
    history: cl.History = cl.fit(model, sound, cl.waveform_l1, steps=2, lr=0.01)
    level: float = cl.active_rms_db(sound, 16_000)
    cl.show_number("level", level, "dB", below=0)
    cl.show_table([{"what": "f0", "Hz": float(f0_hz[voiced].mean())}], "pitch")
    cl.listen({"before": sound, "after": history.sound.numpy()}, 16_000)
    cl.plot_spectrum(sound, 16_000)
    cl.live_figure("gain", phase_deg=90)
    config = TransferConfig(sample_rate=16_000, frame_rate=250)
    return found + vibrato(pitch, 57.0, frame_rate=config.frame_rate, variant="original")


def wrong(sound: Tensor, frames: Tensor) -> None:
    """One mistake a line."""
    cl.upsample(frames, 8000, "cubic")  # error: arg-type
    cl.sinusoid(440.0, 0.5, 16_000, 8000)  # error: call-arg, misc
    cl.harmonic_synth(frames, frames, frames, n_samples=8000)  # error: call-arg
    cl.additive_synth("500", frames, n_samples=8000, sample_rate=16_000)  # error: arg-type
    cl.biquad_coefficients("low", 1000.0, 16_000)  # error: arg-type
    cl.biquad_coefficients("peaking", 1000.0, 16_000, 2.0, 6.0)  # error: misc
    cl.fit_frequency(sound, 440.0, 16_000, "transports")  # error: arg-type
    cl.loudness_db(["loud", "soft"], 16_000)  # error: list-item
    cl.hz_to_midi(None)  # error: arg-type
    level: Tensor = cl.active_rms_db(sound, 16_000)  # error: assignment
    f0_hz = cl.estimate_f0(sound, 16_000).log2()  # error: attr-defined
    cl.Oscillator(300.0, 0.5, n_samples=8000, sample_rate=16_000, learn=("pitch",))  # error: arg-type
    cl.spectral_transport_loss(sound, sound, 16_000, window="hamming")  # error: arg-type
    cl.note_frames([("C4", 1.0, 60)], 100)  # error: list-item
    cl.fit(sound, sound, cl.waveform_l1)  # error: arg-type
    cl.decaying_impulse_response(0.3, -12.0, n_taps=4000, sample_rate="16k")  # error: arg-type
    cl.load_clip("voice").shape  # error: attr-defined
    cl.plot_notes(440.0)  # error: arg-type
    cl.show_number("level", "soft")  # error: arg-type
    TransferConfig(16_000, 250)  # error: misc
    vibrato(frames, 57.0, frame_rate=250, variant="mine")  # error: arg-type
    print(level, f0_hz)
