"""The public names of the library and where each one lives: read by type checkers, by editors, and by `__init__.py`."""

from course_lib.analysis.aliases import alias_db as alias_db
from course_lib.analysis.loudness import loudness_db as loudness_db
from course_lib.analysis.partials import (
    measure_harmonics as measure_harmonics,
    project_harmonics as project_harmonics,
    remove_harmonics as remove_harmonics,
)
from course_lib.analysis.pitch import estimate_f0 as estimate_f0
from course_lib.analysis.polyphony import polyphony as polyphony
from course_lib.analysis.tracking import F0Track as F0Track, track_f0 as track_f0
from course_lib.core.envelopes import upsample as upsample, upsample_frequency as upsample_frequency
from course_lib.core.phase import instantaneous_phase as instantaneous_phase
from course_lib.core.units import (
    amplitude_to_db as amplitude_to_db,
    cents as cents,
    db_to_amplitude as db_to_amplitude,
    exp_sigmoid as exp_sigmoid,
    hz_to_midi as hz_to_midi,
    midi_to_hz as midi_to_hz,
)
from course_lib.display import (
    animate_history as animate_history,
    listen as listen,
    live_figure as live_figure,
    plot_controls as plot_controls,
    plot_deep_performer as plot_deep_performer,
    plot_envelopes as plot_envelopes,
    plot_hierarchy as plot_hierarchy,
    plot_history as plot_history,
    plot_loss_landscape as plot_loss_landscape,
    plot_network as plot_network,
    plot_notes as plot_notes,
    plot_spectrogram as plot_spectrogram,
    plot_spectrum as plot_spectrum,
    plot_waveform as plot_waveform,
    show_number as show_number,
    show_table as show_table,
)
from course_lib.effects.biquads import (
    biquad_coefficients as biquad_coefficients,
    pole_radius as pole_radius,
    stable_denominator as stable_denominator,
)
from course_lib.effects.cascade import (
    biquad_response as biquad_response,
    filter_by_sampling as filter_by_sampling,
)
from course_lib.effects.equaliser import ParametricEQ as ParametricEQ
from course_lib.effects.filters import (
    apply_response as apply_response,
    lowpass as lowpass,
    lowpass_response as lowpass_response,
    rfft_frequencies as rfft_frequencies,
)
from course_lib.effects.fir import fir_filter as fir_filter, zero_phase_response as zero_phase_response
from course_lib.effects.levels import (
    active_rms_db as active_rms_db,
    fade_cuts as fade_cuts,
    gain_to_level as gain_to_level,
)
from course_lib.effects.oversampling import lower_rate as lower_rate, raise_rate as raise_rate
from course_lib.effects.recursion import filter_recursively as filter_recursively
from course_lib.effects.reverb import (
    DecayReverb as DecayReverb,
    Reverb as Reverb,
    decaying_impulse_response as decaying_impulse_response,
    fft_convolve as fft_convolve,
    reverb as reverb,
)
from course_lib.effects.rooms import (
    energy_decay_db as energy_decay_db,
    measure_rt60 as measure_rt60,
    shoebox_impulse_response as shoebox_impulse_response,
)
from course_lib.exercises import (
    exercise as exercise,
    load_progress as load_progress,
    progress as progress,
    save_progress as save_progress,
)
from course_lib.fitting.fit import FitDiverged as FitDiverged, History as History, fit as fit
from course_lib.fitting.frequency import (
    FrequencyFit as FrequencyFit,
    cramer_rao_hz as cramer_rao_hz,
    fit_f0 as fit_f0,
    fit_frequency as fit_frequency,
    fit_sinusoids as fit_sinusoids,
    share_within as share_within,
)
from course_lib.fitting.landscapes import (
    gradient_over_frequency as gradient_over_frequency,
    gradient_sign_accuracy as gradient_sign_accuracy,
    local_minima as local_minima,
    loss_over_frequency as loss_over_frequency,
)
from course_lib.fitting.losses import (
    MultiscaleSpectralLoss as MultiscaleSpectralLoss,
    autocorrelation_loss as autocorrelation_loss,
    multiscale_spectral_loss as multiscale_spectral_loss,
    spectral_l1 as spectral_l1,
    spectral_transport_loss as spectral_transport_loss,
    stft_magnitude as stft_magnitude,
    waveform_l1 as waveform_l1,
)
from course_lib.scores import (
    Note as Note,
    NoteFrames as NoteFrames,
    Score as Score,
    ScoreError as ScoreError,
    Voice as Voice,
    note_frames as note_frames,
    notes_from_pitch as notes_from_pitch,
    read_midi as read_midi,
    separate_voices as separate_voices,
    write_midi as write_midi,
)
from course_lib.sounds.clips import clip_names as clip_names, load_audio as load_audio, load_clip as load_clip
from course_lib.synths.additive import additive_synth as additive_synth
from course_lib.synths.envelopes import (
    AdsrControls as AdsrControls,
    AdsrEnvelope as AdsrEnvelope,
    adsr as adsr,
    adsr_controls as adsr_controls,
    lfo as lfo,
)
from course_lib.synths.fm import FmSynth as FmSynth, fm_synth as fm_synth
from course_lib.synths.fm_controls import (
    FmControls as FmControls,
    fm_controls as fm_controls,
    index_limits as index_limits,
)
from course_lib.synths.fm_lines import bessel as bessel, bessel_lines as bessel_lines
from course_lib.synths.fm_patch import FmPatch as FmPatch, parse_patch as parse_patch
from course_lib.synths.fourier_tables import (
    draw_tables as draw_tables,
    normalise_tables as normalise_tables,
    samples_from_tables as samples_from_tables,
    tables_from_samples as tables_from_samples,
)
from course_lib.synths.gain import LinearGain as LinearGain
from course_lib.synths.harmonic import (
    HarmonicControls as HarmonicControls,
    HarmonicSynth as HarmonicSynth,
    harmonic_controls as harmonic_controls,
    harmonic_frequencies as harmonic_frequencies,
    harmonic_synth as harmonic_synth,
    mask_above_nyquist as mask_above_nyquist,
    normalise_distribution as normalise_distribution,
    scale_parameters as scale_parameters,
)
from course_lib.synths.newt import (
    NewtControls as NewtControls,
    newt_controls as newt_controls,
    newt_synth as newt_synth,
)
from course_lib.synths.noise import filtered_noise as filtered_noise, noise_controls as noise_controls
from course_lib.synths.oscillator import Oscillator as Oscillator, sinusoid as sinusoid
from course_lib.synths.shapers import Shapers as Shapers
from course_lib.synths.tones.choose import make_tone as make_tone
from course_lib.synths.tones.fm import FmTone as FmTone
from course_lib.synths.tones.newt import NewtTone as NewtTone
from course_lib.synths.tones.wavetable import WavetableTone as WavetableTone
from course_lib.synths.waveforms import (
    sawtooth_wave as sawtooth_wave,
    square_wave as square_wave,
    triangle_wave as triangle_wave,
)
from course_lib.synths.wavetable import (
    WavetableControls as WavetableControls,
    WavetableSynth as WavetableSynth,
    wavetable_controls as wavetable_controls,
    wavetable_synth as wavetable_synth,
)
from course_lib.synths.waveshaper import (
    Curve as Curve,
    chebyshev_curve as chebyshev_curve,
    clip_curve as clip_curve,
    fold_curve as fold_curve,
    tanh_curve as tanh_curve,
    waveshape as waveshape,
)

__version__: str
