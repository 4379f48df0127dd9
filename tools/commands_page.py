"""The tables of options on the page *Using the commands*, made from the commands themselves.

python3 tools/commands_page.py            say which tables are not as the commands are; status 1 if one is not
python3 tools/commands_page.py --write    write them anew

A table stands between `<!-- options: NAME -->` and `<!-- end -->`; all around is written by hand. It is made from the
parsers' own objects and not from what `--help` prints, which differs between Pythons and widths of a terminal.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "book" / "reference" / "commands.md"
PLACE = re.compile(r"<!-- options: (.+?) -->\n(.*?)<!-- end -->", re.DOTALL)


def leaves(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The parsers below this one that have no commands of their own: `transfer`, `assignments grade` …"""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield name, parser
    for action in below:
        for verb, child in action.choices.items():
            yield from leaves(child, f"{name} {verb}".strip())


def rows(parser: argparse.ArgumentParser) -> list[str]:
    """What a command takes, a row each: files first, then options."""
    return [row(parser, action) for action in parser._actions if not isinstance(action, argparse._HelpAction)]


def row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """One argument: how it is written, what it means, and what holds where it is left out."""
    named = isinstance(action.metavar, str)
    if action.option_strings:
        value = action.metavar if named else action.dest.upper().rpartition("_")[2]
        many = " …" if action.nargs == "+" else ""
        written = f"{', '.join(action.option_strings)} {'' if action.nargs == 0 else value}{many}".strip()
    else:
        written = str(action.metavar if named else action.dest)
        written = f"[{written}]" if action.nargs == "?" else written
    told = [(action.help or "") % {**vars(action), "prog": parser.prog}]
    if action.choices is not None:
        told.append("one of " + ", ".join(f"`{choice}`" for choice in action.choices))
    if isinstance(action, argparse._AppendAction) and "repeated" not in told[0]:
        told.append("may be repeated")
    if action.option_strings and action.required:
        told.append("required")
    default = "" if isinstance(action.default, bool) or action.default is None else f"{action.default}"
    default = f"{action.default:g}" if isinstance(action.default, float) else default
    if default and not isinstance(action.default, list) and f"({default})" not in told[0]:
        told.append(f"`{default}` if left out" if action.choices else f"{default} if left out")
    cells = [f"`{written}`", "; ".join(part for part in told if part)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def benchmarks() -> list[str]:
    """Every benchmark with what it does, and below it what it takes."""
    from course_lib.benchmark.__main__ import BENCHMARKS

    found = []
    for name, module in BENCHMARKS.items():
        parser = argparse.ArgumentParser()
        module.add_options(parser)
        found += [f"| **{name}** | **{module.SUMMARY}** |", *rows(parser)]
    return found


def verbs() -> list[str]:
    """What course.py does, from the lines of its own text."""
    text = (ROOT / "course.py").read_text(encoding="utf-8")
    found = re.findall(r"^python3 course\.py (.+?) {2,}(.+)$", text, re.MULTILINE)
    return [f"| `{call}` | {told} |" for call, told in found]


def tables() -> dict[str, str]:
    """Every table that the page has, by its name."""
    from course_lib.__main__ import command_line

    made = {"course.py": verbs()} | {name: rows(parser) for name, parser in leaves(command_line())}
    made["benchmark"] = benchmarks()
    return {name: "\n".join(["| argument | meaning |", "|---|---|", *lines]) + "\n" for name, lines in made.items()}


def renewed(page: str) -> str:
    """The page with every table as the commands are now; ValueError where one has no place, or a place no command."""
    made, places = tables(), [name for name, _ in PLACE.findall(page)]
    if sorted(places) != sorted(made):
        lacking, strange = sorted(set(made) - set(places)), sorted(set(places) - set(made))
        raise ValueError(
            f"{PAGE.name} must have one <!-- options: NAME --> … <!-- end --> for each command; it has none for "
            f"{lacking}, and {strange} are no commands"
        )
    return PLACE.sub(lambda found: f"<!-- options: {found[1]} -->\n\n{made[found[1]]}\n<!-- end -->", page)


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--write"]):
        print(__doc__, file=sys.stderr)
        return 2
    page = PAGE.read_text(encoding="utf-8")
    try:
        new = renewed(page)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if arguments:
        PAGE.write_text(new, encoding="utf-8", newline="\n")
        return 0
    stale = [a[0] for a, b in zip(PLACE.findall(page), PLACE.findall(new), strict=True) if a != b]
    print("\n".join(f"stale: {name}" for name in stale) or "as the commands are")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
