"""`python -m course_lib.benchmark NAME`: run one of the book's long computations and store or print its result."""

from __future__ import annotations

import argparse

from course_lib.benchmark import (
    five_sounds,
    fm,
    frequency,
    inference,
    libraries,
    midi_ddsp,
    pitch_encoder,
    speed,
    tone_transfer,
    trackers,
)

# Each module offers SUMMARY, add_options(parser) and run_options(parser, options).
BENCHMARKS = {
    "five_sounds": five_sounds,
    "fm": fm,
    "frequency": frequency,
    "inference": inference,
    "libraries": libraries,
    "midi_ddsp": midi_ddsp,
    "pitch_encoder": pitch_encoder,
    "speed": speed,
    "tone_transfer": tone_transfer,
    "trackers": trackers,
}


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and run the benchmark that it names."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.benchmark", description="Remake the stored figures of the book."
    )
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    parsers = {}
    for name, module in BENCHMARKS.items():
        parsers[name] = names.add_parser(name, help=module.SUMMARY, description=module.SUMMARY)
        module.add_options(parsers[name])
    options = parser.parse_args(arguments)
    BENCHMARKS[options.name].run_options(parsers[options.name], options)


if __name__ == "__main__":
    main()
