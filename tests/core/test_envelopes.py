"""The frame contract: frame i sits at sample i · n_samples / n_frames, the last is held."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import course_lib as cl


@given(st.integers(1, 40), st.integers(0, 400), st.integers(0, 10_000))
@settings(max_examples=60)
def test_linear_matches_numpy_at_any_length(n_frames, extra, seed):
    n = n_frames + extra
    frames = np.random.default_rng(seed).uniform(-1, 1, n_frames)
    expected = np.interp(np.arange(n), np.arange(n_frames) * n / n_frames, frames)
    np.testing.assert_allclose(cl.upsample(torch.from_numpy(frames), n).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("hop", [7, 64, 160])
def test_hann_is_the_overlap_add_of_windows_two_hops_long(hop):
    frames = np.random.default_rng(0).uniform(0, 1, 9)
    window = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)
    expected = np.zeros(10 * hop)
    for i, value in enumerate(frames):
        expected[i * hop : (i + 2) * hop] += value * window
    # Window i peaks at (i + 1)·hop here, so the envelope starts one hop in; the last frame is held instead of faded.
    ours = cl.upsample(torch.from_numpy(frames), 9 * hop, method="hann").numpy()
    np.testing.assert_allclose(ours[: 8 * hop], expected[hop : 9 * hop], atol=1e-12)
    np.testing.assert_array_equal(ours[8 * hop :], frames[-1])


def test_hold_is_a_staircase():
    assert cl.upsample([1.0, 2.0, 3.0], 6, method="hold").tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("method", ["linear", "hann", "hold"])
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_time_before_channels_is_the_same_curve(method, lead):
    frames = torch.rand(*lead, 5, 4, dtype=torch.float64)
    ours = cl.upsample(frames, 33, method=method, dim=-2)
    assert ours.shape == (*lead, 33, 4)
    torch.testing.assert_close(ours, cl.upsample(frames.transpose(-1, -2), 33, method=method).transpose(-1, -2))


@pytest.mark.parametrize("method", ["linear", "hann", "hold"])
def test_a_constant_stays_constant_and_nothing_overshoots(method):
    assert (cl.upsample(torch.full((7,), 0.3), 100, method=method) == torch.tensor(0.3)).all()
    frames = torch.rand(7)
    out = cl.upsample(frames, 100, method=method)
    assert frames.min() <= out.min() and out.max() <= frames.max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_follows_the_input(dtype):
    assert cl.upsample(torch.ones(3, dtype=dtype), 5).dtype == dtype


@pytest.mark.parametrize("method", ["linear", "hann", "hold"])
def test_gradient(method):
    frames = torch.rand(2, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: cl.upsample(x, 17, method=method), (frames,))


@pytest.mark.parametrize(
    ("frames", "n", "options", "message"),
    [
        (torch.ones(5), 4, {}, r"more frames \(5\) than samples \(4\)"),
        (torch.ones(0), 4, {}, "frames is empty"),
        (torch.ones(2), 0, {}, "n_samples must be at least 1"),
        (torch.ones(2), 2.5, {}, "n_samples must be a whole number"),
        (torch.tensor([float("nan")]), 4, {}, "must be finite"),
        (torch.ones(2), 4, {"method": "cubic"}, "unknown method 'cubic'; choose one of linear, hann, hold"),
        (torch.ones(2), 4, {"dim": 3}, "no axis of frames"),
    ],
)
def test_bad_input(frames, n, options, message):
    with pytest.raises(ValueError, match=message):
        cl.upsample(frames, n, **options)
