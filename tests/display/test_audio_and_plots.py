"""Players and pictures: levels untouched, clipping said, axes returned, bad input refused."""

import base64
import io
import re

import matplotlib
import numpy as np
import pytest
import soundfile
import torch

import course_lib as cl
from course_lib.display import audio
from course_lib.fitting.landscapes import local_minima

matplotlib.use("Agg")
SR = 8000


def decode(html):
    found = re.findall(r"data:audio/flac;base64,([A-Za-z0-9+/=]+)", html)
    return [soundfile.read(io.BytesIO(base64.b64decode(x))) for x in found]


def test_the_player_holds_the_sound_at_its_own_level():
    quiet = 0.01 * cl.sinusoid(440.0, 1.0, n_samples=800, sample_rate=SR)
    ((samples, rate),) = decode(audio.listen_html(quiet, SR, fade_s=0))
    assert rate == SR
    np.testing.assert_allclose(samples, quiet.numpy(), atol=1.0 / 32768)


def test_several_sounds_keep_their_labels_and_their_relative_levels():
    x = cl.sinusoid(440.0, 0.5, n_samples=800, sample_rate=SR)
    html = audio.listen_html({"target": x, "half <b>": 0.5 * x}, SR)
    (a, _), (b, _) = decode(html)
    np.testing.assert_allclose(b, 0.5 * a, atol=2.0 / 32768)
    assert "aria-label='target'" in html and "half &lt;b&gt;" in html and "<b>" not in html
    assert "src='http" not in html and "src=http" not in html


def test_stereo_stays_stereo():
    left, right = torch.linspace(-0.5, 0.5, 500), torch.linspace(0.25, -0.25, 500)
    ((got, rate),) = decode(audio.listen_html(torch.stack([left, right]), SR, fade_s=0))
    assert rate == SR and got.shape == (500, 2)
    np.testing.assert_allclose(got.T, torch.stack([left, right]), atol=2.0 / 32768)


def test_fewer_bits_are_rounded_and_lighter():
    sound = torch.linspace(-0.9, 0.9, 4000).sin()
    ((got, _),) = decode(audio.listen_html(sound, SR, bits=12, fade_s=0))
    np.testing.assert_allclose(got, sound.numpy(), atol=0.51 / 2048)
    assert len(audio.listen_html(sound, SR, bits=10)) < len(audio.listen_html(sound, SR))
    with pytest.raises(ValueError, match="bits"):
        cl.listen(sound, SR, bits=20)


def test_cuts_are_faded_and_silent_edges_are_not():
    ((samples, _),) = decode(audio.listen_html(torch.full((4000,), 0.5), SR))
    assert samples[0] == samples[-1] == 0
    np.testing.assert_allclose(samples[80:-80], 0.5, atol=1.0 / 32768)


def test_a_group_is_brought_to_a_level_by_one_gain_that_is_said():
    x = cl.sinusoid(440.0, 0.5, n_samples=8000, sample_rate=SR)
    html = audio.listen_html({"a": x, "b": 0.1 * x}, SR, level_db=-20.0)
    (a, _), (b, _) = decode(html)
    assert cl.active_rms_db(a[100:-100], SR) == pytest.approx(-20.0, abs=0.05)
    np.testing.assert_allclose(b, 0.1 * a, atol=2.0 / 32768)
    assert re.search("played at −1[01][.][0-9] dB", html)


def test_clipping_is_said():
    x = torch.tensor([0.5, 1.5, -2.0, 1.0])
    assert "clips: 2 samples" in audio.listen_html(x, SR)
    assert "clips" not in audio.listen_html(x.clamp(-1, 1), SR)


@pytest.mark.parametrize(
    ("sound", "rate", "message"),
    [
        (torch.ones(0), SR, "at least 1 sample"),
        (torch.ones(3, 4), SR, "listen plays one sound"),
        (torch.tensor([0, 12000, -300]), SR, "divide PCM by 32768"),
        (torch.tensor([float("nan")]), SR, "must be finite"),
        (torch.ones(4), 0, "sample_rate must be positive"),
        ({}, SR, "empty dict"),
    ],
)
def test_bad_sounds(sound, rate, message):
    with pytest.raises(ValueError, match=message):
        cl.listen(sound, rate)


def tone(n=800):
    return cl.sinusoid(440.0, 0.5, n_samples=n, sample_rate=SR)


HISTORY = cl.History(
    losses=[2.0, 1.0], steps=[0, 1], parameters={"gain": torch.tensor([0.1, 0.2])}, sounds=[tone() * 0.1, tone()]
)
DRAWINGS = {
    "waveform": lambda ax: cl.plot_waveform({"a": tone(), "b": tone()}, SR, ax=ax, start_s=0.01, end_s=0.02),
    "spectrogram": lambda ax: cl.plot_spectrogram(tone(4000), SR, ax=ax, max_hz=2000),
    "spectrum": lambda ax: cl.plot_spectrum({"a": tone()}, SR, ax=ax),
    "envelopes": lambda ax: cl.plot_envelopes({"x": torch.rand(9)}, 1.0, ax=ax, db=True),
    "distribution": lambda ax: cl.plot_envelopes(torch.rand(9, 5), 1.0, ax=ax),
    "landscape": lambda ax: cl.plot_loss_landscape(
        [1, 2, 3, 4], {"a": [3, 1, 2, 0], "b": [1, 2, 1, 2]}, ax=ax, target=2
    ),
    "history": lambda ax: cl.plot_history(HISTORY, ax=ax, log_y=True),
    "parameter": lambda ax: cl.plot_history(HISTORY, ax=ax, parameter="gain", target=0.2),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_pictures_return_the_axes_they_drew_on(draw):
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    assert draw(ax) is ax
    fresh = draw(None)
    assert fresh is not ax and fresh.get_xlabel() and fresh.get_ylabel()
    fresh.figure.canvas.draw()
    plt.close("all")


def test_spectrum_of_a_full_scale_sine_peaks_at_zero_db():
    ax = cl.plot_spectrum(cl.sinusoid(1000.0, 1.0, n_samples=8000, sample_rate=SR), SR)
    hz, level = ax.lines[0].get_data()
    assert abs(level.max()) < 0.05 and abs(hz[level.argmax()] - 1000) < 2


def test_spectrogram_puts_a_tone_in_its_place():
    ax = cl.plot_spectrogram(cl.sinusoid(1000.0, 1.0, n_samples=8000, sample_rate=SR), SR)
    picture, (_, _, low, high) = ax.images[0].get_array(), ax.images[0].get_extent()
    row = picture[:, picture.shape[1] // 2].argmax()
    assert abs(low + (high - low) * row / (picture.shape[0] - 1) - 1000) < 10


def test_local_minima_are_strictly_inside_and_strictly_lower():
    assert local_minima([0, 1, 0, 2, 1, 1, 3]).tolist() == [2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cl.plot_waveform(torch.ones(8), SR, start_s=1.0), "nothing to draw"),
        (lambda: cl.plot_envelopes(torch.ones(2, 2, 2), 1.0), "must be"),
        (lambda: cl.plot_envelopes(torch.ones(2), 0.0), "duration_s must be positive"),
        (lambda: cl.plot_loss_landscape([1, 2], [1, 2]), "at least 3"),
        (lambda: cl.plot_loss_landscape([1, 2, 3], [1, 2, float("nan")]), "must be finite"),
        (lambda: cl.plot_history(cl.History()), "history is empty"),
        (lambda: cl.plot_history(HISTORY, parameter="pitch"), "unknown parameter 'pitch'; the history has gain"),
        (lambda: cl.animate_history(cl.History(), tone(), SR), "history is empty"),
        (lambda: cl.animate_history(HISTORY, tone(400), SR), "one sound and its target"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_animated_history_holds_the_steps_and_the_target():
    state = cl.animate_history(HISTORY, tone(), SR).state
    assert (
        state["steps"][0] == 0 and state["steps"][-1] == 1 and state["losses"][0] == 2.0 and state["losses"][-1] == 1.0
    )
    first, last = state["spectra_db"][:96], state["spectra_db"][-96:]
    assert last == state["target_db"] and max(last) - max(first) == pytest.approx(20, abs=0.2)


PLACES = "notes expression synthesis audio expression_generator synthesis_generator synthesizer inference formulas"


@pytest.mark.parametrize("place", [*PLACES.split(), "note_boundaries"])
def test_the_map_marks_where_a_chapter_is(place):
    marked = matplotlib.colors.to_rgba(cl.display.plots.COLOURS[2])

    def marks(here):
        ax = cl.plot_hierarchy(here)
        boxes = [patch.get_facecolor() for patch in ax.patches]
        boxes += [text.get_bbox_patch().get_facecolor() for text in ax.texts if text.get_bbox_patch()]
        words = [text.get_text() for text in ax.texts]
        matplotlib.pyplot.close(ax.figure)
        assert ax.figure.get_figwidth() < 4.5  # a telephone need not shrink it much
        return boxes.count(marked), words.count("you are here")

    assert marks(()) == (0, 0)
    assert marks(place) == (2, 1)  # the place and its legend
    assert marks([place, "audio"] if place != "audio" else ["notes", "audio"]) == (3, 1)


def test_the_map_has_four_levels_with_their_makers_and_says_which_places_it_knows():
    words = [text.get_text().strip() for text in cl.plot_hierarchy().texts]
    for word in ("composer", "player", "gesture", "instrument", "sound", "notes", "six numbers a note", "samples"):
        assert any(word in told for told in words), word
    with pytest.raises(ValueError, match=r"places on the map.*stage"):
        cl.plot_hierarchy("stage")


def test_two_ways_down_stand_beside_each_other():
    words = " ".join(text.get_text() for text in cl.plot_deep_performer().texts)
    assert words.count("samples") == 2 and "transformer" in words and "six numbers a note" in words
