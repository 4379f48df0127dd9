"""Differentiable digital signal processing for music: instruments, losses and systems, small enough to read."""

from course_lib.analysis.loudness import loudness_db
from course_lib.analysis.partials import measure_harmonics, project_harmonics, remove_harmonics
from course_lib.analysis.pitch import estimate_f0
from course_lib.analysis.polyphony import polyphony
from course_lib.analysis.tracking import F0Track, track_f0
from course_lib.core.envelopes import upsample, upsample_frequency
from course_lib.core.phase import instantaneous_phase
from course_lib.core.units import amplitude_to_db, cents, db_to_amplitude, exp_sigmoid, hz_to_midi, midi_to_hz
from course_lib.display import (
    animate_history,
    listen,
    live_figure,
    plot_controls,
    plot_deep_performer,
    plot_envelopes,
    plot_hierarchy,
    plot_history,
    plot_loss_landscape,
    plot_network,
    plot_notes,
    plot_spectrogram,
    plot_spectrum,
    plot_waveform,
    show_number,
    show_table,
)
from course_lib.effects.biquads import biquad_coefficients, pole_radius, stable_denominator
from course_lib.effects.cascade import biquad_response, filter_by_sampling, filter_recursively
from course_lib.effects.equaliser import ParametricEQ
from course_lib.effects.filters import apply_response, lowpass, lowpass_response, rfft_frequencies
from course_lib.effects.fir import fir_filter, zero_phase_response
from course_lib.effects.levels import active_rms_db, fade_cuts, gain_to_level
from course_lib.effects.reverb import DecayReverb, Reverb, decaying_impulse_response, fft_convolve, reverb
from course_lib.effects.rooms import energy_decay_db, measure_rt60, shoebox_impulse_response
from course_lib.exercises import exercise, load_progress, progress, save_progress
from course_lib.fitting.fit import FitDiverged, History, fit
from course_lib.fitting.frequency import (
    FrequencyFit,
    cramer_rao_hz,
    fit_f0,
    fit_frequency,
    fit_sinusoids,
    share_within,
)
from course_lib.fitting.landscapes import (
    gradient_over_frequency,
    gradient_sign_accuracy,
    local_minima,
    loss_over_frequency,
)
from course_lib.fitting.losses import (
    MultiscaleSpectralLoss,
    autocorrelation_loss,
    multiscale_spectral_loss,
    spectral_l1,
    spectral_transport_loss,
    stft_magnitude,
    waveform_l1,
)
from course_lib.scores import (
    Note,
    NoteFrames,
    Score,
    ScoreError,
    Voice,
    note_frames,
    notes_from_pitch,
    read_midi,
    separate_voices,
    write_midi,
)
from course_lib.sounds.clips import clip_names, load_audio, load_clip
from course_lib.synths.additive import additive_synth
from course_lib.synths.gain import LinearGain
from course_lib.synths.harmonic import (
    HarmonicControls,
    HarmonicSynth,
    harmonic_controls,
    harmonic_frequencies,
    harmonic_synth,
    mask_above_nyquist,
    normalise_distribution,
    scale_parameters,
)
from course_lib.synths.noise import filtered_noise, noise_controls
from course_lib.synths.oscillator import Oscillator, sinusoid

__version__ = "0.1.0"

__all__ = [
    "DecayReverb",
    "F0Track",
    "FitDiverged",
    "FrequencyFit",
    "HarmonicControls",
    "HarmonicSynth",
    "History",
    "LinearGain",
    "MultiscaleSpectralLoss",
    "Note",
    "NoteFrames",
    "Oscillator",
    "ParametricEQ",
    "Reverb",
    "Score",
    "ScoreError",
    "Voice",
    "active_rms_db",
    "additive_synth",
    "amplitude_to_db",
    "animate_history",
    "apply_response",
    "autocorrelation_loss",
    "biquad_coefficients",
    "biquad_response",
    "cents",
    "clip_names",
    "cramer_rao_hz",
    "db_to_amplitude",
    "decaying_impulse_response",
    "energy_decay_db",
    "estimate_f0",
    "exercise",
    "exp_sigmoid",
    "fade_cuts",
    "fft_convolve",
    "filter_by_sampling",
    "filter_recursively",
    "filtered_noise",
    "fir_filter",
    "fit",
    "fit_f0",
    "fit_frequency",
    "fit_sinusoids",
    "gain_to_level",
    "gradient_over_frequency",
    "gradient_sign_accuracy",
    "harmonic_controls",
    "harmonic_frequencies",
    "harmonic_synth",
    "hz_to_midi",
    "instantaneous_phase",
    "listen",
    "live_figure",
    "load_audio",
    "load_clip",
    "load_progress",
    "local_minima",
    "loss_over_frequency",
    "loudness_db",
    "lowpass",
    "lowpass_response",
    "mask_above_nyquist",
    "measure_harmonics",
    "measure_rt60",
    "midi_to_hz",
    "multiscale_spectral_loss",
    "noise_controls",
    "normalise_distribution",
    "note_frames",
    "notes_from_pitch",
    "plot_controls",
    "plot_deep_performer",
    "plot_envelopes",
    "plot_hierarchy",
    "plot_history",
    "plot_loss_landscape",
    "plot_network",
    "plot_notes",
    "plot_spectrogram",
    "plot_spectrum",
    "plot_waveform",
    "pole_radius",
    "polyphony",
    "progress",
    "project_harmonics",
    "read_midi",
    "remove_harmonics",
    "reverb",
    "rfft_frequencies",
    "save_progress",
    "scale_parameters",
    "separate_voices",
    "share_within",
    "shoebox_impulse_response",
    "show_number",
    "show_table",
    "sinusoid",
    "spectral_l1",
    "spectral_transport_loss",
    "stable_denominator",
    "stft_magnitude",
    "track_f0",
    "upsample",
    "upsample_frequency",
    "waveform_l1",
    "write_midi",
    "zero_phase_response",
]  # fmt: skip
