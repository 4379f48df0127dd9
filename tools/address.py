"""The public address of this repository: one place, and one command that carries it everywhere.

python3 course.py address            show the address, and where something disagrees with it
python3 course.py address URL        set it: in pyproject.toml, and from there in every other place
python3 course.py address --write    write it again everywhere, set-up cells included
python3 course.py address --check    like the first, but end with status 1 if something disagrees

The one place is `Repository` in pyproject.toml. The set-up cell of the chapters is defined here too.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SETUP = """\
# Set-up. Where course_lib is missing, as in Colab, this installs it (under a minute)
# and nothing else: torch, numpy and the rest stay as they are.
# Where it is present, this does nothing.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("course_lib") is None:
    address = "git+{url}"
    source = os.environ.get("COURSE_SOURCE", address)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", source]
    subprocess.run(pip, check=True)
    importlib.invalidate_caches()

import course_lib

print(course_lib.__name__, "is ready")
"""


def repository(root: Path = ROOT) -> str:
    """The address that pyproject.toml names."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def setup_cell(url: str | None = None) -> str:
    """The source of the set-up cell, the same in every chapter. Authors may import and paste it."""
    return SETUP.format(url=url or repository()).rstrip("\n")


def site(url: str) -> str:
    """Where GitHub Pages serves the book of this repository; the repository itself on another host."""
    match = re.fullmatch(r"https://github\.com/([^/]+)/([^/]+)", url)
    if not match:
        return url
    owner, name = match.groups()
    return f"https://{owner.lower()}.github.io/" + ("" if name.lower() == f"{owner.lower()}.github.io" else f"{name}/")


def places(url: str) -> list[tuple[str, str, str]]:
    """Every place outside the chapters: file, pattern with one group, what the group must be."""
    slug = "/".join(url.split("/")[-2:])
    return [
        ("pyproject.toml", r'^Repository = "([^"]+)"', url),
        ("_config.yml", r"^repository:\n(?:[ \t]+.*\n)*?[ \t]+url: *[\"']?([^\s\"'#]+)", url),
        ("CITATION.cff", r'^repository-code: "([^"]+)"', url),
        ("README.md", r"git clone (\S+)", url),
        ("book/teaching/guide.md", r"@ git\+(https://[^'\s]+)", url),
        ("book/teaching/guide.md", r"2026\. <(https://[^>\s]+)>", url),
        ("README.md", r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/", slug),
        ("README.md", r"\((https?://\S+?)/actions/", url),
        ("README.md", r"\]\((https?://\S+)\) *<!-- the book -->", site(url)),
    ]


def chapters(root: Path = ROOT) -> list[Path]:
    """Every notebook with a set-up cell: those of the book, and the assignments."""
    found = [path for folder in ("book", "assignments") for path in sorted((root / folder).rglob("*.ipynb"))]
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def is_setup(cell: dict) -> bool:
    return cell["cell_type"] == "code" and "setup" in cell["metadata"].get("tags", [])


def disagreements(root: Path = ROOT) -> list[str]:
    """What does not follow from the address, one line each; empty when all is well."""
    url, wrong = repository(root), []
    for name, pattern, expected in places(url):
        path = root / name
        if name.startswith("book/") and not path.exists():
            continue  # a fork may leave pages out
        found = re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE) if path.exists() else []
        if not found:
            wrong.append(f"{name}: no address where one belongs ({expected})")
        wrong += [f"{name}: {value} should be {expected}" for value in found if value != expected]
    for path in chapters(root):
        cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if is_setup(c)]
        if [("".join(c["source"])) for c in cells] != [setup_cell(url)]:
            wrong.append(f"{path.relative_to(root).as_posix()}: its set-up cell is not the one of tools/address.py")
    return wrong


def write_setup(path: Path, url: str) -> bool:
    """Give a chapter the set-up cell, in the place where it has one or before its first code. True if it changed."""
    before = path.read_text(encoding="utf-8")
    notebook = json.loads(before)
    cells = notebook["cells"]
    spots = [i for i, cell in enumerate(cells) if is_setup(cell)]
    if not spots:
        spots = [next((i for i, cell in enumerate(cells) if cell["cell_type"] == "code"), len(cells))]
        new: dict = {"cell_type": "code", "execution_count": None, "id": "setup", "outputs": []}
        cells.insert(spots[0], new | {"metadata": {"tags": ["setup", "hide-cell"]}, "source": []})
    cells[spots[0]]["source"] = setup_cell(url).splitlines(keepends=True)
    for extra in reversed(spots[1:]):
        del cells[extra]
    after = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if json.loads(before) == notebook:
        return False
    path.write_text(after, encoding="utf-8", newline="\n")
    return True


def write(url: str, root: Path = ROOT) -> list[str]:
    """Carry an address everywhere; returns the files that changed."""
    changed = []
    for name, pattern, expected in places(url):
        path = root / name
        if not path.exists():
            continue
        before = path.read_text(encoding="utf-8")
        after = before
        for match in reversed(list(re.finditer(pattern, before, re.MULTILINE))):
            after = after[: match.start(1)] + expected + after[match.end(1) :]
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
            changed.append(name)
    changed += [path.relative_to(root).as_posix() for path in chapters(root) if write_setup(path, url)]
    return list(dict.fromkeys(changed))


def main(arguments: list[str]) -> int:
    if arguments and not arguments[0].startswith("-"):
        url = arguments[0].removesuffix("/").removesuffix(".git")
        if not re.fullmatch(r"https://[\w.-]+(/[\w.-]+)+/[\w.-]+", url):
            print(f"Not an address like https://github.com/you/course: {arguments[0]}", file=sys.stderr)
            return 2
    elif arguments in ([], ["--check"], ["--write"]):
        url = repository()
    else:
        print(__doc__, file=sys.stderr)
        return 2
    if arguments and arguments[0] != "--check":
        for name in write(url):
            print(f"wrote {name}")
    wrong = disagreements()
    print("\n".join([url, *wrong]))
    return 1 if wrong and arguments == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
