"""Scripts and style sheets without comments, and with no more space than they need."""

from __future__ import annotations

import re
from collections.abc import Iterator

TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<word>[\w$#]+)
    |(?P<sign>\+\+|--|.)""",
    re.VERBOSE | re.DOTALL,
)
REGEX = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
# After one of these, and at the beginning, a slash begins a regular expression; after anything else it divides.
BEFORE_REGEX = {"", *"(,=:[!&|?{};+-*%<>~^", "return", "typeof", "case", "in", "of", "void", "delete", "else", "do"}
# What would become something else if its two characters met: operators, comments, and those of HTML.
APART = {"++", "--", "//", "/*", "<!", "->", "</"}


def minified(script: str) -> str:
    r"""Drop a script's comments, and its spaces and line ends where the language needs none.

    What begins a line without indentation begins one still. It relies on the semicolons that the formatter sets.

    >>> minified("const a = 1 + +b; // one\nf(`x  ${ a }`, /[/] +/);")
    'const a=1+ +b;\nf(`x  ${ a }`,/[/] +/);'
    """
    out, last, gap = [], ("", ""), ""
    for kind, token in _tokens(script):
        if kind in ("space", "comment"):
            gap += token if kind == "space" else " "
            continue
        out.append(_kept(last, gap, token) + token)
        last, gap = (kind, token), ""
    return "".join(out)


def minified_css(sheet: str) -> str:
    """Drop a style sheet's comments and spaces."""
    sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    sheet = re.sub(r"\s*([{};,>])\s*", r"\1", re.sub(r"\s+", " ", sheet))
    return re.sub(r": ", ":", sheet).replace(";}", "}").strip()


def _kept(last: tuple[str, str], gap: str, token: str) -> str:
    """What of the gap between two tokens must stay."""
    kind, before = last
    if not gap or not before:
        return ""
    if gap.endswith("\n") and token not in ")]}":
        return "\n"
    word = re.match(r"[\w$#]", token) is not None
    joined = kind in ("word", "regex") and (word or (token == "." and before.isdigit()))
    return " " if joined or before[-1] + token[0] in APART else ""


def _tokens(script: str, at: int = 0) -> Iterator[tuple[str, str]]:
    """Kind and text of every token from a place on; a template literal is one, with all that it computes."""
    last = ""
    while at < len(script):
        regex = REGEX.match(script, at) if last in BEFORE_REGEX else None
        if script[at] == "`":
            kind, token = "template", script[at : _template_end(script, at)]
        elif regex:
            kind, token = "regex", regex[0]
        else:
            match = TOKEN.match(script, at)
            assert match is not None and match.lastgroup is not None
            kind, token = match.lastgroup, match[0]
        yield kind, token
        at += len(token)
        if kind not in ("space", "comment"):
            last = token


def _template_end(script: str, at: int) -> int:
    """The place behind a template literal that begins at a place."""
    at += 1
    while script[at] != "`":
        if script.startswith("${", at):
            at += 2
            depth = 1
            for _, token in _tokens(script, at):
                at += len(token)
                depth += (token == "{") - (token == "}")
                if not depth:
                    break
        else:
            at += 2 if script[at] == "\\" else 1
    return at + 1
