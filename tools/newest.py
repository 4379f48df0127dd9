"""The newest versions instead of the pins: what the weekly run installs.

python3 tools/newest.py            print the requirements with ranges in place of pins
python3 tools/newest.py --write    put them into requirements.txt (of a checkout that is thrown away afterwards)

A direct dependency takes the range that pyproject.toml gives it; what those bring along is left to pip.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def ranges(root: Path = ROOT) -> list[str]:
    """Requirements for the newest versions, one line each."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = list(project["dependencies"])
    wanted += [line for extra, lines in extras.items() if not extra.startswith("peers") for line in lines]
    found: dict[str, str] = {}
    for line in wanted:
        name = re.split(r"[<>=!~;\s\[]", line, maxsplit=1)[0]
        if name == project["name"]:
            continue  # an extra that takes in another
        # Where two extras name a package, the longer range is the narrower one.
        if len(line) > len(found.get(name.lower(), "")):
            found[name.lower()] = line
    return list(found.values())


def newest_torch() -> str | None:
    """The newest version of torch that pip can see, None if it cannot tell."""
    command = [sys.executable, "-m", "pip", "index", "versions", "torch", "--disable-pip-version-check"]
    found = re.match(r"torch \(([\d.]+)\)", subprocess.run(command, capture_output=True, text=True).stdout)
    return found[1] if found else None


def requirements(torch: str | None = None, root: Path = ROOT) -> str:
    """requirements.txt for the newest versions. torch keeps a pin, by which course.py chooses its wheel."""
    pins = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pin = f"torch=={torch}" if torch else next(line for line in pins if line.startswith("torch=="))
    lines = [line for line in ranges(root) if not line.startswith("torch")]
    return "\n".join(["# The newest versions that pyproject.toml admits.", pin, *lines]) + "\n"


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--write"]):
        print(__doc__, file=sys.stderr)
        return 2
    told = requirements(newest_torch())
    if arguments:
        (ROOT / "requirements.txt").write_text(told, encoding="utf-8", newline="\n")
    print(told, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
