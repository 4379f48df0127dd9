"""Two yardsticks for a decoder, one to beat and one out of its reach; and measures of how well it follows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.analysis.loudness import loudness_db
from course_lib.analysis.recordings import Recording
from course_lib.core.extras import needs_course
from course_lib.core.units import cents
from course_lib.synths.tone import ToneControls
from course_lib.tone_transfer.model import ToneTransfer


class FreeControls(nn.Module):
    """An instrument without a network: every raw number of every frame is a parameter of its own, fitted to one sound.

    What it reaches is the ceiling of the synthesizer and the room: no decoder can do better with them.

    Args:
        model: the instrument whose tone and room are taken as they are.
        f0_hz: (n_frames,), Hz.
        loudness: (n_frames,), dB; the fit starts at what the decoder makes of it.
        n_samples: length of the sound.

    Chapter: book/tone_transfer/decoder.ipynb
    """

    f0_hz: Tensor

    def __init__(self, model: ToneTransfer, f0_hz: Tensor, loudness: Tensor, n_samples: int) -> None:
        super().__init__()
        self.instrument = (model,)  # in a tuple: not a part of this module, so not trained with it
        self.n_samples = n_samples
        with torch.no_grad():
            raw, _ = model.raw_and_state(f0_hz, loudness)
        self.register_buffer("f0_hz", f0_hz)
        self.raw = nn.Parameter(raw)

    def controls(self) -> ToneControls:
        """What the raw numbers stand for now."""
        return self.instrument[0].controls_of(self.raw, self.f0_hz)

    def forward(self) -> Tensor:
        """The sound, (n_samples,)."""
        return self.instrument[0].synthesise(self.controls(), self.n_samples)["sound"]


class MeanTimbre:
    """An instrument with one colour: the decoder's average over a set of recordings, only louder and softer.

    Args:
        model: the instrument.
        recordings: what is averaged over.

    Chapter: book/tone_transfer/decoder.ipynb
    """

    def __init__(self, model: ToneTransfer, recordings: list[Recording]) -> None:
        shares, noises, levels, weights = [], [], [], []
        for r in recordings:
            with torch.no_grad():
                c = model.controls(r.f0_hz, r.loudness_db)
            weight = 10.0 ** (r.loudness_db / 20.0)
            weights.append(weight.sum())
            levels.append(c.amplitude.sum())
            shares.append((c.amplitude.unsqueeze(-1) * c.distribution).sum(0))
            noises.append(c.noise_magnitudes.sum(0))
        total = torch.stack(weights).sum()
        self.distribution = torch.stack(shares).sum(0) / torch.stack(levels).sum()
        self.amplitude = torch.stack(levels).sum() / total  # per unit of loudness, as an amplitude
        self.noise = torch.stack(noises).sum(0) / total

    def controls(self, f0_hz: Tensor, loudness: Tensor) -> ToneControls:
        """Controls (n_frames, …) for a pitch and a loudness curve."""
        level = 10.0 ** (loudness / 20.0)
        shares = self.distribution.expand(len(f0_hz), -1)
        return ToneControls(f0_hz, self.amplitude * level, shares, level.unsqueeze(-1) * self.noise)


def loudness_correlation(sound: Tensor, asked_db: Tensor, sample_rate: int, *, gate_db: float = -60.0) -> float:
    """Pearson's r between the loudness of a sound and the loudness that was asked for, where it was above the gate."""
    measured = loudness_db(sound.detach(), sample_rate)
    mask = asked_db > gate_db
    return float(torch.corrcoef(torch.stack([measured[mask], asked_db[mask]]))[0, 1])


def pitch_error_cents(sound: Tensor, asked_hz: Tensor, sample_rate: int, asked_db: Tensor) -> Tensor:
    """How far (cents) the sound's pitch lies from the asked one, in frames where it is steady and not soft.

    The pitch is measured by YIN in windows of 43 ms, on the sound at 48 kHz, where its interpolation is exact enough.
    Pitches below 70 Hz are not measured well. Left out are soft frames, and those near a change of pitch: half a
    semitone within 0.2 s before or 0.1 s after.

    Args:
        sound: (n_samples,).
        asked_hz: (n_frames,), Hz.
        sample_rate: Hz.
        asked_db: (n_frames,), dB.

    Returns:
        (n_kept,), cents, signed.
    """
    with needs_course("pitch_error_cents"):
        import librosa

    n = len(asked_hz)
    fine = librosa.resample(sound.detach().numpy(), orig_sr=sample_rate, target_sr=48_000)
    low = max(float(asked_hz.min()) / 1.5, 2.01 * 48_000 / 2048)  # two periods must fit
    high = float(asked_hz.max()) * 1.5
    hop = round(len(fine) / n)
    f0 = librosa.yin(fine, fmin=low, fmax=min(high, 20_000.0), sr=48_000, frame_length=2048, hop_length=hop)[:n]
    midi = 12.0 * torch.log2(asked_hz)
    before, after = round(0.2 * n * sample_rate / len(sound)), round(0.1 * n * sample_rate / len(sound))
    window = torch.nn.functional.pad(midi.view(1, 1, -1), (before, after), mode="replicate")[0, 0]
    window = window.unfold(0, before + after + 1, 1)
    steady = window.amax(-1) - window.amin(-1) < 0.5
    kept = steady & (asked_db > asked_db.max() - 30.0)
    return cents(torch.from_numpy(f0.copy()).to(asked_hz), asked_hz)[kept]
