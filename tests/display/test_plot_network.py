"""Pictures of networks: every weight once, what flows where, the names of the module, nothing changed, bad input."""

import matplotlib
import pytest
import torch
from torch import nn

import course_lib as cl
from course_lib.core.networks import stack
from course_lib.display.plots.network_layers import describe
from course_lib.display.plots.network_parts import network_parts
from course_lib.midi_ddsp import load_inference, load_players
from course_lib.midi_ddsp.playing.conditioning import FEATURES
from course_lib.tone_transfer import ToneTransfer, TransferConfig, load_instrument

matplotlib.use("Agg")
FRAMES = 50
F0, LOUDNESS, NOTES = (
    torch.full((1, FRAMES), 440.0),
    torch.full((1, FRAMES), -20.0),
    torch.rand(1, FRAMES, len(FEATURES)),
)
VIOLIN = torch.tensor([0])


@pytest.fixture(scope="module")
def networks():
    recording = torch.sin(torch.arange(64.0 * FRAMES))[None] / 10
    players = load_players()
    heard = {"recording": recording, "pitch (Hz)": F0, "loudness (dB)": LOUDNESS, "instrument": VIOLIN}
    classes = torch.zeros(1, FRAMES, dtype=torch.long)
    before = {"notes": torch.rand(1, 5, 7), "note before": torch.rand(1, 5, 6), "known": torch.ones(1, 5)}
    return {
        "tone transfer": (load_instrument("violin")[0], {"pitch (Hz)": F0, "loudness (dB)": LOUDNESS}),
        "inference": (load_inference()[0], heard),
        "pitch": (players.pitch, {"notes": NOTES, "last class": classes, "instrument": VIOLIN}),
        "synthesis": (players.synthesis, {"notes": NOTES, "pitch (semitones)": 0 * F0, "instrument": VIOLIN}),
        "expression": (players.expression, {**before, "instrument": VIOLIN}),
    }


def sources(parts, name):
    return {parts[i].name for part in parts if part.name == name for i in part.sources}


@pytest.mark.parametrize("name", ["tone transfer", "inference", "pitch", "synthesis", "expression"])
def test_every_weight_is_counted_once_and_said_inside_its_box(name, networks):
    module, inputs = networks[name]
    before = [p.requires_grad for p in module.parameters()], module.training
    ax = cl.plot_network(module, inputs, output="what comes out")
    assert ([p.requires_grad for p in module.parameters()], module.training) == before
    assert all(p.grad is None for p in module.parameters()) and not any(m._forward_hooks for m in module.modules())

    words = [text.get_text() for text in ax.texts]
    parts = network_parts(module, inputs, "what comes out")
    for part in parts:
        owned = [p for path, p in module.named_parameters() if path == part.name or path.startswith(part.name + ".")]
        assert part.weights == sum(p.numel() for p in owned), part.name
        assert part.name in " ".join(words)
        assert not part.weights or any(w.startswith(f"{part.weights:,} weights") for w in words)
    total = sum(p.numel() for p in module.parameters())
    assert sum(part.weights for part in parts) == total
    assert ax.get_title() == f"{type(module).__name__}: {total:,} trained weights"
    assert all(i < k for k, part in enumerate(parts) for i in part.sources)
    assert all(part.sources for part in parts if part.kind != "input" and part.name != "reverb")

    ax.figure.canvas.draw()
    boxes = [patch.get_window_extent() for patch in ax.patches]
    for text in filter(lambda text: text.get_text(), ax.texts):
        t = text.get_window_extent()
        assert any(b.x0 <= t.x0 and t.x1 <= b.x1 and b.y0 <= t.y0 and t.y1 <= b.y1 for b in boxes), text.get_text()
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    matplotlib.pyplot.close(ax.figure)


def test_what_flows_where_in_the_decoder(networks):
    parts = network_parts(*networks["tone transfer"], output="sound")
    assert sources(parts, "decoder.pitch") == {"pitch (Hz)"} and sources(parts, "decoder.loudness") == {"loudness (dB)"}
    assert sources(parts, "decoder.gru") == {"decoder.pitch", "decoder.loudness"}
    assert sources(parts, "decoder.output") == {"decoder.pitch", "decoder.loudness", "decoder.gru"}
    assert sources(parts, "controls") == {"pitch (Hz)", "decoder.raw"}  # the pitch goes around the network
    assert sources(parts, "room") == {"harmonic", "noise", "reverb"}
    assert sources(parts, "sound") == {"harmonic", "noise", "room"}
    of = {part.name: part for part in parts}
    assert of["decoder.gru"].flows == (FRAMES, 128) and of["controls"].flows == (FRAMES, 127)
    assert of["sound"].flows == (64 * FRAMES,)
    assert {name for name, part in of.items() if part.kind == "fixed"} == {"controls", "harmonic", "noise", "room"}


def test_what_flows_where_in_the_others(networks):
    parts = network_parts(*networks["inference"])
    assert sources(parts, "measured") == {"features"} and sources(parts, "controls") == {
        "pitch (Hz)",
        "raw",
        "measured",
    }
    parts = network_parts(*networks["synthesis"])
    assert sources(parts, "asked") == {"notes"} and sources(parts, "output") == {"raw", "asked"}
    assert next(part for part in parts if part.name == "enter").flows == (FRAMES, 96)
    parts = network_parts(*networks["expression"])
    assert sources(parts, "play") == {"note before", "known", "usual"} and sources(parts, "output") == {"usual", "mood"}


def test_parts_that_were_left_out_are_not_drawn():
    config = TransferConfig(width=4, hidden=4, n_harmonics=4, n_bands=4, use_noise=False, use_reverb=False)
    names = [part.name for part in network_parts(ToneTransfer(config), {"f0_hz": F0, "loudness_db": LOUDNESS})]
    assert "harmonic" in names and not {"noise", "room", "reverb"} & set(names)


class Odd(nn.Module):
    """A frozen layer, one used twice, one not at all, dropout, and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.frozen, self.twice, self.idle = nn.Linear(3, 3).requires_grad_(False), nn.Linear(3, 3), nn.Linear(2, 2)
        self.drop, self.scale = nn.Dropout(0.5), nn.Parameter(torch.ones(3))

    def forward(self, x, y):
        return self.scale * self.twice(self.drop(self.twice(self.frozen(x)) + y))


def test_frozen_shared_unused_and_single_weights():
    module, inputs = Odd().train(), {"x": torch.rand(1, 5, 3), "y": torch.rand(1, 5, 3)}
    state = torch.get_rng_state()
    parts = network_parts(module, inputs)
    assert torch.equal(state, torch.get_rng_state()) and module.training and not module.frozen.weight.requires_grad
    assert [(p.name, p.kind, p.weights) for p in parts] == [
        ("x", "input", 0),
        ("y", "input", 0),
        ("frozen", "fixed", 12),
        ("twice", "trained", 12),
        ("twice", "trained", 0),
        ("scale", "trained", 3),
        ("output", "output", 0),
        ("idle", "trained", 6),
    ]
    assert parts[4].sources == {1, 3} and parts[6].sources == {4, 5} and parts[7].sources == set()
    ax = cl.plot_network(module, inputs, matplotlib.pyplot.axes())
    assert ax.get_title() == "Odd: 21 trained weights, 12 fixed"


def test_one_layer_by_itself_and_layers_in_words():
    parts = network_parts(nn.Linear(3, 2), {"x": torch.rand(4, 3)})
    assert [(p.name, p.weights, p.flows) for p in parts] == [("x", 0, (3,)), ("Linear", 8, (2,)), ("output", 0, (2,))]
    assert describe(stack(3, width=8)) == "2 × (Linear, LayerNorm, LeakyReLU)\n3 → 8 → 8"
    assert describe(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))) == "Linear, ReLU, Linear\n2 → 4 → 1"
    assert describe(nn.GRU(3, 5, bidirectional=True)) == "GRU, both ways\n3 → 10"
    assert describe(nn.Conv1d(2, 4, 3)) == "Conv1d\n2 → 4, 3 wide" and describe(nn.LayerNorm(3)) == "LayerNorm"


def test_bad_input_says_the_rule():
    with pytest.raises(ValueError, match=r"module must be a torch.nn.Module; got function"):
        cl.plot_network(cl.sinusoid, {"x": torch.rand(1, 3)})
    with pytest.raises(ValueError, match="inputs must be a mapping"):
        cl.plot_network(nn.Linear(3, 2), torch.rand(1, 3))
    with pytest.raises(ValueError, match=r"Linear cannot run on these inputs \(x: \(1, 4\)\)"):
        cl.plot_network(nn.Linear(3, 2), {"x": torch.rand(1, 4)})
    module = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(ValueError, match="Sequential cannot run"):
        cl.plot_network(module, {"x": torch.rand(1, 3), "y": torch.rand(1, 3)})
    assert not module._forward_hooks and module[0].weight.requires_grad
