"""Units, envelopes and phase under the transforms of torch: the numbers of plain tensors."""

import course_lib as cl
from tests.helpers.torch_stack import Case, check, every, rand

HZ = rand(2, 5, low=100.0, high=900.0)
WITH_RESTS = HZ * (rand(2, 5, seed=3) > 0.4)
SAME = dict.fromkeys(("compile", "export", "trace", "fake", "meta", "arrays"), "the program of the row above")

CASES = [
    Case("upsample linear", lambda x: cl.upsample(x, 17), (rand(2, 5),)),
    Case("upsample hann", lambda x: cl.upsample(x, 17, method="hann", dim=-2), (rand(5, 3),)),
    Case("upsample hold", lambda x: cl.upsample(x, 17, method="hold"), (rand(2, 5),)),
    Case("upsample_frequency sounding", lambda f: cl.upsample_frequency(f, 23), (HZ,)),
    Case("upsample_frequency resting", lambda f: cl.upsample_frequency(f, 23), (WITH_RESTS,), leaves=SAME),
    Case(
        "instantaneous_phase",
        lambda f: cl.instantaneous_phase(f, 16_000),
        (HZ,),
        leaves={"half": "the numbers are angles: rounded by themselves, they may land a turn apart"},
    ),
    Case("hz_to_midi", cl.hz_to_midi, (WITH_RESTS,), half=2),
    Case("midi_to_hz", cl.midi_to_hz, (rand(7, low=20, high=100),), half=2),
    Case("cents", cl.cents, (HZ, rand(2, 5, low=90, high=1000, seed=1)), half=2),
    Case("amplitude_to_db", cl.amplitude_to_db, (rand(6, low=1e-3),), half=2),
    Case("db_to_amplitude", cl.db_to_amplitude, (rand(6, low=-60),), half=2),
    Case("exp_sigmoid", cl.exp_sigmoid, (rand(3, 4, low=-6, high=6),), half=2),
]


@every(CASES)
def test_torch_stack(case, transform):
    check(case, transform)
