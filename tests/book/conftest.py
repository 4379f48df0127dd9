"""The book under test: its table of contents, one build for the whole run, a server, a browser without a network."""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
# Parts whose chapters must have exercises and live figures.
TEACHING_PARTS = (
    "First steps", "Sines", "Deep dives", "Noise, filters, rooms", "A network that plays", "From notes to sound",
    "Other instruments",
)  # fmt: skip


# --- The table of contents ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """One entry of _toc.yml."""

    name: str  # "book/sines/harmonic", as in _toc.yml
    part: str  # "" for the front page

    @property
    def teaches(self) -> bool:
        return self.part in TEACHING_PARTS

    @property
    def source(self) -> Path:
        for suffix in (".ipynb", ".md"):
            if (path := ROOT / (self.name + suffix)).exists():
                return path
        pytest.fail(f"_toc.yml names {self.name}, but there is no such .ipynb or .md")


def toc_pages() -> list[Page]:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = [Page(toc["root"], "")]
    for part in toc["parts"]:
        for chapter in part["chapters"]:
            files = [chapter["file"], *(section["file"] for section in chapter.get("sections", ()))]
            pages += [Page(name, part["caption"]) for name in files]
    return pages


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `page_entry`, `chapter` or `teaching_chapter` runs once for each of them."""
    pages = toc_pages()
    notebooks = [p for p in pages if not (ROOT / f"{p.name}.md").exists()]
    choices = {
        "page_entry": pages,
        "chapter": notebooks,
        "teaching_chapter": [p for p in notebooks if p.teaches],
    }
    for argument, values in choices.items():
        if argument in metafunc.fixturenames:
            ids = [p.name.removeprefix("book/") for p in values]
            # Of module scope, so that the tests of one page come one after the other and share what they opened.
            metafunc.parametrize(argument, values, ids=ids, scope="module")


@pytest.fixture(scope="session")
def toc() -> list[Page]:
    return toc_pages()


# --- One build for all workers ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Built:
    """What `jupyter-book build` left behind."""

    html: Path
    returncode: int
    log: str
    seconds: float


@pytest.fixture(scope="session")
def built_book(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the book once in this run, whichever worker comes first; warnings are errors."""
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent  # shared by the workers of one run
    out, result = base / "book", base / "book.json"
    with FileLock(base / "book.lock"):
        if not result.exists():
            started = time.monotonic()
            options = ["--path-output", str(out), "-W", "--keep-going", "-n"]
            done = subprocess.run(
                [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT), *options],
                cwd=ROOT,
                env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
            record = {"returncode": done.returncode, "log": done.stdout, "seconds": time.monotonic() - started}
            result.write_text(json.dumps(record), encoding="utf-8")
    return Built(html=out / "_build" / "html", **json.loads(result.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def book_html(built_book: Built) -> Path:
    if not (built_book.html / "index.html").exists():
        pytest.fail(f"the book was not built:\n{built_book.log[-3000:]}")
    return built_book.html


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def book_url(book_html: Path) -> Iterator[str]:
    """The address of the served book, without a slash at its end."""
    handler = functools.partial(QuietHandler, directory=str(book_html))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


# --- A browser that cannot leave the machine ----------------------------------------------------------------------

BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
BROWSER_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


def browser_executable(own: str) -> str:
    """COURSE_BROWSER, a browser of the system, or Playwright's own; else the test fails and says what to do."""
    wanted = os.environ.get("COURSE_BROWSER")
    if wanted:
        if found := shutil.which(wanted):
            return found
        pytest.fail(f"COURSE_BROWSER is {wanted!r}, which is no program here; set it to a Chromium or Chrome")
    for name in (*BROWSER_NAMES, *BROWSER_PATHS, own):
        if found := shutil.which(name):
            return found
    pytest.fail(
        "no Chromium or Chrome found. Install one with\n"
        f"    {sys.executable} -m playwright install chromium\n"
        "or set COURSE_BROWSER to the program"
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium. Closed with its module: Playwright's event loop would be in the way of later tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium
        # Sound is made but not heard; names outside this machine do not resolve even if a request gets past us.
        arguments = ["--no-sandbox", "--disable-gpu", "--mute-audio", "--disable-background-networking"]
        arguments += ["--disable-component-update", "--disable-sync", "--autoplay-policy=user-gesture-required"]
        arguments += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"]
        running = chromium.launch(
            executable_path=browser_executable(chromium.executable_path), headless=True, args=arguments
        )
        yield running
        running.close()


@dataclass
class Watch:
    """What went on in a browser context: errors on its pages, and requests that tried to leave the machine."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def console(self, message: Any) -> None:
        if message.type == "error":
            self.error(f"{message.text} ({message.location.get('url', '')})")

    def error(self, text: Any) -> None:
        self.errors.append(str(text))


# A pattern and no function: the browser itself can tell by it, and asks us only about what would leave the machine.
OUTSIDE = re.compile(r"^(?!http://127\.0\.0\.1:|http://localhost:|ws://127\.0\.0\.1:|data:|blob:|about:)")


def is_local(url: str) -> bool:
    return not OUTSIDE.match(url)


@pytest.fixture(scope="module")
def new_page(browser: Any) -> Iterator[Any]:
    """A function that opens a watched page in a context of its own: `new_page(width=…, theme=…)` → (page, watch).

    The test may close it with `page.context.close()`; else it is closed with the module.
    """
    contexts = []

    def open_page(width: int = 1200, height: int = 900, theme: str = "light") -> tuple[Any, Watch]:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
            service_workers="block",
        )
        contexts.append(context)
        watch = Watch()

        def block(route: Any) -> None:
            watch.outside.append(route.request.url)
            route.abort()

        context.route(OUTSIDE, block)
        context.add_init_script(
            f"try {{ localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}'); }} catch {{}}"
        )
        context.add_init_script(AUDIO_SPY)
        page = context.new_page()
        page.on("console", watch.console)
        page.on("pageerror", watch.error)
        page.on("requestfailed", lambda r: watch.error(f"failed: {r.url} {r.failure}") if is_local(r.url) else None)
        page.on("response", lambda r: watch.error(f"{r.status} {r.url}") if r.status >= 400 else None)
        return page, watch

    yield open_page
    for context in contexts:
        context.close()


# Remembers each AudioContext a page makes and listens to what goes to its loudspeaker: `courseAudioPeak()` is the
# loudest sample of about the last 40 ms over all running contexts.
AUDIO_SPY = """
(() => {
  const Native = window.AudioContext;
  if (!Native) return;
  const taps = new Map();
  window.courseAudio = [];
  window.AudioContext = class extends Native {
    constructor(...args) { super(...args); window.courseAudio.push(this); }
  };
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to === this.context.destination && this.context instanceof Native) {
      if (!taps.has(this.context)) taps.set(this.context, this.context.createAnalyser());
      connect.call(this, taps.get(this.context));
    }
    return connect.call(this, to, ...rest);
  };
  window.courseAudioPeak = () => {
    let peak = 0;
    for (const [context, tap] of taps) {
      if (context.state !== "running") continue;
      const samples = new Float32Array(tap.fftSize);
      tap.getFloatTimeDomainData(samples);
      peak = Math.max(peak, ...samples.map(Math.abs));
    }
    return peak;
  };
})();
"""
