"""The book builds without a warning, holds what the table of contents says, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

import course_lib
from tests.helpers import ROOT

OUTSIDE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
OUTSIDE_CSS = re.compile(r"""(?:url\(|@import)\s*["']?\s*(?:https?:)?//[^)"']*""", re.IGNORECASE)
GENERATED = {"index", "genindex", "search", "py-modindex"}  # pages that Sphinx adds
PAGE_WEIGHT = 2_500_000  # bytes of one page with its pictures; players and figures included


class Loads(HTMLParser):
    """Collects every address that a page would load by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.links: list[str] = []
        self.style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.style = tag == "style"
        if tag in {"script", "img", "iframe", "audio", "video", "source", "embed", "track", "input"}:
            self.addresses.append(values.get("src", ""))
            self.addresses += [part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()]
            self.addresses.append(values.get("poster", ""))
        elif tag == "object":
            self.addresses.append(values.get("data", ""))
        elif tag == "link" and values.get("rel") not in {"canonical", "alternate", "next", "prev", "license"}:
            self.addresses.append(values.get("href", ""))
        elif tag in {"image", "use"}:  # in an SVG
            self.addresses.append(values.get("href", values.get("xlink:href", "")))
        elif tag == "a":
            self.links.append(values.get("href", ""))
        self.addresses += [hit.split("(")[-1].strip("\"' ") for hit in OUTSIDE_CSS.findall(values.get("style", ""))]

    def handle_data(self, data: str) -> None:
        if self.style:
            self.addresses += [hit.split("(")[-1].strip("\"' ") for hit in OUTSIDE_CSS.findall(data)]

    def handle_endtag(self, tag: str) -> None:
        self.style = False


def loads_of(html: str) -> Loads:
    parser = Loads()
    parser.feed(html)
    return parser


def outside_of(html: str) -> list[str]:
    return [address for address in loads_of(html).addresses if OUTSIDE.match(address)]


@pytest.mark.parametrize(
    "bad",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//cdn.example/x.css">',
        '<img srcset="a.png 1x, https://cdn.example/a.png 2x">',
        "<style>@font-face { src: url('https://fonts.example/a.woff') }</style>",
        '<p style="background: url(http://example.org/a.png)">',
    ],
)
def test_the_search_for_outside_addresses_finds_them(bad: str) -> None:
    assert outside_of(bad)
    assert not outside_of('<a href="https://example.org">a link is no load</a><img src="_images/a.png">')


def test_builds_without_a_warning(built_book: Any, record_property: Any) -> None:
    record_property("book", f"built in {built_book.seconds:.0f} s")
    assert built_book.returncode == 0, f"jupyter-book build failed:\n{built_book.log[-4000:]}"
    assert "WARNING" not in built_book.log, built_book.log[-4000:]


def test_holds_the_pages_of_the_table_of_contents_and_no_others(book_html: Path, toc: list[Any]) -> None:
    found = {path.relative_to(book_html).with_suffix("").as_posix() for path in book_html.rglob("*.html")}
    pages = {name for name in found - GENERATED if not name.startswith(("_static/", "slides/"))}  # the theme leaves two
    assert pages == {page.name for page in toc}


def test_no_page_loads_anything_from_elsewhere(book_html: Path) -> None:
    found = {
        path.relative_to(book_html).as_posix(): outside
        for path in book_html.rglob("*.html")
        if (outside := outside_of(path.read_text(encoding="utf-8")))
    }
    assert not found


def test_no_style_sheet_loads_anything_from_elsewhere(book_html: Path) -> None:
    found = {
        path.relative_to(book_html).as_posix(): outside
        for path in book_html.rglob("*.css")
        if (outside := OUTSIDE_CSS.findall(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert not found


def test_mathjax_and_its_fonts_are_in_the_book(book_html: Path) -> None:
    assert (book_html / "mathjax" / "tex-mml-chtml.js").stat().st_size > 1_000_000
    assert (book_html / "mathjax" / "LICENSE").exists()
    assert len(list((book_html / "mathjax").rglob("*.woff"))) > 20


def test_each_notebook_page_has_its_launch_and_issue_buttons(book_html: Path, chapter: Any) -> None:
    """The links point at the notebook in the repository that _config.yml names."""
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    repository, branch = settings["repository"]["url"].rstrip("/"), settings["repository"]["branch"]
    owner_and_name = repository.removeprefix("https://github.com/")
    links = loads_of((book_html / f"{chapter.name}.html").read_text(encoding="utf-8")).links
    assert f"https://colab.research.google.com/github/{owner_and_name}/blob/{branch}/{chapter.name}.ipynb" in links
    binder = f"https://mybinder.org/v2/gh/{owner_and_name}/{branch}?urlpath=lab/tree/{chapter.name}.ipynb"
    assert binder in links
    assert repository in links
    assert any(link.startswith(f"{repository}/issues/new") for link in links)


def test_the_library_page_documents_every_public_name(book_html: Path) -> None:
    with (book_html / "objects.inv").open("rb") as file:
        for _ in range(4):
            file.readline()
        inventory = zlib.decompress(file.read()).decode()
    documented = {line.split()[0].rsplit(".", 1)[-1] for line in inventory.splitlines() if " py:" in line}
    assert set(course_lib.__all__) - documented == set(), "add their module to a page of book/reference/library/"


def test_weight(book_html: Path, page_entry: Any, record_property: Any) -> None:
    """A page with its pictures stays light enough for a phone."""
    path = book_html / f"{page_entry.name}.html"
    html = path.read_text(encoding="utf-8")
    pictures = {
        (path.parent / address).resolve()
        for address in loads_of(html).addresses
        if "_images/" in address and not OUTSIDE.match(address)
    }
    weight = path.stat().st_size + sum(picture.stat().st_size for picture in pictures if picture.exists())
    record_property("book", f"{weight / 1000:8.0f} kB  {page_entry.name}")
    assert weight <= PAGE_WEIGHT


def test_a_custom_table_of_contents_builds(tmp_path: Path) -> None:
    """What the instructor's guide says: leave chapters out, and the book builds, naming the links that lead nowhere."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    kept = {"First steps", "Reference"}
    toc["parts"] = [part for part in toc["parts"] if part["caption"] in kept]
    toc["parts"][0]["chapters"] = toc["parts"][0]["chapters"][-1:]
    (tmp_path / "toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    code = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", code, "build", str(ROOT), "--toc", str(tmp_path / "toc.yml")]
    command += ["--path-output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", errors="replace")
    assert done.returncode == 0, done.stderr[-3000:]
    html = tmp_path / "_build" / "html" / "book"
    assert {path.stem for path in html.rglob("*.html")} >= {"intro", "gain", "api", "bibliography"}
    assert not (html / "sines").exists()
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert warnings and all("cross-reference" in w or "unknown document" in w or "xref" in w for w in warnings), (
        warnings
    )


def test_the_guides_table_follows_from_the_chapters() -> None:
    """Made again from the chapters and the measured times, it is what is stored; and the boxes' times are honest."""
    from tools import times

    stored = times.stored()
    assert times.TABLE.read_text(encoding="utf-8") == times.table(stored), "run python3 tools/times.py"
    assert set(stored) == {path.relative_to(ROOT).as_posix() for _, path in times.pages()}
    for _, path in times.pages():
        told, took = times.read(path)["told_run_s"], stored[path.relative_to(ROOT).as_posix()]
        assert told is not None and took / 3 < max(told, 5) < 6 * took, f"{path.name} says {told} s and took {took} s"
        assert took < 60 and 3 <= len(times.read(path)["objectives"]) <= 5
