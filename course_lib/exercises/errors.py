"""What an exception of an answer says, in a line, and what it most often means."""

from __future__ import annotations

import re

# Beginners meet these; each with what is usually behind it. The first that fits is told.
MEANINGS: tuple[tuple[type[BaseException], str, str], ...] = (
    (RecursionError, "", "it calls itself without an end."),
    (MemoryError, "", "an array is far larger than the exercise needs. Print the shapes."),
    (Exception, "can't allocate memory", "an array is far larger than the exercise needs. Print the shapes."),
    (SystemExit, "", "a function hands its result back with return; leave exit() out."),
    (KeyboardInterrupt, "", "a function hands its result back with return; leave exit() out."),
    (
        Exception,
        r"must match the size|could not be broadcast|shapes cannot be multiplied|not aligned|mismatch in its core|"
        "inconsistent tensor size",
        "two shapes do not go together. Print them; often an axis of length 1 is missing: x.unsqueeze(-1) or "
        "x[:, None].",
    ),
    (
        RuntimeError,
        r"dtype|scalar type|double",
        "float32 meets float64: make yours like what was given, dtype=x.dtype.",
    ),
    (
        TypeError,
        r"must be Tensor, not (float|int)|argument 'input'.*not (float|int)",
        "a plain number went where a torch function wants a tensor: math has the same functions for numbers.",
    ),
    (
        TypeError,
        r"positional argument",
        "the check calls it with the arguments of the stub, in their order: keep them as they are.",
    ),
    (
        Exception,
        r"Boolean value of Tensor|truth value of an array",
        "`if` and `and` take one truth, not one a frame: use torch.where, &, | or a mask.",
    ),
    (
        Exception,
        r"converted to Scalar|only (length-1|one element|0-dimensional|size-1)",
        "a whole tensor went where one number belongs: a sum, a mean or an index is missing.",
    ),
    (
        Exception,
        r"Expected reduction dim|zero-size array|empty sequence|arg is an empty|iterable argument is empty",
        "the largest or smallest of nothing: print the shape.",
    ),
    (
        RuntimeError,
        r"requires grad",
        "NumPy cannot follow gradients: use torch functions, or x.detach() where no gradient is needed.",
    ),
    (IndexError, "", "an index lies beyond the end, which is len(x) − 1. Print the shape."),
    (NameError, "", "a name that the function does not know: is it spelled and imported as in the cells above?"),
)


def in_words(error: BaseException) -> str:
    """The error's kind and text, shortened, and what it may mean."""
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = ""
    meaning = next((m for kind, text, m in MEANINGS if isinstance(error, kind) and re.search(text, said)), "")
    said = said[:300] + "…" * (len(said) > 300)
    return ": ".join(filter(None, (type(error).__name__, said, meaning)))
