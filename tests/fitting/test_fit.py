"""Fitting: it recovers what it should, keeps what it did, and stops with words, not with NaN."""

import numpy as np
import pytest
import torch

import course_lib as cl

SR = 8000


def target_tone():
    return cl.sinusoid(440.0, 0.5, n_samples=800, sample_rate=SR)


@pytest.mark.parametrize("loss", [cl.waveform_l1, cl.spectral_l1, cl.multiscale_spectral_loss])
def test_recovers_a_gain(loss):
    model = cl.LinearGain(0.1)
    history = cl.fit(model, 0.8 * target_tone(), loss, steps=200, lr=0.05, lr_end=1e-3, inputs=(target_tone(),))
    assert float(model.gain.detach()) == pytest.approx(0.8, abs=0.01)
    assert history.final_loss < 0.05 * history.losses[0]


def test_recovers_controls_of_a_harmonic_sound():
    f0 = torch.full((4,), 200.0)
    truth = cl.HarmonicSynth(f0, 3, n_samples=1600, sample_rate=SR)
    with torch.no_grad():
        truth.raw_distribution.copy_(torch.tensor([2.0, 0.0, -2.0]).expand(4, 3))
        target = truth()
    model = cl.HarmonicSynth(f0, 3, n_samples=1600, sample_rate=SR)
    cl.fit(model, target, cl.multiscale_spectral_loss, steps=250, lr=0.05, lr_end=0.005)
    torch.testing.assert_close(model.controls().amplitude, truth.controls().amplitude, atol=0.01, rtol=0)
    torch.testing.assert_close(model.controls().distribution, truth.controls().distribution, atol=0.02, rtol=0)


def test_a_loss_may_prepare_its_target_once():
    prepared = []

    def loss(prediction, target):
        return cl.waveform_l1(prediction, target)

    def for_target(target):
        prepared.append(target)
        return lambda prediction: cl.waveform_l1(prediction, target)

    plain = cl.fit(cl.LinearGain(0.0), target_tone(), loss, 5, 0.1, inputs=(target_tone(),))
    assert not prepared
    loss.for_target = for_target
    quick = cl.fit(cl.LinearGain(0.0), target_tone(), loss, 5, 0.1, inputs=(target_tone(),))
    assert len(prepared) == 1 and quick.losses == plain.losses


def test_the_multiscale_loss_is_the_same_in_a_lambda_and_prepares_its_target_without(monkeypatch):
    built = []

    class Counted(cl.MultiscaleSpectralLoss):
        def __init__(self, target):
            built.append(target)
            super().__init__(target)

    monkeypatch.setattr(cl.multiscale_spectral_loss, "for_target", Counted)
    losses = [cl.multiscale_spectral_loss, lambda p, t: cl.multiscale_spectral_loss(p, t)]
    a, b = (cl.fit(cl.LinearGain(0.5), target_tone(), loss, 3, 0.1, inputs=(target_tone(),)) for loss in losses)
    assert len(built) == 1 and a.losses[0] == pytest.approx(b.losses[0], rel=1e-5)
    assert a.losses == pytest.approx(b.losses, rel=1e-2)  # Adam makes much of a last digit


def test_history_is_data_with_the_first_and_the_last_state():
    model = cl.Oscillator(440.0, 0.1, n_samples=800, sample_rate=SR, learn=("amplitude",))
    history = cl.fit(model, target_tone(), cl.waveform_l1, steps=25, lr=0.01, record_every=10)
    assert history.steps == [0, 10, 20, 25] and len(history.losses) == 26
    assert len(history.sounds) == 4 and history.parameters["amplitude"].shape == (4,)
    assert float(history.parameters["amplitude"][0]) == pytest.approx(0.1)
    assert history.parameters["amplitude"][-1] == model.amplitude
    assert history.final_loss == pytest.approx(float(cl.waveform_l1(history.sound, target_tone())), rel=1e-6)


def test_same_start_same_course():
    runs = [
        cl.fit(
            cl.Oscillator(430.0, 0.1, n_samples=800, sample_rate=SR), target_tone(), cl.spectral_l1, steps=5, lr=0.01
        ).losses
        for _ in "ab"
    ]
    assert runs[0] == runs[1]


def test_learning_rate_falls_to_lr_end():
    seen = []

    class Spy(torch.optim.SGD):
        def step(self, closure=None):
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    cl.fit(
        cl.LinearGain(), target_tone(), cl.waveform_l1, 11, 0.1, inputs=(target_tone(),), optimizer=Spy, lr_end=0.001
    )
    np.testing.assert_allclose(seen[0], 0.1)
    np.testing.assert_allclose(seen[-1], 0.001 * (0.1 / 0.001) ** (1 / 11), rtol=1e-6)


def test_progress_bar_goes_to_stderr_only_when_wanted(capsys, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    cl.fit(cl.LinearGain(), target_tone(), cl.waveform_l1, 3, 0.1, inputs=(target_tone(),))
    assert capsys.readouterr().err == ""
    cl.fit(cl.LinearGain(), target_tone(), cl.waveform_l1, 3, 0.1, inputs=(target_tone(),), progress=True)
    assert "fit" in capsys.readouterr().err


class Silent(torch.nn.Module):
    def forward(self):
        return torch.zeros(800)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": torch.zeros(800)}, "target is silent"),
        ({"target": torch.zeros(0)}, "at least 1 sample"),
        ({"target": torch.full((800,), float("nan"))}, "target must be finite"),
        ({"target": torch.ones(801)}, r"must have the target's shape \(801,\); got \(800,\)"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"lr": 0.0}, "lr must be above 0"),
        ({"lr": float("nan")}, "lr must be above 0"),
        ({"lr_end": -1.0}, "lr_end must be above 0"),
        ({"record_every": 0}, "record_every must be at least 1"),
        ({"loss": lambda p, t: 0.5}, "loss must return one number"),
        ({"loss": lambda p, t: (p - t).abs()}, r"got shape \(800,\)"),
        ({"loss": lambda p, t: (p.detach() - t).abs().mean()}, "depends on the model's sound"),
        ({"model": Silent()}, "nothing to learn"),
        ({"model": lambda: target_tone()}, "must be a torch.nn.Module"),
    ],
)
def test_bad_input(change, message):
    arguments = {
        "model": cl.Oscillator(440.0, 0.1, n_samples=800, sample_rate=SR),
        "target": target_tone(),
        "loss": cl.waveform_l1,
        "steps": 2,
        "lr": 0.1,
    }
    with pytest.raises(ValueError, match=message):
        cl.fit(**(arguments | change))


def test_stops_on_nan_and_says_where_and_what_to_try():
    def loss(prediction, target):
        loss.calls += 1
        return (prediction - target).abs().mean() * (float("nan") if loss.calls == 3 else 1.0)

    loss.calls = 0
    with pytest.raises(
        cl.FitDiverged, match=r"step 2: the loss is nan \(the last finite loss was .*smaller lr than 0.01"
    ):
        cl.fit(cl.Oscillator(440.0, 0.1, n_samples=800, sample_rate=SR), target_tone(), loss, steps=10, lr=0.01)


def test_stops_on_a_gradient_that_is_not_finite():
    with pytest.raises(cl.FitDiverged, match="the gradient of gain is not finite"):
        cl.fit(cl.LinearGain(0.0), target_tone(), lambda p, t: p.square().sum().sqrt(), 2, 0.1, inputs=(target_tone(),))
