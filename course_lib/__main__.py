"""`python -m course_lib transfer`, `… render`, `… train`, `… export`, and for teachers `… assignments`."""

from __future__ import annotations

import argparse
import sys

from course_lib.commands import assignments, export, render, train, transfer
from course_lib.commands.arguments import PROGRAM

COMMANDS = (transfer, render, train, export, assignments)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and do what it says; 0, or 2 with one line on stderr."""
    options = command_line().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"{PROGRAM} {options.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM} {options.command}: stopped", file=sys.stderr)
        return 130
    return 0


def command_line() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Play a recording on another instrument, play a score, train, export, or grade."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
