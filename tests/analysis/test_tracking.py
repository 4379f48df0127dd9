"""The quick pitch tracker on sounds whose pitch is known, on clips against pYIN, its cost; chords told from voices."""

import resource
import time

import numpy as np
import pytest
import torch

import course_lib as cl
from course_lib.analysis.frames import frame_count

SR = 16_000
SECONDS = torch.arange(375) * 0.004
GLIDE = 440.0 * 2.0 ** (-SECONDS / 1.5)
VIBRATO = 440.0 * 2.0 ** (torch.sin(2 * torch.pi * 5.5 * SECONDS) * 0.5 / 12)


def harmonic(f0, n_harmonics=6, rolloff=0.0):
    weights = torch.arange(1, n_harmonics + 1) ** -float(rolloff)
    return cl.harmonic_synth(
        f0,
        torch.full((len(f0),), 0.5),
        (weights / weights.sum()).expand(len(f0), -1),
        n_samples=len(f0) * 64,
        sample_rate=SR,
    )


def noise(n, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(n)).float()


def with_noise(sound, snr_db):
    extra = noise(len(sound))
    return sound + extra * (sound.square().mean() / extra.square().mean() * 10 ** (-snr_db / 10)).sqrt()


def error_cents(estimate, truth):
    return cl.cents(estimate, truth)[10:-10].abs()


@pytest.mark.parametrize("n_harmonics", [1, 6, 30])
@pytest.mark.parametrize(("truth", "median"), [(GLIDE, 2.0), (VIBRATO, 2.0), (VIBRATO / 3, 4.0)])
def test_glide_and_vibrato(truth, median, n_harmonics):
    track = cl.track_f0(harmonic(truth, n_harmonics), SR)
    assert track.f0_hz.shape == track.confidence.shape == truth.shape
    assert (track.confidence >= 0.5).all() and error_cents(track.f0_hz, truth).median() < median
    assert error_cents(track.f0_hz, truth).max() < 10  # no octave leaps, and vibrato keeps nine tenths of its depth
    assert cl.cents(track.f0_hz, truth)[10:-10].mean().abs() < 1.5  # a lag of one frame would show as 3.2 on the glide


@pytest.mark.parametrize(("snr_db", "median"), [(20, 2.5), (10, 3.0), (0, 10.0)])
@pytest.mark.parametrize("truth", [GLIDE, VIBRATO], ids=["glide", "vibrato"])
def test_noise_is_borne(truth, snr_db, median):
    track = cl.track_f0(with_noise(harmonic(truth), snr_db), SR)
    assert error_cents(track.f0_hz, truth).median() < median
    assert (error_cents(track.f0_hz, truth) < 100).float().mean() > 0.97
    share = 1 / (1 + 10 ** (-snr_db / 10))  # of the energy that is the tone's; more after the low-pass
    assert share - 0.1 < float(track.confidence.median()) < 1


@pytest.mark.parametrize("f0_hz", [66.0, 98.0, 220.0, 523.0, 1046.0, 1099.0])
@pytest.mark.parametrize(
    "weights", [[1.0], [1, 0, 1, 0, 1], [0.1, 1, 0.1, 1, 0.1], [0, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]]
)
def test_no_octave_errors(f0_hz, weights):
    shares = torch.tensor(weights, dtype=torch.float32)
    sound = cl.harmonic_synth(
        torch.full((250,), f0_hz),
        torch.full((250,), 0.5),
        (shares / shares.sum()).expand(250, -1),
        n_samples=SR,
        sample_rate=SR,
    )
    assert cl.cents(cl.track_f0(sound, SR).f0_hz, f0_hz).abs().max() < 3


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("n", [8000, 24_001])
def test_any_sample_rate_and_length(rate, n):
    track = cl.track_f0(cl.sinusoid(300.0, 0.5, n_samples=n, sample_rate=rate), rate, hop_s=0.01)
    assert track.f0_hz.shape == (frame_count(n_samples=n, sample_rate=rate, hop_s=0.01),)
    assert cl.cents(track.f0_hz, 300.0).abs().max() < 3


def test_gaps_are_filled_and_confidence_tells_them():
    n = 6400
    sound = torch.cat(
        [
            cl.sinusoid(200.0, 0.5, n_samples=n, sample_rate=SR),
            0.1 * noise(n),
            torch.zeros(n),
            cl.sinusoid(400.0, 0.5, n_samples=n, sample_rate=SR),
        ]
    )
    track = cl.track_f0(sound, SR, hop_s=0.01)
    voiced = track.confidence >= 0.5
    assert voiced[:38].all() and not voiced[43:117].any() and voiced[122:].all()
    assert torch.isfinite(track.f0_hz).all() and bool((track.f0_hz.diff()[45:115] > 0).all())
    assert bool(((0 <= track.confidence) & (track.confidence <= 1)).all())


def test_noise_alone_and_near_silence_have_no_pitch():
    f0_hz, confidence = cl.track_f0(0.3 * noise(2 * SR).clamp(-3, 3), SR)
    assert (f0_hz == 0).all() and (confidence < 0.5).all()
    tone = cl.sinusoid(300.0, 0.5, n_samples=SR, sample_rate=SR)
    track = cl.track_f0(torch.cat([tone, 1e-4 * tone]), SR)  # 80 dB below the rest: its reverberation, say
    assert (track.confidence[:245] > 0.9).all() and (track.confidence[260:] < 0.5).all()


def test_no_pitch_is_shorter_than_a_frame():
    voice, rate = cl.load_clip("voice")
    for snr_db in (30, 10, 0):
        voiced = (cl.track_f0(with_noise(voice, snr_db), rate).confidence >= 0.5).int()
        edges = torch.cat([torch.zeros(1), voiced, torch.zeros(1)]).diff().nonzero().flatten()
        assert len(edges) > 2 and (edges[1::2] - edges[::2]).min() * 0.004 >= 3 / 65


@pytest.mark.parametrize("f0_hz", [100.0, 1300.0, 2190.0])
def test_the_range_can_be_raised(f0_hz):
    track = cl.track_f0(cl.sinusoid(f0_hz, 0.5, n_samples=SR, sample_rate=SR), SR, f_max_hz=2200.0)
    assert cl.cents(track.f0_hz, f0_hz).abs().max() < 3


def test_level_and_offset_change_nothing():
    sound = harmonic(GLIDE)
    track = cl.track_f0(sound, SR)
    for other in (1e-4 * sound, sound + 0.3, -sound):
        torch.testing.assert_close(cl.track_f0(other, SR).f0_hz, track.f0_hz, rtol=2e-3, atol=0)


@pytest.mark.parametrize("name", ["voice", "violin", "trumpet", "saxophone", "guitar"])
def test_it_agrees_with_pyin_on_the_clips(name):
    sound, rate = cl.load_clip(name)
    f0_hz, voiced = cl.estimate_f0(sound, rate)
    track = cl.track_f0(sound, rate)
    both = voiced & (track.confidence >= 0.5)
    off = cl.cents(track.f0_hz, f0_hz)[both].abs()
    assert both.sum() > 0.9 * voiced.sum() and off.median() < 8  # pYIN's grid is ten cents
    assert (off < 50).float().mean() > 0.95


def test_batches_and_precision():
    batch = torch.stack([cl.sinusoid(f, 0.5, n_samples=4800, sample_rate=SR) for f in (200.0, 300.0)])
    track = cl.track_f0(batch[None], SR)
    assert track.f0_hz.shape == track.confidence.shape == (1, 2, 75)
    torch.testing.assert_close(track.f0_hz[0, 1], cl.track_f0(batch[1], SR).f0_hz)
    silent = cl.track_f0(torch.stack([batch[1], torch.zeros(4800)]), SR)
    torch.testing.assert_close(silent.f0_hz[0], track.f0_hz[0, 1])
    assert (silent.f0_hz[1] == 0).all() and (silent.confidence[1] < 0.5).all()
    alone = cl.track_f0(torch.zeros(4800), SR)
    assert torch.equal(alone.f0_hz, silent.f0_hz[1]) and torch.equal(alone.confidence, silent.confidence[1])
    assert cl.track_f0(batch.double(), SR).f0_hz.dtype == torch.float64
    assert cl.track_f0(batch.half(), SR).f0_hz.dtype == torch.float16


def test_two_minutes_take_seconds_and_little_memory():
    sound = harmonic(GLIDE).repeat(80)
    cl.track_f0(sound[:SR], SR)
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    cl.track_f0(sound, SR)
    assert time.perf_counter() - begin < 0.1 * len(sound) / SR
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.track_f0(torch.zeros(0), SR), "at least 1 sample"),
        (lambda: cl.track_f0(torch.ones(700), SR), "too short to hear a pitch of 65 Hz"),
        (lambda: cl.track_f0(torch.full((8000,), float("nan")), SR), "must be finite"),
        (lambda: cl.track_f0(torch.ones(8000), 0), "sample_rate must be positive"),
        (lambda: cl.track_f0(torch.ones(8000), SR, hop_s=0.0), "hop_s must be positive"),
        (lambda: cl.track_f0(torch.ones(8000), SR, f_min_hz=500, f_max_hz=400), "needs 0 < f_min_hz"),
        (lambda: cl.track_f0(torch.ones(8000), SR, f_max_hz=9000), "needs 0 < f_min_hz"),
        (lambda: cl.track_f0(torch.ones(8000), SR, f_min_hz=400, f_max_hz=410), "two semitones"),
        (lambda: cl.polyphony(torch.zeros(8000), SR), "audio is silent"),
        (lambda: cl.polyphony(torch.ones(2, 8000), SR), "one sound"),
        (lambda: cl.polyphony(torch.ones(8000), -1), "sample_rate must be positive"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def note(midi, vibrato=0.0):
    return harmonic(440.0 * 2.0 ** ((midi - 69 + vibrato * torch.sin(2 * torch.pi * 5 * SECONDS[:250])) / 12), 12, 1.0)


@pytest.mark.parametrize("name", cl.clip_names())
def test_one_voice_is_not_called_a_chord(name):
    assert cl.polyphony(*cl.load_clip(name)) < 0.2


@pytest.mark.parametrize("midi", [38, 50, 62, 74, 86])
@pytest.mark.parametrize("vibrato", [0.0, 0.5])
def test_one_note_is_not_called_a_chord(midi, vibrato):
    assert cl.polyphony(note(midi, vibrato), SR) < 0.1


@pytest.mark.parametrize("root", [48, 55, 60, 67, 72])
@pytest.mark.parametrize("intervals", [[0, 4, 7], [0, 3, 7], [0, 4, 7, 10], [0, 5], [0, 4], [0, 9], [0, 16]])
def test_chords_are_called_chords(root, intervals):
    assert cl.polyphony(sum(note(root + step, 0.2) for step in intervals), SR) > 0.8


def test_what_polyphony_cannot_tell():
    assert cl.polyphony(note(60) + note(72), SR) < 0.1  # an octave
    assert cl.polyphony(note(60) + note(79), SR) < 0.1  # a twelfth
    assert cl.polyphony(0.3 * noise(2 * SR).clamp(-3, 3), SR) == 0.0  # nothing tonal
    assert cl.polyphony(torch.ones(10), SR) >= 0.0
