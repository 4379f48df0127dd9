"""Landscapes: against closed forms of two sines, finite differences, and by hand."""

import numpy as np
import pytest
import torch

from course_lib.fitting.landscapes import (
    gradient_over_frequency,
    gradient_sign_accuracy,
    local_minima,
    loss_over_frequency,
)
from course_lib.fitting.losses import multiscale_spectral_loss, spectral_l1, waveform_l1
from course_lib.synths.oscillator import sinusoid

RATE, N = 8000, 256
TARGET = sinusoid(torch.tensor(440.0, dtype=torch.float64), 1.0, n_samples=N, sample_rate=RATE)
GRID = torch.linspace(200, 900, 301, dtype=torch.float64)


def mse(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (prediction - target).square().mean()


def short_multiscale(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return multiscale_spectral_loss(prediction, target, (128, 64))


LOSSES = [mse, waveform_l1, spectral_l1, short_multiscale]


def sum_of_cosines(angle: np.ndarray) -> np.ndarray:
    """Σ cos(angle · n), n < N, in closed form: the Dirichlet kernel."""
    half = np.where(angle == 0, 1.0, angle / 2)
    return np.where(angle == 0, N, np.sin(N * half) / np.sin(half) * np.cos((N - 1) * half))


def test_the_squared_error_of_two_sines_matches_its_closed_form() -> None:
    f = np.append(GRID.numpy(), 440.0)
    a, b = 2 * np.pi * f / RATE, 2 * np.pi * 440 / RATE
    energy = (N - sum_of_cosines(2 * a)) / 2 + (N - sum_of_cosines(np.array(2 * b))) / 2
    expected = (energy - (sum_of_cosines(a - b) - sum_of_cosines(a + b))) / N
    np.testing.assert_allclose(loss_over_frequency(mse, TARGET, f, RATE).numpy(), expected, atol=1e-11)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_lowest_point_of_every_landscape_is_the_target(loss) -> None:
    heights = loss_over_frequency(loss, TARGET, torch.cat([GRID, torch.tensor([440.0])]), RATE)
    assert heights.argmin() == len(GRID) and heights[-1] < 1e-9


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_is_the_slope_of_the_landscape(loss) -> None:
    f = torch.linspace(203.7, 871.3, 200, dtype=torch.float64)  # more than one part of ROWS
    step = 1e-5
    slope = (loss_over_frequency(loss, TARGET, f + step, RATE) - loss_over_frequency(loss, TARGET, f - step, RATE)) / (
        2 * step
    )
    torch.testing.assert_close(gradient_over_frequency(loss, TARGET, f, RATE), slope, rtol=1e-3, atol=1e-5)


def test_the_squared_error_has_a_dent_about_every_rate_over_n() -> None:
    heights = loss_over_frequency(mse, TARGET, torch.linspace(600, 1100, 1001, dtype=torch.float64), RATE)
    assert abs(len(local_minima(heights)) - 500 / (RATE / N)) <= 1


def test_local_minima_by_hand() -> None:
    assert local_minima([1, 0, 2, 3, 1, 2, 0]).tolist() == [1, 4]
    assert local_minima([0, 1, 2]).tolist() == []
    assert local_minima([2, 1, 1, 2]).tolist() == []
    assert local_minima([1.0]).tolist() == []


def test_sign_accuracy_of_a_bowl_of_its_opposite_and_of_a_plain() -> None:
    f = np.linspace(100, 900, 81)
    assert gradient_sign_accuracy(f, 2 * (f - 400), 400) == 1
    assert gradient_sign_accuracy(f, -2 * (f - 400), 400) == 0
    assert gradient_sign_accuracy(f, np.zeros(81), 400) == 0
    assert gradient_sign_accuracy(f, np.ones(81), 400) == pytest.approx(50 / 80)


def test_float32_stays_float32() -> None:
    heights = loss_over_frequency(waveform_l1, TARGET.float(), [300.0, 500.0], RATE)
    slopes = gradient_over_frequency(waveform_l1, TARGET.float(), [300.0, 500.0], RATE)
    assert heights.dtype == slopes.dtype == torch.float32 and heights.shape == slopes.shape == (2,)


@pytest.mark.parametrize("landscape", [loss_over_frequency, gradient_over_frequency])
@pytest.mark.parametrize(
    ("target", "frequencies", "message"),
    [
        (TARGET.expand(2, -1), [440.0], "one sound"),
        (TARGET, 440.0, r"shape \(n,\)"),
        (TARGET, [], "empty"),
        (TARGET, [4000.0], "Nyquist"),
        (TARGET, [-1.0], "negative"),
        (TARGET, [float("nan")], "finite"),
        (TARGET * float("nan"), [440.0], "finite"),
    ],
)
def test_bad_input_is_refused(landscape, target, frequencies, message) -> None:
    with pytest.raises(ValueError, match=message):
        landscape(mse, target, frequencies, RATE)


def test_bad_curves_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        local_minima([1.0, float("nan"), 1.0])
    with pytest.raises(ValueError, match="shape"):
        local_minima([[1.0, 0.0, 1.0]])
    with pytest.raises(ValueError, match="same shape"):
        gradient_sign_accuracy([1.0, 2.0], [1.0], 1.0)
    with pytest.raises(ValueError, match="no way to point"):
        gradient_sign_accuracy([440.0], [1.0], 440.0)
