"""Losses under the transforms of torch, in half precision, from odd arrays; their reductions; the loss as a module."""

from __future__ import annotations

import copy
import functools
import io

import pytest
import torch
from torch import Tensor

import course_lib as cl
from tests.helpers.torch_stack import Case, check, every, rand

SR = 16_000
SIZES = (32, 8)
P, T = rand(2, 3, 50, low=-0.5, high=0.5)
PRECISIONS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
FIXED = {dtype: cl.MultiscaleSpectralLoss(T.to(dtype), SIZES) for dtype in PRECISIONS}

LOSSES = {
    "waveform_l1": cl.waveform_l1,
    "spectral_l1": cl.spectral_l1,
    "multiscale_spectral_loss": functools.partial(cl.multiscale_spectral_loss, fft_sizes=SIZES),
    "autocorrelation_loss": functools.partial(cl.autocorrelation_loss, lag_width=4.0),
    "spectral_transport_loss": functools.partial(cl.spectral_transport_loss, sample_rate=SR),
}


def to_fixed(prediction: Tensor) -> Tensor:
    """The module; on other devices a copy of it."""
    loss = FIXED[prediction.dtype]
    return copy.deepcopy(loss).to(prediction.device)(prediction) if prediction.is_cuda else loss(prediction)


NO_TRANSFORM = ("compile", "export", "trace", "grad", "vmap", "jvp", "meta", "fake")
DESCENDS = dict.fromkeys(NO_TRANSFORM, "it reads values, so it cannot be compiled")
NO_GRADIENT = dict.fromkeys(("twice", "half"), "it descends by itself, in double precision")
TONE = torch.sin(torch.arange(128, dtype=torch.float64) * 0.5)
HZ, AMPLITUDE = torch.tensor([1000.0, 2500.0]).double(), torch.tensor([1.0, 0.5]).double()

GAIN = cl.LinearGain(0.5)
LEFT_OUT = {"FitDiverged": "an error", "History": "data of a fit", "FrequencyFit": "data of a search"}
CASES = [
    *(Case(name, loss, (P, T)) for name, loss in LOSSES.items()),
    Case(
        "MultiscaleSpectralLoss",
        to_fixed,
        (P,),
        leaves={
            "meta": "the target would have to be there too (see below)",
            "arrays": "the other byte order has a case",
        },
    ),
    Case("stft_magnitude", lambda x: cl.stft_magnitude(x, 16), (P,)),
    Case(
        "cramer_rao_hz",
        lambda f, a, noise: cl.cramer_rao_hz(f, a, noise_power=noise, n_samples=64, sample_rate=SR),
        (HZ, AMPLITUDE, torch.tensor(0.1).double()),
    ),
    Case(
        "cramer_rao_hz harmonic",
        lambda f, a, noise: cl.cramer_rao_hz(f, a, noise_power=noise, n_samples=64, sample_rate=SR, harmonic=True),
        (HZ, AMPLITUDE * torch.tensor([1, 0]), torch.tensor(0.1).double()),
    ),
    Case(
        "share_within",
        lambda d, f: cl.share_within(d, f, cents=5.0),
        (rand(3, low=0.5), rand(3, low=200.0, high=400.0)),
    ),
    Case(
        "fit_frequency",
        lambda x: cl.fit_frequency(x, 900.0, sample_rate=SR, steps=2)[:3],
        (TONE,),
        DESCENDS,
        NO_GRADIENT,
    ),
    Case(
        "fit_f0",
        lambda x: cl.fit_f0(x, 900.0, sample_rate=SR, steps=2, n_partials=2)[:3],
        (TONE,),
        DESCENDS,
        NO_GRADIENT,
    ),
    Case(
        "fit_sinusoids",
        lambda x: cl.fit_sinusoids(x, [900.0], sample_rate=SR, steps=2)[:3],
        (TONE,),
        DESCENDS,
        NO_GRADIENT,
    ),
    Case(
        "fit",
        lambda x: cl.fit(GAIN, x, cl.waveform_l1, steps=1, lr=1e-15, inputs=(x,)).sound,  # the model stays as it is
        (TONE,),
        DESCENDS,
        {"twice": "without a gradient", "half": "the model's own precision decides"},
    ),
    Case("local_minima", lambda x: torch.from_numpy(cl.local_minima(x)), (P[0],), DESCENDS, {"twice": "indices"}),
    Case(
        "gradient_sign_accuracy",
        lambda f, g: torch.tensor(cl.gradient_sign_accuracy(f, g, 440.0)),
        (rand(5, low=200.0, high=900.0), P[0, :5]),
        DESCENDS,
        {"twice": "a plain number", "half": "a plain number"},
    ),
    Case(
        "loss_over_frequency",
        lambda x: cl.loss_over_frequency(cl.waveform_l1, x, [440.0, 880.0], sample_rate=SR),
        (P[0],),
        DESCENDS,
        {"twice": "without a gradient"},
    ),
    Case(
        "gradient_over_frequency",
        lambda x: cl.gradient_over_frequency(cl.waveform_l1, x, [440.0, 880.0], sample_rate=SR),
        (P[0],),
        DESCENDS,
        {"twice": "without a gradient", "half": "a gradient of float16 is as coarse as its sum"},
    ),
]


@every(CASES)
def test_torch_stack(case, transform):
    check(case, transform)


EACH = [Case(f"{name} each", functools.partial(loss, reduction="none"), (P, T)) for name, loss in LOSSES.items()]


@every(EACH, ("grad", "vmap", "half"))
def test_torch_stack_of_single_values(case, transform):
    check(case, transform)


# --- reductions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LOSSES, "module", "fixed"])
def test_one_value_a_sound_their_mean_and_their_sum(name):
    p, t = rand(2, 2, 3, 40, low=-0.5, high=0.5)

    def loss(p: Tensor, t: Tensor, **options: str) -> Tensor:
        if name == "fixed":
            return cl.MultiscaleSpectralLoss(t, SIZES, **options)(p)
        return (
            cl.MultiscaleSpectralLoss(None, SIZES, **options)(p, t)
            if name == "module"
            else LOSSES[name](p, t, **options)
        )

    each = loss(p, t, reduction="none")
    assert each.shape == (2, 3)
    alone = torch.stack([torch.stack([loss(p[i, j], t[i, j]) for j in range(3)]) for i in range(2)])
    torch.testing.assert_close(each, alone)
    torch.testing.assert_close(loss(p, t, reduction="mean"), each.mean())
    torch.testing.assert_close(loss(p, t, reduction="sum"), each.sum())
    torch.testing.assert_close(loss(p, t), each.mean())
    assert loss(p[0, 0], t[0, 0], reduction="none").shape == ()
    with pytest.raises(ValueError, match="reduction must be mean, sum or none; got 'max'"):
        loss(p, t, reduction="max")


def test_gradients_of_single_values_stay_apart():
    p, t = rand(2, 3, 40, low=-0.5, high=0.5)
    loss = cl.MultiscaleSpectralLoss(t, SIZES, reduction="none")
    assert torch.autograd.gradcheck(loss, (p.requires_grad_(),))
    (grad,) = torch.autograd.grad(loss(p)[1], p)
    assert (grad[1] != 0).any() and not grad[[0, 2]].any()


# --- the module ---------------------------------------------------------------------------------------------------


def test_the_loss_is_a_module_like_any_other():
    loss = cl.MultiscaleSpectralLoss(T, SIZES)
    assert isinstance(loss, torch.nn.Module) and not loss.state_dict() and not list(loss.parameters())
    assert repr(loss) == "MultiscaleSpectralLoss(target=(3, 50), fft_sizes=(32, 8), reduction='mean')"
    assert repr(cl.MultiscaleSpectralLoss()).startswith("MultiscaleSpectralLoss(fft_sizes=(2048,")
    inside = torch.nn.Sequential(torch.nn.Linear(2, 2), loss)
    assert set(inside.state_dict()) == {"0.weight", "0.bias"}  # a loss changes no checkpoint
    kept = io.BytesIO()
    torch.save(loss, kept)
    kept.seek(0)
    for other in (copy.deepcopy(loss), torch.load(kept, weights_only=False)):
        torch.testing.assert_close(other(P), loss(P))
    with torch.no_grad():
        assert (loss(P) - cl.multiscale_spectral_loss(P, T, SIZES)).abs() < 1e-12


def test_the_target_moves_with_the_module():
    loss = cl.MultiscaleSpectralLoss(T.float(), SIZES).double()
    torch.testing.assert_close(loss(P), cl.multiscale_spectral_loss(P, T.float().double(), SIZES))
    assert loss.float()(P.float()).dtype == torch.float32
    assert loss.half()(P.half()).dtype == torch.float16
    assert loss.to("meta")(P.to("meta")).is_meta


def test_without_a_target_it_takes_two_sounds_and_a_fit_fixes_it():
    loss = cl.MultiscaleSpectralLoss(fft_sizes=SIZES)
    torch.testing.assert_close(loss(P, T), cl.multiscale_spectral_loss(P, T, SIZES))
    with pytest.raises(ValueError, match="there is no target"):
        loss(P)
    fixed = loss.for_target(T)
    with pytest.raises(ValueError, match="to one fixed target"):
        fixed(P, T)
    with pytest.raises(ValueError, match="a target of its own"):
        fixed.for_target(T)
    sound = P[0].float()
    by_module = cl.fit(cl.LinearGain(0.1), sound, loss, steps=3, lr=0.1, inputs=(sound,))
    by_call = cl.fit(cl.LinearGain(0.1), sound, lambda p, t: loss(p, t), steps=3, lr=0.1, inputs=(sound,))
    assert by_module.losses == pytest.approx(by_call.losses, rel=1e-3)


def test_a_fixed_target_has_its_second_derivative_where_it_is_asked_for():
    """The gradient that the fast way has computed, and the gradient of the formula's gradient."""
    t, p = T[0], P[0].clone().requires_grad_()
    free, fixed = cl.multiscale_spectral_loss(p, t, SIZES), cl.MultiscaleSpectralLoss(t, SIZES)(p)
    ours, theirs = (torch.autograd.grad(x, p, create_graph=True)[0] for x in (fixed, free))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(g.square().sum(), p)[0] for g in (ours, theirs)))
    rows = torch.autograd.grad(
        cl.MultiscaleSpectralLoss(T, SIZES, reduction="none")(both := P.clone().requires_grad_()),
        both,
        torch.eye(3, dtype=P.dtype),
        is_grads_batched=True,
    )[0]
    assert rows.shape == (3, 3, 50) and not rows[0, 1:].any() and rows[0, 0].any()
