"""Whether the players do what they are told, measured in their sound, and what each part of the hierarchy is worth."""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.benchmark import data_file
from course_lib.core.units import midi_to_hz
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.midi_ddsp.checkpoint import load_expression, load_pitch, load_synthesis
from course_lib.midi_ddsp.data import load_performances
from course_lib.midi_ddsp.hearing.listener import hear
from course_lib.midi_ddsp.hearing.measure import measure_expression
from course_lib.midi_ddsp.note_controls import ATTACK_FRAMES, CONTROLS, SHORTEST_VIBRATO, extract_expression
from course_lib.midi_ddsp.playing.conditioning import NotePlan
from course_lib.midi_ddsp.playing.expression_generator import note_features
from course_lib.midi_ddsp.playing.pitch_generator import PitchGenerator
from course_lib.midi_ddsp.playing.players import Players, load_players
from course_lib.midi_ddsp.playing.render import perform, play, synthesise
from course_lib.midi_ddsp.playing.synthesis_generator import SynthesisGenerator
from course_lib.midi_ddsp.training.annotations import Annotated, annotate
from course_lib.midi_ddsp.training.examples import prepare
from course_lib.midi_ddsp.training.pitch import train_pitch
from course_lib.midi_ddsp.training.synthesis import RUN, train_synthesis
from course_lib.midi_ddsp.training.synthesis_loss import AS_PUBLISHED, SynthesisLoss
from course_lib.scores.notes import Note
from course_lib.sounds.clips import data_path, load_clip

SUMMARY = "sweep the six controls of every instrument, measure them in the sound, and weigh the parts of MIDI-DDSP"
PARTS = ("test", "held_out")
VALUES = tuple(round(0.1 * i, 1) for i in range(11))
# Wu et al. 2022, table 2, all instruments; measured by the authors on generated parameters, not in the sound.
PUBLISHED = dict(zip(CONTROLS, (0.97, 0.78, 0.57, 0.70, 0.92, 0.93), strict=True))
PUBLISHED_RMSE = {"synthesis": 0.19, "expression": 0.14, "instrument_mean": 0.23}
# A vibrato is read off notes of more than 50 frames only; in the training data none shorter than this has one.
VIBRATO_S = 0.25
SPEED_S = 30.0
CURVE_FRAMES = 400  # of the curves that are stored for the page
DIE, MOOD = 0.18, 0.25  # of the player in tools/perform_tunes.py: standard deviation a note, and range either way


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "performances",
        type=Path,
        nargs="?",
        help="the folder that tools/perform_tunes.py wrote; without it, the excerpts that come with the course are "
        "measured and printed, beside what is stored of the rest",
    )
    parser.add_argument(
        "--part",
        choices=("all", "sweeps", "round_trip", "speed", "pitch", "loss", "adversary"),
        default="all",
        help="what to run; the rest stays",
    )
    parser.add_argument("--steps", type=int, default=1500, help="training steps of the losses compared")
    parser.add_argument("--adversary-steps", type=int, default=600, help="training steps with and without adversary")
    parser.add_argument("--regressor-steps", type=int, default=3000, help="training steps of the pitch regressors")
    parser.add_argument("--work", type=Path, help="a folder that keeps what was heard and trained, to go on from")
    parser.add_argument("--out", type=Path, help="file to write; data/midi_ddsp.json of the checkout by default")


def run_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options and run."""
    own = data_path("inference.json").parent / "midi_ddsp" / "performances"
    if options.performances is None:
        if options.part not in ("all", "sweeps", "round_trip", "speed") or options.out is not None:
            parser.error("this part, and --out, need the folder of performances that tools/perform_tunes.py writes")
        show(measures(load_players(), own, own, options.part))
        if options.part == "all":
            stored = json.loads(data_path("midi_ddsp.json").read_text(encoding="utf-8"))
            show({name: stored[name] for name in ("pitch", "loss", "adversary") if name in stored})
            inference = json.loads(data_path("inference.json").read_text(encoding="utf-8"))
            print("inference against the tone-transfer decoder, stored:", json.dumps(inference["decoders"]), flush=True)
        return
    if not any(options.performances.glob("*/performances.json")):
        parser.error(f"{options.performances} holds no performances: `python tools/perform_tunes.py` makes them")
    if min(options.steps, options.adversary_steps, options.regressor_steps) < 1:
        parser.error("every number of steps must be at least 1")
    path = data_file(parser, options.out, "midi_ddsp.json")
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    table |= {"device": platform.machine(), "torch": torch.__version__}
    players, part = load_players(), options.part
    found = measures(players, own, options.performances, part, options.work)
    if part in ("all", "pitch"):
        found["pitch"] = compare_pitch(players, options.performances, options.regressor_steps, options.work)
    if part in ("all", "loss"):
        found["loss"] = compare_losses(players, options.performances, options.steps, options.work)
    if part in ("all", "adversary"):
        found["adversary"] = compare_adversary(players, options.performances, options.adversary_steps, options.work)
    show(found)
    table |= found
    cards = path.parent / "midi_ddsp" / "cards.json"
    if cards.is_file() and {"sweeps", "round_trip", "pitch"} <= set(table):
        write_cards(cards, table)
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def measures(
    players: Players, excerpts: Path, folder: Path, part: str = "all", work: Path | None = None
) -> dict[str, Any]:
    """Sweeps over the excerpts, round trips over the folder, speed."""
    found: dict[str, Any] = {}
    if part in ("all", "sweeps"):
        found["sweeps"] = sweeps(players, heard(excerpts, PARTS))
    if part in ("all", "round_trip"):
        found["round_trip"] = round_trips(players, {p: heard(folder, [p], work) for p in PARTS})
        found["real"] = real_recording()
    if part in ("all", "speed"):
        found["speed"] = speed(players)
    return found


def heard(folder: Path, parts: Iterable[str], work: Path | None = None) -> list[Annotated]:
    """Performances of these parts, and what the inference network hears in them."""
    wanted = list(parts)
    performances = load_performances(folder, parts=wanted)
    return annotate([p for part in wanted for p in performances[part]], cache=work and work / "annotations")


def sweeps(
    players: Players, phrases: Sequence[Annotated], values: Sequence[float] = VALUES, in_sound: bool = True
) -> dict[str, Any]:
    """Set one control of every note to each value while the others stay as they were played, and measure all six.

    Args:
        players: who plays.
        phrases: performances with their expression.
        values: that the control is set to.
        in_sound: measured in the sound, by `measure_expression`; False: read off the synthesis controls.

    Returns:
        "r": {instrument or "all": {control: Pearson's r of what was set with what was measured, over notes and
        values}}; "vibrato_all_notes": the same with notes too short to waver; "response": (6, 6), row: set, column:
        measured; mean slope over the notes; "rmse": of the swept control, per control.
    """
    asked = torch.tensor(values)
    per: dict[str, list[list[Tensor]]] = {}
    slopes: list[list[Tensor]] = [[] for _ in CONTROLS]
    for phrase in phrases:
        p = phrase.performance
        long = torch.tensor([note.duration_s > VIBRATO_S for note in p.notes])
        per.setdefault(p.instrument, [[] for _ in CONTROLS])
        for i in range(len(CONTROLS)):
            rows = []
            for value in values:
                expression = phrase.expression.clone()
                expression[:, i] = value
                controls = play(p.notes, expression, p.instrument, players=players, n_frames=len(phrase.owner))
                rows.append(
                    measure_expression(synthesise(controls), p.notes)
                    if in_sound
                    else extract_expression(controls, p.notes)
                )
            read = torch.stack(rows)  # (values, notes, controls)
            per[p.instrument][i].append(torch.cat([read[..., i], long.expand(1, -1)]))
            centred = (asked - asked.mean()).reshape(-1, 1, 1)
            slope = (centred * read).sum(0) / centred.square().sum()
            slopes[i].append(slope[long] if CONTROLS[i] == "vibrato" else slope)
    groups = {**per, "all": [list(itertools.chain(*(rows[i] for rows in per.values()))) for i in range(len(CONTROLS))]}
    found: dict[str, Any] = {"controls": list(CONTROLS), "values": list(values), "r": {}, "vibrato_all_notes": {}}
    for name, columns in groups.items():
        joined = [torch.cat(column, 1) for column in columns]
        kept = [x[:-1, x[-1] > 0] if CONTROLS[i] == "vibrato" else x[:-1] for i, x in enumerate(joined)]
        found["r"][name] = {c: _r(asked, x) for c, x in zip(CONTROLS, kept, strict=True)}
        found["vibrato_all_notes"][name] = _r(asked, joined[CONTROLS.index("vibrato")][:-1])
        if name == "all":
            found["rmse"] = {
                c: round(float((x - asked.unsqueeze(-1)).square().nanmean().sqrt()), 3)
                for c, x in zip(CONTROLS, kept, strict=True)
            }
    found["response"] = [[round(float(x), 3) for x in torch.cat(rows).nanmean(0)] for rows in slopes]
    found["notes"] = sum(len(phrase.expression) for phrase in phrases)
    found["long_notes"] = sum(len(x) for x in slopes[CONTROLS.index("vibrato")])
    return found


def _r(asked: Tensor, read: Tensor) -> float:
    """Pearson's r of values (n,) with measurements (n, n_notes)."""
    pairs = torch.stack([asked.unsqueeze(-1).expand_as(read).flatten(), read.flatten()]).double()
    return round(float(torch.corrcoef(pairs[:, torch.isfinite(pairs).all(0)])[0, 1]), 3)


def _rmse(differences: Sequence[Tensor]) -> dict[str, Any]:
    joined = torch.cat(list(differences))
    joined = joined[torch.isfinite(joined).all(-1)]
    by = [round(float(x), 3) for x in joined.square().mean(0).sqrt()]
    return {"all": round(float(joined.square().mean().sqrt()), 3), **dict(zip(CONTROLS, by, strict=True))}


def round_trips(players: Players, parts: dict[str, Sequence[Annotated]]) -> dict[str, Any]:
    """How far the controls of a performance are from those that a player reads, guesses, or plays.

    For each part, RMSE over all notes of: "synthesis", asked against read off the generated controls; "sound", against
    measured in the sound; "expression", guessed from the notes alone; "told", guessed when told how the note before
    was played; "instrument_mean", the mean of the instrument, which is given what is to be guessed;
    "shuffled", the same network reading the notes in a random order; "dice", an estimate of what nobody can guess: the
    mood and the die of the rule-based player. "loss": multi-scale spectral loss of the sound played from the true
    expression, against the recording.
    """
    found: dict[str, Any] = {}
    generator = torch.Generator().manual_seed(0)
    means = {
        name: torch.cat([a.expression for rows in parts.values() for a in rows if a.performance.instrument == name])
        for name in players.instruments
        if any(a.performance.instrument == name for rows in parts.values() for a in rows)
    }
    means = {name: x[torch.isfinite(x).all(-1)].mean(0) for name, x in means.items()}
    for part, annotated in parts.items():
        rows: dict[str, list[Tensor]] = {}
        losses = []
        for a in annotated:
            p, true = a.performance, a.expression
            controls = play(p.notes, true, p.instrument, players=players, n_frames=len(a.owner))
            sound = synthesise(controls)
            order = torch.randperm(len(p.notes), generator=generator)
            guesses = {
                "synthesis": extract_expression(controls, p.notes),
                "sound": measure_expression(sound, p.notes),
                "expression": perform(p.notes, p.instrument, players=players),
                "told": told(players, a),
                "instrument_mean": means[p.instrument].expand_as(true),
                "shuffled": perform(_in_order(p.notes, order), p.instrument, players=players)[order.argsort()],
            }
            for name, guess in guesses.items():
                rows.setdefault(name, []).append(guess - true)
            losses.append(float(multiscale_spectral_loss(sound, p.audio[: len(sound)])))
        found[part] = {name: _rmse(x) for name, x in rows.items()}
        found[part]["dice"] = dice(annotated)
        found[part]["loss"] = round(float(np.mean(losses)), 3)
    return found


def dice(annotated: Sequence[Annotated]) -> dict[str, float]:
    """RMSE of somebody who knows the rules of tools/perform_tunes.py: how far mood and die move each control.

    What was drawn moves a control by a slope, fitted for each instrument over the notes where anything was drawn.
    """
    squares: list[Tensor] = []
    for name in {a.performance.instrument for a in annotated}:
        mine = [a for a in annotated if a.performance.instrument == name and a.performance.drawn is not None]
        if not mine:
            continue
        read = torch.cat([a.expression for a in mine])
        drawn = torch.cat([a.performance.drawn for a in mine if a.performance.drawn is not None])
        there = torch.isfinite(read).all(-1)
        read, drawn = read[there], drawn[there]
        free = (drawn > 0) & (drawn < 1)
        columns = []
        for i in range(len(CONTROLS)):
            x, y = drawn[free[:, i], i], read[free[:, i], i]
            slope = float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum().clamp(min=1e-9))
            columns.append(slope**2 * (DIE**2 + MOOD**2 / 3) * free[:, i])
        squares.append(torch.stack(columns, -1))
    if not squares:
        return {}
    joined = torch.cat(squares)
    by = [round(float(x), 3) for x in joined.mean(0).sqrt()]
    return {"all": round(float(joined.mean().sqrt()), 3), **dict(zip(CONTROLS, by, strict=True))}


def told(players: Players, annotated: Annotated) -> Tensor:
    """The expression generator's guesses, (n_notes, 6), when it is told how every note before was really played."""
    p, model = annotated.performance, players.expression
    features = note_features(p.notes).unsqueeze(0)
    known = torch.ones(1, len(p.notes))
    known[:, 0] = 0.0
    before = torch.nan_to_num(annotated.expression).roll(1, 0).unsqueeze(0)
    with torch.no_grad():
        return model(features, before, known, model.indices([p.instrument]))[0][0]


def _in_order(notes: Sequence[Note], order: Tensor) -> list[Note]:
    """The same notes, with their gaps behind them, one after the other in another order."""
    gaps = [b.onset_s - a.end_s for a, b in itertools.pairwise(notes)] + [0.0]
    at, moved = 0.0, []
    for i in order.tolist():
        moved.append(notes[i]._replace(onset_s=at))
        at += notes[i].duration_s + max(0.0, gaps[i])
    return moved


def real_recording(name: str = "voice") -> dict[str, Any]:
    """Inference on a real recording: spectral loss of what was heard, played again, and the notes that were found."""
    audio, rate = load_clip(name)
    found = hear(audio, rate)
    n = len(found.sound)
    return {
        "clip": name,
        "loss": round(float(multiscale_spectral_loss(found.sound, audio[:n])), 3),
        "silence": round(float(multiscale_spectral_loss(torch.zeros(n), audio[:n])), 3),
        "notes": len(found.notes),
        "expression": [round(float(x), 2) for x in found.expression.nanmean(0)],
    }


def speed(players: Players, seconds: float = SPEED_S, repeats: int = 3) -> dict[str, Any]:
    """Seconds of one core for a second of sound, by stage, the best of some runs; reading the networks apart."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    notes = [Note(0.4 * i, 0.38, 60 + (7 * i) % 12) for i in range(round(seconds / 0.4))]
    name = players.instruments[0]
    times: dict[str, float] = {}

    def clock(stage: str, function: Any) -> Any:
        began = time.perf_counter()
        result = function()
        times[stage] = min(times.get(stage, np.inf), time.perf_counter() - began)
        return result

    try:
        for _ in range(repeats):
            expression = clock("expression", lambda: perform(notes, name, seed=0, players=players))
            plan = prepare_plan(players, notes, expression)
            clock("pitch", lambda plan=plan: list(players.pitch.generate(*plan)))
            controls = clock("pitch_and_synthesis", lambda e=expression: play(notes, e, name, players=players))
            clock("sound", lambda c=controls: synthesise(c))
    finally:
        torch.set_num_threads(threads)
    length = len(controls.f0_hz) / players.synthesis.config.frame_rate
    found = {stage: round(value / length, 5) for stage, value in times.items()}
    found["whole"] = round(sum(times[s] for s in ("expression", "pitch_and_synthesis", "sound")) / length, 5)
    began = time.perf_counter()
    load_players(data_path("inference.json").parent / "midi_ddsp")
    return {"real_time_factors": found, "seconds_of_sound": length, "reading_s": round(time.perf_counter() - began, 3)}


def prepare_plan(players: Players, notes: Sequence[Note], expression: Tensor) -> tuple[Any, Tensor, torch.Generator]:
    """What the pitch generator alone needs to play these notes."""
    plan = NotePlan(notes, expression, players.pitch.config.frame_rate)
    n_frames = round(notes[-1].end_s * plan.rate)
    instrument_id = players.pitch.indices([players.instruments[0]])
    return [plan.features(0, n_frames)], instrument_id, torch.Generator().manual_seed(0)


def compare_pitch(players: Players, folder: Path, steps: int, work: Path | None = None) -> dict[str, Any]:
    """Drawn classes against two regressors of the same size and training: what do they make of the vibrato?

    "regression" gives one number a frame, and is told its last one; "blind" is not even told that. Each is trained, or
    read where `work` holds it. See `vibrato_kept` for the figures.
    """
    annotated: dict[str, list[Annotated]] = {}
    found: dict[str, Any] = {"steps": steps}
    networks = {"categorical": players.pitch}
    for name, feedback in (("regression", True), ("blind", False)):
        out = None if work is None else work / f"{name}.safetensors"
        if out is not None and out.is_file():
            networks[name] = load_pitch(out)[0]
            continue
        annotated = annotated or {part: heard(folder, [part], work) for part in ("train", "validation")}
        config = replace(players.pitch.config, regression=True, feedback=feedback)
        networks[name] = train_pitch(annotated, out, steps=steps, config=config)[0]
    rows = {part: heard(folder, [part], work) for part in PARTS}
    for name, network in networks.items():
        found[name] = {part: vibrato_kept(network, annotated) for part, annotated in rows.items()}
    found["curves"] = pitch_curves(networks, rows["test"])
    return found


def pitch_curves(networks: dict[str, PitchGenerator], annotated: Sequence[Annotated]) -> dict[str, list[float]]:
    """The longest note with a clear vibrato, as it was played and as each network plays it: semitones a frame."""
    best: tuple[int, Any, int] | None = None
    for lesson in prepare(annotated):
        length = lesson.plan.end - lesson.plan.start
        length = torch.where(lesson.plan.expression[:, CONTROLS.index("vibrato")] > 0.6, length, 0)
        i = int(length.argmax())
        if best is None or int(length[i]) > best[0]:
            best = int(length[i]), lesson, i
    assert best is not None
    _, lesson, i = best
    own = (lesson.owner == i) & lesson.sounding
    curves = {"played": lesson.semitones[own]}
    for name, network in networks.items():
        instrument_id = network.indices([lesson.annotated.performance.instrument])
        features = lesson.plan.features(0, len(lesson))
        (semitones,) = network.generate([features], instrument_id, torch.Generator().manual_seed(0))
        curves[name] = semitones[own]
    return {name: [round(float(x), 3) for x in curve[:CURVE_FRAMES]] for name, curve in curves.items()}


def vibrato_kept(network: PitchGenerator, annotated: Sequence[Annotated]) -> dict[str, float]:
    """What a network makes of the vibrato of long notes.

    Returns:
        "variance": of the deviation within notes, generated over true; "rates_hz" and "true_rates_hz": standard
        deviation of the rate, from note to note; "r" and "rmse": of the vibrato asked for with the one that is played.
    """
    ours, theirs, asked, played = 0.0, 0.0, [], []
    rates: list[tuple[float, float]] = []
    for lesson in prepare(annotated):
        p = lesson.annotated.performance
        features = lesson.plan.features(0, len(lesson))
        (semitones,) = network.generate([features], network.indices([p.instrument]), torch.Generator().manual_seed(0))
        long = (lesson.plan.end - lesson.plan.start) > SHORTEST_VIBRATO
        true = lesson.annotated.expression[:, CONTROLS.index("vibrato")]
        for i in torch.nonzero(long & (true > 0.1)).flatten().tolist():
            own = (lesson.owner == i) & lesson.sounding
            ours += float((semitones[own] - semitones[own].mean()).square().sum())
            theirs += float((lesson.semitones[own] - lesson.semitones[own].mean()).square().sum())
            if int(own.sum()) >= 150 and float(true[i]) > 0.3:  # long and deep enough for a rate
                rates.append((_rate_hz(semitones[own]), _rate_hz(lesson.semitones[own])))
        pitch = lesson.plan.pitch[lesson.owner]
        controls = lesson.annotated.controls._replace(f0_hz=midi_to_hz(pitch + semitones))
        read = extract_expression(controls, p.notes)[:, CONTROLS.index("vibrato")]
        there = long & torch.isfinite(read)
        asked.append(true[there])
        played.append(read[there])
    x, y = torch.cat(asked), torch.cat(played)
    spread = torch.tensor(rates).std(0) if len(rates) > 1 else torch.zeros(2)
    return {
        "variance": round(ours / theirs, 3),
        "rates_hz": round(float(spread[0]), 3),
        "true_rates_hz": round(float(spread[1]), 3),
        "r": round(float(torch.corrcoef(torch.stack([x, y]))[0, 1]), 3),
        "rmse": round(float((x - y).square().mean().sqrt()), 3),
    }


def _rate_hz(semitones: Tensor) -> float:
    """The rate, from 3 to 9 Hz, at which a deviation wavers most."""
    n_fft = 4000
    centred = (semitones - semitones.mean()) * torch.hann_window(len(semitones))
    spectrum = torch.fft.rfft(centred, n_fft).abs()
    rates = torch.arange(len(spectrum)) * 250 / n_fft
    spectrum[(rates < 3) | (rates > 9)] = 0
    return float(rates[spectrum.argmax()])


def compare_losses(players: Players, folder: Path, steps: int, work: Path | None = None) -> dict[str, Any]:
    """Two short trainings: the loss as published (spectral only, nothing varied) and ours."""
    annotated = {part: heard(folder, [part], work) for part in ("train", "validation", *PARTS)}
    found: dict[str, Any] = {"steps": steps}
    for name, parts in (("published", AS_PUBLISHED), ("ours", SynthesisLoss())):
        out = None if work is None else work / f"loss_{name}.safetensors"
        network = train_synthesis(annotated, out, steps=steps, parts=parts)[0]
        found[name] = judge(replace(players, synthesis=network), annotated["test"][::4])
    return found


def judge(players: Players, annotated: Sequence[Annotated]) -> dict[str, Any]:
    """r of each control swept (read off the controls), round trip, and how lively the harmonics are."""
    swept = sweeps(players, annotated, VALUES[::2], in_sound=False)
    losses, rows = [], []
    for a in annotated:
        p = a.performance
        controls = play(p.notes, a.expression, p.instrument, players=players, n_frames=len(a.owner))
        rows.append(extract_expression(controls, p.notes) - a.expression)
        sound = synthesise(controls)
        losses.append(float(multiscale_spectral_loss(sound, p.audio[: len(sound)])))
    return {
        "r": swept["r"]["all"],
        "rmse": _rmse(rows)["all"],
        "loss": round(float(np.mean(losses)), 3),
        "liveliness": liveliness(players.synthesis, annotated),
    }


def liveliness(network: SynthesisGenerator, annotated: Sequence[Annotated]) -> dict[str, float]:
    """How much the harmonics' levels (dB) move within a note, generated over heard: from frame to frame, and in all.

    On the true pitch, over the harmonics that are within 40 dB of the strongest, attacks left out.
    """
    sums = np.zeros(4)
    for lesson in prepare(annotated):
        features = lesson.plan.features(0, len(lesson)).unsqueeze(0)
        instrument_id = network.indices([lesson.annotated.performance.instrument])
        with torch.no_grad():
            raw = network(features, lesson.semitones.unsqueeze(0), instrument_id)
            ours = network.controls(raw, lesson.annotated.controls.f0_hz.unsqueeze(0)).distribution[0]
        heard_db, ours_db = (20 * torch.log10(x + 1e-4) for x in (lesson.annotated.controls.distribution, ours))
        first = lesson.plan.start[lesson.owner]
        steady = lesson.sounding & (torch.arange(len(lesson)) - first >= ATTACK_FRAMES)
        both = steady[1:] & steady[:-1] & (lesson.owner[1:] == lesson.owner[:-1])
        strong = heard_db[1:] > heard_db[1:].amax(-1, keepdim=True) - 40.0
        where = both.unsqueeze(-1) & strong
        for i, x in enumerate((heard_db, ours_db)):
            sums[i] += float((x.diff(dim=0).square() * where).sum())
            n = len(lesson.plan.start)
            weight = (where.float()).new_zeros(n, x.shape[-1]).index_add(0, lesson.owner[1:], where.float())
            mean = x.new_zeros(n, x.shape[-1]).index_add(0, lesson.owner[1:], x[1:] * where) / weight.clamp(min=1)
            sums[2 + i] += float(((x[1:] - mean[lesson.owner[1:]]).square() * where).sum())
    return {"frame_to_frame": round(sums[1] / sums[0], 3), "within_notes": round(sums[3] / sums[2], 3)}


def compare_adversary(players: Players, folder: Path, steps: int, work: Path | None = None) -> dict[str, Any]:
    """Go on training the course's own generator, without an adversary, with one, and with one that counts tenfold."""
    annotated = {part: heard(folder, [part], work) for part in ("train", "validation", *PARTS)}
    found: dict[str, Any] = {"steps": steps, "before": judge(players, annotated["test"][::4])}
    plan = replace(RUN.plan, lr=5e-4, warm_up=20, validate_every=steps)
    for name, weight in (("without", 0.0), ("with", 1.0), ("strong", 10.0)):
        parts = SynthesisLoss(adversary=weight)
        out = None if work is None else work / f"adversary_{name}.safetensors"
        network = train_synthesis(annotated, out, steps=steps, parts=parts, plan=plan, start=players.synthesis)[0]
        found[name] = judge(replace(players, synthesis=network), annotated["test"][::4])
    return found


def write_cards(path: Path, table: dict[str, Any]) -> None:
    """Put the generators' facts and figures beside those of the inference network."""
    cards = json.loads(path.read_text(encoding="utf-8"))
    kinds: dict[str, tuple[Any, str, dict[str, Any]]] = {
        "pitch": (
            load_pitch,
            "notes and expression in; the pitch about each note out, one of 201 classes 250 times a second",
            {f"vibrato_variance_{part}": table["pitch"]["categorical"][part]["variance"] for part in PARTS},
        ),
        "synthesis": (
            load_synthesis,
            "notes, expression and pitch in; amplitude, 60 harmonics and 65 noise bands out, 250 times a second",
            {f"r_{name}": r for name, r in table["sweeps"]["r"]["all"].items()},
        ),
        "expression": (
            load_expression,
            "notes in; mean and spread of six controls for each out",
            {f"rmse_{part}": table["round_trip"][part]["expression"]["all"] for part in PARTS},
        ),
    }
    for kind, (load, what, figures) in kinds.items():
        network, facts = load()
        training = {key: facts["training"][key] for key in ("steps", "seconds", "device", "torch", "validation_loss")}
        cards[kind] = {
            "what": what,
            "data": cards["inference"]["data"],
            "command": facts["command"],
            **training,
            "weights": sum(x.numel() for x in network.parameters()),
            "instruments": list(network.config.instruments),
            **figures,
            "limits": "one voice, dry, MIDI pitches of tools/perform_tunes.py; a rule-based player's taste",
            "licence": cards["inference"]["licence"],
        }
    path.write_text(json.dumps(cards, indent=1) + "\n", encoding="utf-8")


def show(found: dict[str, Any]) -> None:
    """Print tables."""
    if "sweeps" in found:
        s = found["sweeps"]
        print(f"r of what was set with what is measured in the sound ({s['notes']} notes, {len(s['values'])} values):")
        rows = [["published, all", *PUBLISHED.values()]]
        rows += [[name, *(f"{r[c]:.2f}" for c in CONTROLS)] for name, r in s["r"].items()]
        _table(["", *CONTROLS], rows)
        print(f"vibrato, notes of 0.25 s and less included: {json.dumps(s['vibrato_all_notes'])}")
        print("response, row: set, column: measured (slope):")
        _table(
            ["", *CONTROLS], [[c, *(f"{x:.2f}" for x in row)] for c, row in zip(CONTROLS, s["response"], strict=True)]
        )
    for part in PARTS:
        if "round_trip" in found and part in found["round_trip"]:
            print(f"RMSE of the controls, {part} (published: {json.dumps(PUBLISHED_RMSE)}):")
            errors = {k: v for k, v in found["round_trip"][part].items() if isinstance(v, dict)}
            _table(["", "all", *CONTROLS], [[k, *(f"{x:.3f}" for x in v.values())] for k, v in errors.items()])
            print(f"spectral loss, played from the true expression: {found['round_trip'][part]['loss']}")
    for name in ("real", "speed", "pitch", "loss", "adversary"):
        if name in found:
            short = {key: value for key, value in found[name].items() if key != "curves"}
            print(f"{name}: {json.dumps(short)}", flush=True)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    texts = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)
