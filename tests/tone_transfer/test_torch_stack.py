"""The tone-transfer instrument and its networks under the transforms of torch: the sound of plain tensors."""

import copy

import torch

from course_lib.core.networks import scale_inputs
from course_lib.tone_transfer.decoder import ToneDecoder
from course_lib.tone_transfer.encoder import TimbreEncoder
from course_lib.tone_transfer.model import ToneTransfer, TransferConfig
from tests.helpers.torch_stack import Case, check, every, rand

torch.manual_seed(0)
SHAPE = {"sample_rate": 4000, "frame_rate": 250, "n_harmonics": 3, "n_bands": 4, "width": 4, "hidden": 5}
MODEL = ToneTransfer(TransferConfig(**SHAPE, reverb_taps=9)).double().requires_grad_(False)
DECODER = ToneDecoder(3, width=4, hidden=5, n_z=2).double().requires_grad_(False)
ENCODER = TimbreEncoder(sample_rate=4000, frame_rate=250, n_z=2, hidden=3).double().requires_grad_(False)
HZ, LOUDNESS = rand(2, 3, low=200, high=900), rand(2, 3, low=-60, high=-10, seed=1)


def there(module, x):
    """The module, or a copy of it, where the tensor lives."""
    return module if not isinstance(x, torch.Tensor) or x.device.type == "cpu" else copy.deepcopy(module).to(x.device)


WEIGHTS = {"half": "the weights have a precision of their own"}
TENSORS = {**WEIGHTS, "arrays": "a network takes tensors"}
GRU = {"compile": "Dynamo does not support RNN, GRU, or LSTM"}

CASES = [
    Case("scale_inputs", scale_inputs, (HZ, LOUDNESS)),
    Case("ToneDecoder", lambda x, z: there(DECODER, x)(x, z), (rand(2, 3, 2), rand(2, 3, 2)), says=GRU, leaves=TENSORS),
    Case("TimbreEncoder", lambda x: there(ENCODER, x)(x, 4), (rand(2, 64, low=-1),), says=GRU, leaves=WEIGHTS),
    Case("ToneTransfer", lambda f, db: there(MODEL, f)(f, db), (HZ, LOUDNESS), says=GRU, leaves=WEIGHTS),
    Case("controls", lambda f, db: there(MODEL, f).controls(f, db), (HZ, LOUDNESS), says=GRU, leaves=WEIGHTS),
]
COMPILED = [Case(c.name, c.call, c.tensors) for c in CASES if "compile" in c.says and c.name != "controls"]


@every(CASES)
def test_torch_stack(case, transform):
    check(case, transform)


@every(COMPILED, ["compile"])
def test_compiled_where_recurrent_layers_are_allowed(case, transform):
    with torch._dynamo.config.patch(allow_rnn=True):
        check(case, transform)
