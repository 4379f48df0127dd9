"""The network beside tone-transfer decoders of the same performances, and one kind of features beside the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_lib.benchmark.inference.accuracy import errors, infer
from course_lib.benchmark.performances import PARTS
from course_lib.fitting.losses import multiscale_spectral_loss
from course_lib.midi_ddsp.data import load_performances
from course_lib.midi_ddsp.hearing.inference_network import DDSPInference, InferenceConfig
from course_lib.midi_ddsp.training.inference import RUN, train_inference
from course_lib.tone_transfer.data import load_recordings
from course_lib.tone_transfer.model import TransferConfig
from course_lib.tone_transfer.training import train

DECODERS = ("violin", "trumpet")


def compare_decoders(
    model: DDSPInference, folder: Path, steps: int, work: Path | None, names: Sequence[str] = DECODERS
) -> dict[str, Any]:
    """Train tone-transfer decoders on the same performances, and compare both on the tunes that neither heard."""
    losses: dict[str, Any] = {}
    for name in names:
        out = None if work is None else work / f"{name}.safetensors"
        config = TransferConfig(use_reverb=False)  # there is no room in these recordings
        decoder, record = train(load_recordings(folder / name), out, steps=steps, config=config)
        rows: dict[str, list[float]] = {}
        for part in PARTS:
            for p in load_performances(folder, [name], [part])[part]:
                with torch.no_grad():
                    decoded = decoder(p.f0_hz, p.loudness_db, len(p.audio))
                inferred = infer(model, p)[1]
                for system, sound in (("decoder", decoded), ("inference", inferred)):
                    rows.setdefault(f"{system}_{part}", []).append(float(multiscale_spectral_loss(sound, p.audio)))
        losses[name] = {key: round(float(np.mean(values)), 3) for key, values in rows.items()}
        losses[name] |= {"steps": steps, "validation_loss": round(record.best_loss, 3)}
        print(name, losses[name], flush=True)
    return losses


def compare_features(folder: Path, steps: int) -> dict[str, Any]:
    """Short trainings that differ in what the network sees: errors on the tunes they never heard."""
    performances = load_performances(folder, parts=("train", "validation", "test"))
    names = tuple(sorted({p.instrument for p in performances["train"]}))
    found: dict[str, Any] = {"steps": steps, "batch": 4}
    for kind in ("harmonic", "mel"):
        config, plan = InferenceConfig(instruments=names, features=kind), replace(RUN.plan, batch=4, validate_every=100)
        model, record = train_inference(performances, steps=steps, config=config, plan=plan, progress=False)
        rows = [errors(*infer(model, p), p) for p in performances["test"]]
        found[kind] = {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}
        found[kind]["validation_loss"] = round(record.best_loss, 3)
        print(kind, found[kind], flush=True)
    return found
