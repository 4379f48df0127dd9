"""An instrument as ONNX, operator by operator: recurrent network, oscillators, noise filter and room."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from course_lib.core.networks import LOUDNESS_FLOOR_DB
from course_lib.core.phase import TURN
from course_lib.core.units import A4_HZ, A4_MIDI
from course_lib.tone_transfer.exporting.graph import Graph, Value
from course_lib.tone_transfer.exporting.parts import ports
from course_lib.tone_transfer.exporting.tables import noise_tables, room_table
from course_lib.tone_transfer.model import ToneTransfer

NOISE_BIAS = -5.0  # as `noise_controls`
Controls = dict[str, Value]


def write_onnx(path: Path, model: ToneTransfer, part: str, facts: dict[str, str]) -> None:
    """Write a part of an instrument as `.onnx`."""
    inputs, outputs = ports(model.config, part)
    graph = Graph(f"{facts['instrument']} {part}")
    given = {port.name: graph.input(port) for port in inputs}
    made = decoder(graph, model, given)
    if part == "instrument":
        made |= sounds(graph, model, given, made)
    for port in outputs:
        graph.output(port, made[port.name])
    path.write_bytes(graph.model(facts))


def decoder(g: Graph, model: ToneTransfer, given: Controls) -> Controls:
    """`ToneTransfer.controls_and_state`; without a state it begins from zeros."""
    c, network = model.config, model.decoder
    f0_hz, loudness_db = given["f0_hz"], given["loudness_db"]
    g.group = "scale"
    octaves = g("Log", g("Max", f0_hz, 8.1757989) / A4_HZ) * (1 / math.log(2))
    pitch = g("Clip", octaves * 12 + A4_MIDI, 0.0, 127.0) / 127.0
    loudness = g("Max", loudness_db, LOUDNESS_FLOOR_DB) / -LOUDNESS_FLOOR_DB + 1.0
    features = [_stack(g, "pitch", network.pitch, pitch.unsqueeze(-1))]
    features += [_stack(g, "loudness", network.loudness, loudness.unsqueeze(-1) * float(c.use_loudness))]
    together = g("Concat", *features, axis=-1)
    remembered, state = _recurrence(g, network.gru, together, given.get("state"))
    g.group = "raw"
    hidden = _stack(g, "output", network.output, g("Concat", remembered, together, axis=-1))
    raw = _linear(g, network.raw, hidden)
    g.group = "controls"
    noise = raw.cut(-1, 1 + c.n_harmonics)
    partials = f0_hz.unsqueeze(-1) * np.arange(1.0, c.n_harmonics + 1)
    audible = g("And", g("Less", partials, c.sample_rate / 2, dtype="bool"), g("Greater", partials, 0.0, dtype="bool"))
    shares = g("Where", audible, _amplitude(g, raw.cut(-1, 1, 1 + c.n_harmonics)), g.constant(0.0))
    total = g("ReduceSum", shares, np.array([-1]), keepdims=1)
    silent = g("Equal", total, 0.0, dtype="bool")
    return {
        "amplitude": _amplitude(g, raw.cut(-1, 0, 1)).squeeze(-1),
        "distribution": shares / g("Where", silent, g.constant(1.0), total),
        "noise_magnitudes": _amplitude(g, noise + NOISE_BIAS) if c.use_noise else noise,
        "next_state": state,
    }


def _amplitude(g: Graph, raw: Value) -> Value:
    """`exp_sigmoid`."""
    return g("Pow", g("Sigmoid", raw), math.log(10.0)) * 2.0 + 1e-7


def _stack(g: Graph, name: str, layers: nn.Sequential, x: Value) -> Value:
    g.group = name
    for layer in layers:
        if isinstance(layer, nn.Linear):
            x = _linear(g, layer, x)
        elif isinstance(layer, nn.LayerNorm):
            scale, shift = (weight.detach().numpy() for weight in (layer.weight, layer.bias))
            x = g("LayerNormalization", x, scale, shift, axis=-1, epsilon=layer.eps)
        elif isinstance(layer, nn.LeakyReLU):
            x = g("LeakyRelu", x, alpha=layer.negative_slope)
        else:
            raise TypeError(f"{type(layer).__name__} has no ONNX here; add it")
    return x


def _linear(g: Graph, layer: nn.Linear, x: Value) -> Value:
    return x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def _recurrence(g: Graph, gru: nn.GRU, x: Value, state: Value | None) -> tuple[Value, Value]:
    """The operator GRU, whose gates stand in another order: update, reset, new."""
    g.group = "gru"

    def gates(which: str) -> np.ndarray:
        reset, update, new = getattr(gru, f"{which}_l0").detach().numpy().reshape(3, gru.hidden_size, -1)
        return np.concatenate([update, reset, new])[None]

    bias = np.concatenate([gates("bias_ih"), gates("bias_hh")], 1)[..., 0]
    every, last = g(
        "GRU",
        *(x.permute(1, 0, 2), gates("weight_ih"), gates("weight_hh"), bias, None, state),
        hidden_size=gru.hidden_size,
        linear_before_reset=1,
        results=2,
    )
    return every.squeeze(1).permute(1, 0, 2), last


def sounds(g: Graph, model: ToneTransfer, given: Controls, controls: Controls) -> Controls:
    """`ToneTransfer.synthesise` in frames of one hop: (batch, n_frames, hop) until the end."""
    c = model.config
    hop = c.sample_rate // c.frame_rate
    parts = {"harmonic": _harmonics(g, given["f0_hz"], controls, hop, c.n_harmonics, c.sample_rate)}
    dry = parts["harmonic"]
    if c.use_noise:
        parts["noise"] = _noise(
            g, given["white_noise"].reshape(0, -1, hop), controls["noise_magnitudes"], hop, c.n_bands
        )
        dry = dry + parts["noise"]
    if model.reverb is not None:
        g.group = "room"
        table = room_table(model.reverb.impulse_response, hop).numpy()
        frames = dry.permute(0, 2, 1)
        parts["room"] = g("Conv", frames, table, pads=[table.shape[-1] - 1, 0]).permute(0, 2, 1)
    g.group = "sound"
    parts["sound"] = dry + parts["room"] if "room" in parts else dry
    return {name: part.reshape(0, -1) for name, part in parts.items()}


def _after(g: Graph, frames: Value) -> Value:
    """Each frame's next one, the last one its own."""
    return g("Concat", frames.cut(1, 1), frames.cut(1, -1), axis=1)


def _harmonics(g: Graph, f0_hz: Value, controls: Controls, hop: int, n_harmonics: int, rate: int) -> Value:
    """The phase as `frame_phase` has it, in whole ticks; then each harmonic from the two before it, in float64."""
    g.group = "phase"
    f = f0_hz.to("float64")
    after = _after(g, f)
    resting, ending = (g("Equal", x, 0.0, dtype="bool") for x in (f, after))
    left, right = g("Where", resting, after, f, dtype="float64"), g("Where", ending, f, after, dtype="float64")
    step, bend = left / rate, (right - left) / (hop * rate)  # turns a sample; turns a sample a sample
    ticks = ((step - g("Floor", step)) * float(TURN)).to("int64")
    rise = (bend * float(TURN)).to("int64")
    rest = g("Where", resting, g.constant(0, "int64"), ticks, dtype="int64")
    move = ticks * (hop - 1) + rest + rise * (hop * (hop - 1) // 2)
    # In a rest the first sample does not move the phase.
    held = ticks - rest
    start = g("CumSum", move, np.array(1)) - move - held
    j = np.arange(hop, dtype=np.float64)
    turns = (start.to("float64") / float(TURN)).unsqueeze(-1)
    turns = turns + step.unsqueeze(-1) * j + bend.unsqueeze(-1) * (j * (j - 1) / 2)
    phase = (turns - g("Floor", turns)) * (2 * math.pi)
    g.group = "harmonics"
    this, twice = g("Sin", phase), g("Cos", phase) * 2.0
    shares = (controls["amplitude"].unsqueeze(-1) * controls["distribution"]).to("float64")
    slopes = (_after(g, shares) - shares) / float(hop)
    total, last = None, None
    for k in range(n_harmonics):
        part = (shares.cut(-1, k, k + 1) + slopes.cut(-1, k, k + 1) * j) * this
        total = part if total is None else total + part
        this, last = twice * this if last is None else twice * this - last, this
    assert total is not None
    return total.to("float32")


def _noise(g: Graph, white: Value, magnitudes: Value, hop: int, n_bands: int) -> Value:
    """Filtered noise by `noise_tables`; the last frame counts twice, so that it is held instead of fading out."""
    g.group = "noise"
    fade, analysis, gains, synthesis, lead = noise_tables(hop, n_bands=n_bands)
    before, behind = (white.pad((0, 0), pads, (0, 0)) for pads in ((1, 0), (0, 1)))
    pieces = g("Concat", before, behind, axis=-1) * _numbers(fade)
    held = g("Concat", magnitudes, magnitudes.cut(1, -1), axis=1)
    shaped = (pieces @ _numbers(analysis)) * (held @ _numbers(gains)) @ _numbers(synthesis)
    blocks = 2 + 2 * lead
    total = None
    for c in range(blocks):
        part = shaped.cut(-1, c * hop, (c + 1) * hop).pad((0, 0), (c, blocks - 1 - c), (0, 0))
        total = part if total is None else total + part
    assert total is not None
    return total.cut(1, 1 + lead, -1 - lead)


def _numbers(table: Tensor) -> np.ndarray:
    return table.numpy()
