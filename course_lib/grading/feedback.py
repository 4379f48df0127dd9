"""One page a submission for its student: marks, what the tests said, and the cells that matter. No script, no links."""

from __future__ import annotations

import html
import re
import unicodedata

from course_lib.grading.result import Result
from course_lib.grading.source import facts

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
body { color: #222; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #ccc }
pre { background: #f4f4f2; padding: .6rem; overflow-x: auto; white-space: pre-wrap } .error { color: #9c1c2e }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #181818 } pre { background: #262626 }
  .error { color: #ff9aa8 } td, th { border-color: #444 }
}
"""
MARKS = {"right": "✓ right", "wrong": "✗ wrong", "not attempted": "○ not attempted"}


def file_name(result: Result, used: set[str]) -> str:
    """A path for a student's page that any system takes, and that no other student has."""

    def plain(name: str) -> str:
        word = unicodedata.normalize("NFKC", name.encode("utf-8", "replace").decode())
        return re.sub(r"[^\w.-]+", "_", word).strip("._")[:80] or "unnamed"

    name = base = f"{plain(result.student)}/{plain(result.assignment or 'unknown')}"
    number = 1
    while name.lower() in used:
        number += 1
        name = f"{base}-{number}"
    used.add(name.lower())
    return f"{name}.html"


def feedback_page(result: Result) -> str:
    """The whole page as text."""
    say = html.escape
    title = result.submission.assignment.title if result.submission.assignment else "Submission"
    parts = [f"<h1>{say(title)}</h1><p>{say(result.student)} · {say(result.submission.name or 'no file')}</p>"]
    if result.problem:
        parts.append(f"<p class='error'><strong>{say(result.status)}</strong></p>")
    else:
        parts.append(f"<p><strong>{result.score:g} of {result.max_score:g} points</strong></p>")
        parts += [f"<p>{say(note[:1].upper() + note[1:])}.</p>" for note in result.notes]
        rows = [
            f"<tr><td>{say(o.test)}</td><td>{o.points:g} of {o.max_points:g}</td>"
            f"<td>{MARKS[o.verdict]}{': ' + say(o.message) if o.message else ''}</td></tr>"
            for o in result.outcomes
        ]
        head = "<tr><th scope='col'>test</th><th scope='col'>points</th><th scope='col'>verdict</th></tr>"
        parts.append(f"<h2>Tests</h2><table>{head}{''.join(rows)}</table>")
    for written in result.written:
        marks = "not marked yet" if written.points is None else f"{written.points:g} of {written.max_points:g} points"
        comment = f"<p>{say(written.comment)}</p>" if written.comment else ""
        parts.append(f"<h2>{say(written.question)}: {marks}</h2><pre>{say(written.answer)}</pre>{comment}")
    shown = []
    for number, cell in enumerate(result.submission.cells):
        error = result.errors.get(number)
        if cell["cell_type"] == "code" and (error or facts(cell).get("solution")):
            problem = f"<p class='error'>{say(error[:1000])}</p>" if error else ""
            shown.append(f"<h3>Cell {number + 1}</h3><pre>{say(cell['source'])}</pre>{problem}")
    parts += ["<h2>Your answers</h2>", *shown] if shown else []
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>{say(title)}: {say(result.student)}</title>"
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
