"""What is written is what was given, however the array lies in memory."""

import numpy as np
import pytest

from course_lib.sounds.files import read_sound, write_sound

SR = 16_000
SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, 400)


@pytest.mark.parametrize(
    "odd",
    [
        SOUND[::-1].copy()[::-1],
        SOUND.astype(">f8"),
        SOUND.astype(">f4"),
        np.repeat(SOUND, 2)[::2],
        SOUND.astype(np.float16),
        SOUND.astype(np.longdouble),
    ],
    ids=["backwards", "big-endian double", "big-endian single", "with gaps", "half", "long double"],
)
def test_odd_arrays_are_written_as_they_sound(tmp_path, odd):
    odd.setflags(write=False)
    write_sound(tmp_path / "a.wav", odd, sample_rate=SR)
    heard = read_sound(tmp_path / "a.wav", sample_rate=SR, longest_s=1.0).audio
    np.testing.assert_allclose(np.asarray(heard), SOUND, atol=5e-4)
