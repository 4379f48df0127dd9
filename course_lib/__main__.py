"""`python -m course_lib transfer`, `… render`, `… train`, `… export`, and for teachers `… assignments`."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from course_lib.commands.arguments import PROGRAM
from course_lib.core.extras import MissingExtra

# Each is a file of course_lib/commands/, imported only where its options are wanted.
COMMANDS = {
    "transfer": "play a recording on another instrument",
    "render": "play a score: MIDI in, sound out",
    "train": "train a network on a folder of recordings; run it again to go on",
    "export": "write an instrument as a program of its own: ONNX or PyTorch",
    "assignments": "make students' notebooks, and grade what comes back",
}


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and do what it says; 0, or 2 with one line on stderr."""
    words = sys.argv[1:] if arguments is None else arguments
    named = next((word for word in words if not word.startswith("-")), "")
    options = command_line(named).parse_args(words)
    try:
        options.run(options)
    except (ValueError, OSError, FloatingPointError, MissingExtra) as error:
        print(f"{PROGRAM} {options.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM} {options.command}: stopped", file=sys.stderr)
        return 130
    return 0


def command_line(only: str | None = None) -> argparse.ArgumentParser:
    """The commands and their options; of one alone where it is named, so that the others need not be imported."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Play a recording on another instrument, play a score, train, export, or grade."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, told in COMMANDS.items():
        command = commands.add_parser(name, help=told)
        if only in (None, name):
            import_module(f"course_lib.commands.{name}").add(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
