"""Training the synthesis generator: sound like the performance, and do what the six controls say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.core.units import amplitude_to_db
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.midi_ddsp.checkpoint import save_synthesis
from course_lib.midi_ddsp.note_controls import ATTACK_FRAMES, FLOOR_DB
from course_lib.midi_ddsp.playing.conditioning import FEATURES
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisConfig, SynthesisGenerator
from course_lib.midi_ddsp.training.adversary import Adversary, Contest, Rivals
from course_lib.midi_ddsp.training.annotate import Annotated
from course_lib.midi_ddsp.training.examples import draw_places, prepare, tone_lesson
from course_lib.midi_ddsp.training.generators import check_parts, teach
from course_lib.synths.harmonic import harmonic_synth
from course_lib.synths.noise import filtered_noise
from course_lib.synths.tone import ToneControls
from course_lib.training.trainer import Plan, TrainingRecord

PLAN = Plan(batch=8, stretch_s=1.5, lr=2.5e-3, validate_every=200, validation_stretches=24)
QUIET_DB = -110.0
ATTACK_FEATURE = FEATURES.index("just_begun")  # e^(−t / 20 ms) …


@dataclass(frozen=True)
class SynthesisLoss:
    """What the generator learns from, and how much each part counts.

    varied: share of the notes that are varied. spectral: of the sound. levels: of amplitude, harmonics and noise in dB,
    one by one (the original computed it and left it out). notes: of the five controls that can be read off the tone,
    over the frames of each note. adversary and resemblance: of `Rivals`, 0 without.
    """

    varied: float = 0.5
    spectral: float = 1.0
    levels: float = 1.0
    notes: float = 1.0
    adversary: float = 0.0
    resemblance: float = 10.0


AS_PUBLISHED = SynthesisLoss(varied=0.0, levels=0.0, notes=0.0)


def train_synthesis(
    annotated: Mapping[str, Sequence[Annotated]],
    out: str | Path | None = None,
    *,
    steps: int = 5000,
    config: SynthesisConfig | None = None,
    plan: Plan | None = None,
    parts: SynthesisLoss | None = None,
    start: SynthesisGenerator | None = None,
    facts: dict[str, Any] | None = None,
    resume: bool = True,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    on_validation: Callable[[SynthesisGenerator, TrainingRecord], None] | None = None,
) -> tuple[SynthesisGenerator, TrainingRecord]:
    """Train the synthesis generator on the true pitch curves: no gradient passes from it to the pitch generator.

    Everything that `train_model` says about being killed, resumed, and several processes holds here.

    Args:
        annotated: {"train": …, "validation": …}, from `annotate`.
        out: where the network goes (.safetensors); None keeps it in memory only.
        steps: gradient steps in all, those before a resume included.
        config: its shape; by default it knows the instruments of the performances.
        plan: batch size, learning rate, seed…
        parts: of the loss.
        start: a generator whose weights to begin with.
        facts: stored with the network.
        resume, device, progress, on_validation: as `train_inference`.

    Returns:
        The network with the best validation loss (spectral + levels + notes, on varied and plain stretches), in
        evaluation mode, and the record.

    Raises:
        ValueError: no performances for training or validation; a training state of another plan or network.
        FloatingPointError: the loss is not finite.

    Chapter: book/midi_ddsp/playing.ipynb
    """
    names = check_parts(annotated)
    lessons = {part: prepare(annotated[part]) for part in ("train", "validation")}
    plan, parts = plan or PLAN, parts or SynthesisLoss()
    config = (start.config if start else None) or config or SynthesisConfig(instruments=names)
    torch.manual_seed(plan.seed)
    model = SynthesisGenerator(config)
    if start is not None:
        model.load_state_dict(start.state_dict())
    trained: nn.Module = model
    if parts.adversary:
        trained = Rivals(model, Adversary(1 + config.n_harmonics + config.n_bands))
    n_frames = round(plan.stretch_s * config.frame_rate)

    def batch(part: str, size: int, share: float, generator: torch.Generator) -> Batch:
        cuts, rows = [], []
        for lesson, at in draw_places(lessons[part], size, n_frames, generator):
            vary = share if float(torch.rand((), generator=generator)) < 0.75 else 0.0
            features, target = tone_lesson(lesson, at, n_frames, vary, generator)
            here = slice(at, at + n_frames)
            cuts.append((features, lesson.semitones[here], lesson.owner[here], lesson.sounding[here], *target))
            rows.append(model.indices([lesson.annotated.performance.instrument]))
        features, semitones, owner, sounding, *wanted = (torch.stack(x) for x in zip(*cuts, strict=True))
        return Batch(features, semitones, torch.cat(rows), owner, sounding, ToneControls(*wanted))

    def loss(shared: nn.Module, generator: torch.Generator, where: torch.device) -> Tensor:
        drawn = batch("train", plan.batch, parts.varied, generator).to(where)
        inputs = (drawn.features, drawn.semitones, drawn.instrument)
        if not parts.adversary:
            return compare(model, shared(*inputs), drawn, parts, generator)
        contest: Contest = shared(*inputs, drawn.target.f0_hz, drawn.target)
        ours = compare(model, contest.raw, drawn, parts, generator)
        return ours + parts.adversary * (contest.fool + parts.resemblance * contest.resemble) + contest.judge

    held = batch("validation", plan.validation_stretches, 0.5, torch.Generator().manual_seed(plan.seed + 1))

    def validate(_: nn.Module, where: torch.device) -> float:
        generator, total = torch.Generator().manual_seed(plan.seed + 1), 0.0
        for i in range(0, len(held.features), 8):
            some = held.rows(slice(i, i + 8)).to(where)
            raw = model(some.features, some.semitones, some.instrument)
            total += float(compare(model, raw, some, SynthesisLoss(), generator)) * len(some.features)
        return total / len(held.features)

    record = teach(
        model,
        loss,
        validate,
        annotated,
        out,
        save_synthesis,
        trained=trained,
        settings={"loss": asdict(parts)},
        facts=facts,
        steps=steps,
        plan=plan,
        resume=resume,
        device=device,
        progress=progress,
        on_validation=on_validation,
    )
    return model, record


@dataclass(frozen=True)
class Batch:
    """Stretches to learn from; every tensor begins with (batch, n_frames)."""

    features: Tensor
    semitones: Tensor
    instrument: Tensor
    owner: Tensor
    sounding: Tensor
    target: ToneControls

    def to(self, where: torch.device) -> Batch:
        """The same on another device."""
        return self._map(lambda x: x.to(where))

    def rows(self, which: slice) -> Batch:
        """Some of the stretches."""
        return self._map(lambda x: x[which])

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        features, semitones, instrument, owner, sounding = map(
            change, (self.features, self.semitones, self.instrument, self.owner, self.sounding)
        )
        return Batch(features, semitones, instrument, owner, sounding, ToneControls(*map(change, self.target)))


def compare(
    model: SynthesisGenerator, raw: Tensor, drawn: Batch, parts: SynthesisLoss, generator: torch.Generator
) -> Tensor:
    """The generator's loss, 0-d: its raw numbers against the controls that were to be found."""
    played = model.controls(raw, drawn.target.f0_hz)
    total = raw.new_zeros(())
    if parts.spectral:
        rate = model.config.sample_rate
        n_samples = raw.shape[1] * rate // model.config.frame_rate
        with torch.no_grad():
            wanted = _sound(drawn.target, n_samples, rate, generator)
        total = total + parts.spectral * multiscale_spectral_loss(_sound(played, n_samples, rate, generator), wanted)
    if parts.levels:
        ours, theirs = _levels(played), _levels(drawn.target)
        heard = (theirs[0] > QUIET_DB).unsqueeze(-1)
        level, colour, noise = ((a - b).abs() for a, b in zip(ours, theirs, strict=True))
        colour = (colour * heard).sum() / (heard.sum() * colour.shape[-1]).clamp(min=1)  # silence has no colour
        total = total + parts.levels / 10.0 * (level.mean() + colour + noise.mean())
    if parts.notes:
        total = total + parts.notes * _note_errors(played, drawn, model.config.frame_rate)
    return total


def _sound(controls: ToneControls, n_samples: int, rate: int, generator: torch.Generator) -> Tensor:
    return harmonic_synth(*controls[:3], n_samples, rate) + filtered_noise(
        controls.noise_magnitudes, n_samples, generator
    )


def _levels(controls: ToneControls) -> tuple[Tensor, Tensor, Tensor]:
    floor = FLOOR_DB["mended"]
    return (
        amplitude_to_db(controls.amplitude, floor),
        amplitude_to_db(controls.distribution, -60.0),
        amplitude_to_db(controls.noise_magnitudes, floor),
    )


def _note_errors(played: ToneControls, drawn: Batch, rate: int) -> Tensor:
    """How far mean level, its spread, the centroid and the attack's noise lie off, note by note, in controls' units."""
    batch = len(drawn.owner)
    notes = int(drawn.owner.max()) + 1
    rows = (drawn.owner + notes * torch.arange(batch, device=drawn.owner.device).unsqueeze(-1)).flatten()
    sounding = drawn.sounding.flatten().to(drawn.features)
    last = math.exp(-(ATTACK_FRAMES - 0.5) / rate / 0.02)  # … tells how old a note is
    attack = sounding * (drawn.features[..., ATTACK_FEATURE].flatten() > last)
    k = torch.arange(1, played.distribution.shape[-1] + 1).to(drawn.features)

    def means(values: Tensor, w: Tensor) -> Tensor:
        sums = values.new_zeros(batch * notes).index_add(0, rows, values * w)
        return sums / w.new_zeros(batch * notes).index_add(0, rows, w).clamp(min=1.0)

    def read(c: ToneControls) -> Tensor:
        level = amplitude_to_db(c.amplitude, FLOOR_DB["mended"]).flatten()
        mean = means(level, sounding)
        spread = (means(level.square(), sounding) - mean.square()).clamp(min=1e-3).sqrt()
        noise = amplitude_to_db(c.noise_magnitudes, FLOOR_DB["mended"]).mean(-1).flatten()
        centroid = means((c.distribution @ k).flatten(), sounding)
        return torch.stack([mean / 60.0, spread / 24.0, centroid / 12.0, means(noise, attack) / 40.0])

    present = (means(torch.ones_like(sounding), sounding) > 0).sum().clamp(min=1)
    return (read(played) - read(drawn.target)).abs().sum() / present
