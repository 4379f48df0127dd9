"""How long each chapter takes, measured, and the table of the instructor's guide that is made from it.

python3 tools/times.py                  write the guide's table anew from the chapters and the stored times
python3 tools/times.py --measure        run every chapter first and store how long it took (minutes)
python3 tools/times.py --measure book/first_steps/gain.ipynb …    only these

Running times are of one core of the machine that measured, loading torch included. Study times are counted, not
clocked: 180 words a minute, half a minute for each equation, picture, sound or live figure, a minute for ten lines of
code.
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import itertools
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / "book" / "teaching" / "times.json"
TABLE = ROOT / "book" / "teaching" / "chapters.md"


def pages(root: Path = ROOT) -> list[tuple[str, Path]]:
    """Part and notebook of every chapter, in order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    found = [(part["caption"], root / f"{entry['file']}.ipynb") for part in toc["parts"] for entry in part["chapters"]]
    return [(part, path) for part, path in found if path.exists()]


LONGEST_CELL = 45  # seconds; no cell takes as long


def measure(path: Path, tries: int = 5) -> float:
    """Seconds that a chapter takes from the start of its kernel to its last cell. Nothing is stored in it."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    for _ in range(tries):
        ends = [time.monotonic()]
        client = NotebookClient(
            notebook,
            timeout=LONGEST_CELL,
            kernel_name="python3",
            store_widget_state=True,
            resources={"metadata": {"path": str(path.parent)}},
            on_cell_executed=lambda **_: ends.append(time.monotonic()),  # noqa: B023
        )
        client.execute()
        # Now and then nbclient misses the end of a cell with widgets, and waits for it as long as it may.
        if max(later - earlier for earlier, later in itertools.pairwise(ends)) < LONGEST_CELL - 1:
            return ends[-1] - ends[0]
    raise ValueError(f"{path}: a cell took {LONGEST_CELL} s in each of {tries} runs")


def read(path: Path) -> dict[str, Any]:
    """What a chapter says of itself, and what there is in it to read."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = [("".join(c["source"]), c) for c in cells]
    prose = "\n".join(source for source, c in text if c["cell_type"] == "markdown")
    code = [source for source, c in text if c["cell_type"] == "code" and "setup" not in c["metadata"].get("tags", [])]
    box = re.search(r"```\{admonition\}[^\n]*\n(.*?)```", prose, re.DOTALL)
    told = box[1] if box else ""
    pictures = sum(
        any(
            kind.startswith("image/") or (kind == "text/html" and "<ddsp-" in "".join(data))
            for kind, data in o["data"].items()
        )
        for _, c in text
        if c["cell_type"] == "code"
        for o in c["outputs"]
        if "data" in o
    )
    listened = sum("listen(" in source for source in code)
    equations = len(re.findall(r"\$\$", prose)) // 2
    exercises = {m for source in code for m in re.findall(r"""exercise\(["']([\w-]+)["']\)\.check""", source)}
    lines = sum(len(source.splitlines()) for source in code)
    words = len(re.findall(r"\w+", re.sub(r"\$[^$]*\$|```.*?```", " ", prose, flags=re.DOTALL)))
    run = re.search(r"running (?:about |under )?(\d+)\s*(s|min)", told, re.IGNORECASE)
    return {
        "title": re.search(r"^# (.+)$", prose, re.MULTILINE)[1],  # type: ignore[index]
        "objectives": re.findall(r"^- (.+?)(?=\n- |\n\n|\Z)", told, re.MULTILINE | re.DOTALL),
        "told_run_s": int(run[1]) * (60 if run[2] == "min" else 1) if run else None,
        "study_min": round(words / 180 + 0.5 * (equations + pictures + listened) + lines / 10),
        "exercises": len(exercises),
    }


def stored() -> dict[str, float]:
    return json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}


def table(times: dict[str, float]) -> str:
    """The table of all chapters, in Markdown."""
    lines = ["<!-- Made by tools/times.py from the chapters and times.json; do not edit. -->", ""]
    last = ""
    for part, path in pages():
        facts = read(path)
        if part != last:
            lines += [] if not last else [""]
            lines += [
                f"### {part}",
                "",
                "| chapter | you can afterwards | study | run | exercises |",
                "|---|---|---|---|---|",
            ]
            last = part
        aims = "<br>".join(" ".join(aim.split()).removeprefix("You can ").rstrip(";,.") for aim in facts["objectives"])
        link = f"[{facts['title']}]({os.path.relpath(path, TABLE.parent).replace(os.sep, '/')})"
        seconds = times.get(path.relative_to(ROOT).as_posix())
        took = "" if seconds is None else f"{max(1, round(seconds))} s"
        cells = [link, aims.replace("|", "\\|"), f"{facts['study_min']} min", took]
        lines.append(
            "| " + " | ".join([*cells, f"{facts['exercises']} × 10 min" if facts["exercises"] else "–"]) + " |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    times = stored()
    if arguments and arguments[0] == "--measure":
        os.environ |= {"COURSE_PROGRESS": "0", "OMP_NUM_THREADS": "1"}
        for path in [Path(name).resolve() for name in arguments[1:]] or [path for _, path in pages()]:
            times[path.relative_to(ROOT).as_posix()] = round(measure(path), 1)
            print(f"{times[path.relative_to(ROOT).as_posix()]:6.1f} s  {path.name}", flush=True)
        known = {path.relative_to(ROOT).as_posix() for _, path in pages()}
        times = {name: times[name] for name in sorted(times) if name in known}
        STORE.parent.mkdir(exist_ok=True)
        STORE.write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8", newline="\n")
    elif arguments:
        print(__doc__, file=sys.stderr)
        return 2
    TABLE.write_text(table(times), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
