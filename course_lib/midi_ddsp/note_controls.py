"""The six note controls of MIDI-DDSP: how a note was played, in six numbers of about 0 to 1."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from course_lib.core.checks import as_tensor, check_eager, check_finite
from course_lib.core.types import ArrayLike
from course_lib.core.units import amplitude_to_db, hz_to_midi
from course_lib.scores.notes import Notes, check_notes, note_frames
from course_lib.synths.tone import ToneControls

CONTROLS = ("volume", "volume_fluctuation", "volume_peak_position", "vibrato", "brightness", "attack_noise")
Variant = Literal["mended", "original"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
FLOOR_DB = {"mended": -140.0, "original": -80.0}  # −140 dB is where `exp_sigmoid` ends
VIBRATO_HZ = (3.0, 9.0)
SHORTEST_VIBRATO = 50  # frames; a note must be longer
# A frame whose pitch is further from the note than this is taken for a slip of the tracker.
WIDEST_SEMITONES = 2.0
# The mended form measures slips from the note's own glide, where a smaller distance tells them from a vibrato.
SLIP_SEMITONES = 1.5
# Frames at a note's ends that lie further than this from its glide belong to a neighbour that still rings.
NEAR_SEMITONES = 0.4
MOST_RATES = 64  # tried for the vibrato that is fitted together with the glide
CLIP_FRAMES = 1000  # the original's clips of 4 s: the vibrato's spectrum has bins of 0.25 Hz
ATTACK_FRAMES = 10  # 40 ms


def volume(amplitude: ArrayLike, variant: Variant = "mended") -> Tensor:
    """Mean level of a note: 0 is −90 dB, 1 is −30 dB.

    Args:
        amplitude: (n_frames,), linear, the harmonic synth's.
        variant: "mended", or "original" with levels cut off at −80 dB (nothing below 0.167).

    Returns:
        0-d tensor: mean of 20·log10 a, / 60 + 1.5.

    Source: Wu et al., MIDI-DDSP, 2022, appendix B.3. Chapter: book/midi_ddsp/knobs.ipynb
    """
    return _levels(amplitude, variant).mean() / 60.0 + 1.5


def volume_fluctuation(amplitude: ArrayLike, variant: Variant = "mended") -> Tensor:
    """How much the level of a note moves: its standard deviation, 1 is 24 dB.

    Args:
        amplitude: (n_frames,), linear.
        variant: as `volume`.

    Returns:
        0-d tensor: population standard deviation of 20·log10 a, · 2.5 / 60.

    Source: as `volume`.
    """
    return _levels(amplitude, variant).std(correction=0) * 2.5 / 60.0


def volume_peak_position(amplitude: ArrayLike) -> Tensor:
    """Where in a note it is loudest: 0 at the start, 1 at the end. Of a level that never moves it says nothing.

    Args:
        amplitude: (n_frames,), linear.

    Returns:
        0-d tensor: index of the (first) maximum / L.

    Source: as `volume`.
    """
    a = _frames(amplitude, "amplitude")
    return torch.argmax(a).to(a) / len(a)


def vibrato(f0_hz: ArrayLike, pitch: float, *, frame_rate: float = 250, variant: Variant = "mended") -> Tensor:
    """How deep the pitch of a note wavers 3 to 9 times a second: a sine of ±A semitones gives 3.75·A.

    The deviation from the note (semitones; 0 where it is more than two) is windowed (Tukey, 0.5), its spectrum
    divided by L and multiplied by 10. The original takes the highest of all bins and calls the vibrato 0 if that one
    lies outside 3 … 9 Hz, so that a glide hides a vibrato, and so does the end of the note before, where a tracker
    hears it across the onset. The mended form leaves out the frames at both ends that lie further than
    0.4 semitone from the note's own course (and slips of over 1.5 anywhere), takes the glide out, looks between 3 and
    9 Hz only, and has bins fine enough for long notes. The glide is the straight line that fits best together with a
    sine of any such rate: a line fitted alone would take a part of a short vibrato with it.

    Args:
        f0_hz: (n_frames,), Hz; 0 (unvoiced) counts as on the note.
        pitch: of the note, MIDI.
        frame_rate: frames a second.
        variant: "mended" or "original".

    Returns:
        0-d tensor. 0 for notes of 50 frames or fewer, and of less than one cycle.

    Source: as `volume`.

    >>> t = torch.arange(300) / 250
    >>> vibrato(440 * 2 ** (0.2 * torch.sin(2 * torch.pi * 5.5 * t) / 12), 69).round(decimals=1)
    tensor(0.7000)
    """
    _check_variant(variant)
    f0 = _frames(f0_hz, "f0_hz")
    check_eager("vibrato looks for slips and for the best rate", f0)
    n = len(f0)
    if n <= SHORTEST_VIBRATO:
        return f0.sum() * 0.0
    n_fft = max(CLIP_FRAMES, 4 * n if variant == "mended" else n)
    rates = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * frame_rate / n_fft
    eligible = (rates >= VIBRATO_HZ[0]) & (rates <= VIBRATO_HZ[1]) & (rates * n / frame_rate > 1.0)
    if variant == "mended":
        deviation = straightened_deviation(f0, pitch, frame_rate=frame_rate)
    else:
        deviation, trusted = _deviation(f0, pitch)
        deviation = torch.where(trusted, deviation, 0.0)
        deviation = deviation - deviation.mean()
    spectrum = torch.fft.rfft(deviation * _tukey(n).to(f0), n_fft).abs() / n
    eligible = eligible.to(f0.device)
    if variant == "mended":
        return 10.0 * spectrum[eligible].max()
    highest = torch.argmax(spectrum)
    return 10.0 * torch.where(eligible[highest], spectrum[highest], 0.0)


def straightened_deviation(f0_hz: Tensor, pitch: float, *, frame_rate: float = 250) -> Tensor:
    """How far the pitch of a note wavers about its own glide: what the mended `vibrato` looks at.

    Args:
        f0_hz: (n_frames,), Hz.
        pitch: of the note, MIDI.
        frame_rate: frames a second.

    Returns:
        (n_frames,), semitones, turned round (note less played); 0 in frames that are not the note's own.
    """
    deviation, trusted = _deviation(f0_hz, pitch)
    n = len(deviation)
    if not bool(trusted.any()):
        return torch.zeros_like(deviation)
    # A rough line that neither a few slips nor the end of the note before can turn: through the medians of both halves.
    half = -(-n // 2)
    early, late = deviation[:half][trusted[:half]], deviation[half:][trusted[half:]]
    rough = deviation[trusted].median().expand(n)
    if len(early) and len(late):
        slope = (late.median() - early.median()) / (n / 2)
        rough = (early.median() + late.median()) / 2 + slope * (torch.arange(n).to(deviation) - (n - 1) / 2)
    off = (deviation - rough).abs()
    near = trusted & (off <= NEAR_SEMITONES)
    between_the_ends = (near.cumsum(0) > 0) & (near.flip(0).cumsum(0).flip(0) > 0)
    own = trusted & (off <= SLIP_SEMITONES) & between_the_ends
    filled = torch.where(own, deviation, rough)
    n_fft = max(CLIP_FRAMES, 4 * n)
    rates = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * frame_rate / n_fft
    rates = rates[(rates >= VIBRATO_HZ[0]) & (rates <= VIBRATO_HZ[1]) & (rates * n / frame_rate > 1.0)]
    rates = rates[:: -(-len(rates) // MOST_RATES) or 1]  # in a long note the sine hardly leans on the line
    return torch.where(own, filled - _glide(filled, rates / frame_rate), 0.0)


def _deviation(f0: Tensor, pitch: float) -> tuple[Tensor, Tensor]:
    """Semitones from the note (n_frames,), and a mask of the frames whose pitch can be trusted."""
    deviation = torch.where(f0 > 0, pitch - hz_to_midi(f0), 0.0)
    return deviation, (f0 > 0) & (deviation.abs() <= WIDEST_SEMITONES)


def brightness(distribution: ArrayLike) -> Tensor:
    """Centre of gravity of the harmonics: 0 is none, 1 is harmonic number 12.

    Args:
        distribution: (n_frames, n_harmonics), shares that sum to 1 (0 in a silent frame).

    Returns:
        0-d tensor: mean of Σ k·h_k, / 12.

    Source: as `volume`.
    """
    h = check_finite(as_tensor(distribution, "distribution"), "distribution")
    if h.ndim != 2 or 0 in h.shape:
        raise ValueError(f"distribution must be (n_frames, n_harmonics); got shape {tuple(h.shape)}")
    k = torch.arange(1, h.shape[-1] + 1, device=h.device, dtype=h.dtype)
    return (h * k).sum(-1).mean() / 12.0


def attack_noise(noise_magnitudes: ArrayLike, variant: Variant = "mended") -> Tensor:
    """Mean level of the noise in the first 40 ms: 0 is −105 dB, 1 is −65 dB.

    Args:
        noise_magnitudes: (n_frames, n_bands), linear; only the first ten frames count.
        variant: "mended", or "original" with levels cut off at −80 dB (nothing below 0.625).

    Returns:
        0-d tensor: mean of 20·log10 η over bands and frames, / 40 + 2.625.

    Source: as `volume`.
    """
    noise = as_tensor(noise_magnitudes, "noise_magnitudes")
    if noise.ndim != 2 or 0 in noise.shape:
        raise ValueError(f"noise_magnitudes must be (n_frames, n_bands); got shape {tuple(noise.shape)}")
    _check_variant(variant)
    return amplitude_to_db(noise[:ATTACK_FRAMES], FLOOR_DB[variant]).mean() / 40.0 + 2.625


def extract_expression(
    controls: ToneControls,
    notes: Notes,
    frame_rate: float = 250,
    variant: Variant = "mended",
) -> Tensor:
    """Read the six controls of every note off the synthesizer's controls.

    A note owns the frames from its onset to the next onset or rest (`note_frames`).

    Args:
        controls: of one sound: f0_hz and amplitude (n_frames,), distribution (n_frames, n_harmonics),
            noise_magnitudes (n_frames, n_bands).
        notes: of one voice.
        frame_rate: frames a second.
        variant: "mended" (default) or "original", the published formulas with their two faults.

    Returns:
        (n_notes, 6), columns as in `CONTROLS`, rows in order of onset. Most values lie between 0 and 1; none is cut
        off. NaN for a note without frames: behind the end of the sound, or with the next note's onset in its frame.

    Raises:
        ValueError: shapes that do not fit, notes that are no notes, an unknown variant.

    Source: Wu et al., MIDI-DDSP, 2022, section 3.2. Chapter: book/midi_ddsp/knobs.ipynb

    >>> controls = ToneControls(torch.full((50,), 440.0), torch.ones(50), torch.ones(50, 60) / 60, torch.ones(50, 65))
    >>> extract_expression(controls, [(0.0, 0.2, 69)]).shape
    torch.Size([1, 6])
    """
    _check_variant(variant)
    check_eager("extract_expression cuts a sound into its notes", *controls)
    ordered = check_notes(notes)
    f0, amplitude, distribution, noise = controls
    if f0.ndim != 1 or amplitude.shape != f0.shape or not len(f0) == len(distribution) == len(noise):
        raise ValueError(
            "the controls must be those of one sound, with as many frames each; got "
            + ", ".join(f"{name} {tuple(value.shape)}" for name, value in controls._asdict().items())
        )
    note_index = note_frames(ordered, len(f0), frame_rate=frame_rate).note
    rows = []
    for i, note in enumerate(ordered):
        frames = (note_index == i).nonzero().squeeze(-1).to(f0.device)
        if not len(frames):
            rows.append(amplitude.new_full((6,), math.nan))
            continue
        a = amplitude[frames]
        values = (
            volume(a, variant),
            volume_fluctuation(a, variant),
            volume_peak_position(a),
            vibrato(f0[frames], note.pitch, frame_rate=frame_rate, variant=variant),
            brightness(distribution[frames]),
            attack_noise(noise[frames[:ATTACK_FRAMES]], variant),
        )
        rows.append(torch.stack([value.to(amplitude) for value in values]))
    return torch.stack(rows) if rows else amplitude.new_zeros(0, 6)


def _glide(deviation: Tensor, cycles: Tensor) -> Tensor:
    """The straight line in a deviation (n_frames,), fitted together with a sine at the best of `cycles` a frame."""
    n = len(deviation)
    t = torch.arange(n, dtype=torch.float64, device=deviation.device) - (n - 1) / 2
    line = torch.stack([torch.ones_like(t), t / n], -1)
    y = deviation.double()
    if not len(cycles):
        return (y.mean() + 0.0 * t).to(deviation)
    angle = 2 * math.pi * cycles.to(t.device).unsqueeze(-1) * t
    tables = torch.cat([line.expand(len(cycles), n, 2), torch.stack([angle.cos(), angle.sin()], -1)], -1)
    with torch.no_grad():
        tried = torch.linalg.lstsq(tables, y.expand(len(cycles), n).unsqueeze(-1)).solution
        best = int(((tables @ tried).squeeze(-1) - y).square().sum(-1).argmin())
    return (line @ (torch.linalg.pinv(tables[best])[:2] @ y)).to(deviation)


def _tukey(n: int) -> Tensor:
    """Tukey window, a quarter of it rising, a quarter falling, as `scipy.signal.windows.tukey(n, 0.5)`."""
    if n == 1:
        return torch.ones(1, dtype=torch.float64)
    edge = torch.arange(n, dtype=torch.float64).minimum(torch.arange(n - 1, -1, -1, dtype=torch.float64))
    return 0.5 - 0.5 * torch.cos(math.pi * (edge / (0.25 * (n - 1))).clamp(max=1.0))


def _levels(amplitude: ArrayLike, variant: Variant) -> Tensor:
    _check_variant(variant)
    return amplitude_to_db(_frames(amplitude, "amplitude"), FLOOR_DB[variant])


def _frames(value: ArrayLike, name: str) -> Tensor:
    x = check_finite(as_tensor(value, name), name)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"{name} must be (n_frames,), the frames of one note; got shape {tuple(x.shape)}")
    return x


def _check_variant(variant: Variant) -> None:
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}; got {variant!r}")
