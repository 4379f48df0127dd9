#!/usr/bin/env python3
"""DDSP for music: read, run and test the course. Needs only Python 3.11 or newer; everything else goes into .venv.

python3 course.py read [--no-browser] [--port N]   build the book, serve it on this machine, open it
python3 course.py test [PYTEST ARGUMENTS]          run every test (the first time also installs what they need)
python3 course.py lab [JUPYTER ARGUMENTS]          open the chapters in JupyterLab
python3 course.py build                            build the book into _build/html, warnings being errors
python3 course.py execute [CHAPTER.ipynb ...]      run chapters again and store their outputs (default: all)
python3 course.py address [URL]                    show or set the public address of this repository
"""

# Only syntax and imports that Python 3.6 knows up here, so that an old Python gets a sentence and not a traceback.
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV, COLAB = ROOT / ".venv", ROOT / ".venv-colab"
HTML = ROOT / "_build" / "html"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
BROWSER_HELP = (
    "The browser tests need Chromium or Chrome, and none was found. Install one (Debian and Ubuntu: "
    "sudo apt install chromium; macOS: brew install --cask chromium; Windows: winget install Google.Chrome), "
    "or name yours in the environment variable COURSE_BROWSER, and run this command again."
)


class Problem(Exception):
    """Something a reader can mend; the message says how."""


def say(text):
    print(text, flush=True)


def output_of(command, **more):
    """What a quick command prints, stripped; None if it cannot be started or fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=600, **more)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None


def python_problem(version, names=("python3.13", "python3.12", "python3.11")):
    """What to tell somebody whose Python is too old; None if it will do."""
    if tuple(version[:2]) >= (3, 11):
        return None
    newer = next((name for name in names if output_of([name, "-c", "print(1)"])), None)
    mend = "" if newer else "install one (https://www.python.org/downloads), then "
    command = " ".join([newer or "python3.12", "course.py", *sys.argv[1:]])
    have = f"{version[0]}.{version[1]}"
    return f"The course needs Python 3.11 or newer; this is {have}. To mend it: {mend}run\n    {command}"


def disk_problem(folder, gigabytes, usage=shutil.disk_usage):
    free = usage(str(folder)).free / 1e9
    if free >= gigabytes:
        return None
    return (
        f"The installation needs about {gigabytes} GB and {folder} has {free:.1f} GB free. Make room (for instance: "
        f"{sys.executable} -m pip cache purge), or move this folder to a larger disk, and run the command again."
    )


def venv_problem():
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        return f"This Python cannot make virtual environments. On Debian and Ubuntu run\n    sudo apt install {package}"
    return None


def install_problem(log):
    """Say what a failed installation means, from what pip printed."""
    if "No space left" in log or "Errno 28" in log or "not enough space" in log:
        return "The disk is full. Make room, and run the same command again: it continues by itself."
    signs = ("NewConnectionError", "name resolution", "getaddrinfo failed", "ConnectTimeout", "ProxyError")
    signs += ("Connection refused", "Network is unreachable", "Read timed out")
    if any(sign in log for sign in signs):
        return (
            "The packages could not be fetched: is this machine online? (Behind a proxy, set HTTPS_PROXY first.) "
            "Then run the same command again: it continues by itself."
        )
    return "The installation failed; pip's last words were:\n    " + "\n    ".join(log.strip().splitlines()[-12:])


def python_of(env):
    return str(env / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def environment(**more):
    """The variables of every command we start: nothing is installed or written outside this folder."""
    inside = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    inside.update(PYTHONNOUSERSITE="1", PIP_USER="0", PIP_REQUIRE_VIRTUALENV="1", PYTHONUTF8="1")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        inside[name] = str(VENV / "var" / name.lower())
    inside["JUPYTER_PREFER_ENV_PATH"] = "1"
    inside.update(more)
    return inside


def watched(label, command, log):
    """Run a command, show one moving line of progress, keep its output in `log`; returns (status, output)."""
    began, shown, lines, live = time.time(), 0.0, [], sys.stdout.isatty()
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8", "errors": "replace"}
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, cwd=str(ROOT), env=environment(NO_COLOR="1"), **piped)
        for line in process.stdout:
            file.write(line)
            lines.append(line)
            if time.time() - shown > (0.2 if live else 15) and line.strip():
                shown = time.time()
                text = f"  {label}: {shown - began:.0f} s, {line.strip()}"[:100]
                print(f"\r{text:100}" if live else text, end="" if live else "\n", flush=True)
    status = process.wait()
    text = f"  {label}: " + ("failed" if status else f"done in {time.time() - began:.0f} s")
    say(f"\r{text:100}" if live else text)
    return status, "".join(lines)


def pip_install(env, label, *arguments):
    command = [python_of(env), "-m", "pip", "install", "--no-input", "--retries", "2"]
    command += ["--disable-pip-version-check", *arguments]
    unfinished = env / "course-unfinished"
    unfinished.touch()  # stays only where pip was cut off, which may leave half a package
    status, output = watched(label, command, env / "course-install.log")
    unfinished.unlink()
    if status:
        raise Problem(install_problem(output))


def ask(env, code):
    """What a line of Python prints in an environment; None if it fails."""
    return output_of([python_of(env), "-c", code], env=environment())


def cpu_index_answers():
    from urllib.request import urlopen

    try:
        with urlopen(CPU_INDEX + "/torch/", timeout=5):
            return True
    except (OSError, ValueError):
        return False


def settle_torch(env, pin):
    """Choose where torch comes from, and return what pip still has to install for it."""
    have = ask(env, "import torch; print(torch.__version__)")
    if have and tuple(int(part) for part in have.split("+")[0].split(".")[:2]) >= (2, 4):
        say(f"  torch: {have}, which is already in {env.name}")
        return []
    if sys.platform.startswith("linux") and cpu_index_answers():
        try:
            pip_install(env, "torch, from PyTorch's CPU wheels", "--no-deps", "--index-url", CPU_INDEX, pin)
            return [pin]
        except Problem:
            say("  PyTorch's own index has no wheel for this Python.")
    say(f"  torch: {pin}, as pip finds it")
    return [pin]


def only_one(path):
    """Hold a lock on a file for as long as the returned file stays open; two installations would ruin each other."""
    file = path.open("w")
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        told = "Another course.py is installing into this folder. Wait until it is done, then run this again."
        raise Problem(told) from None
    return file


def ensure(env, requirements, gigabytes, torch=None):
    """Make or complete a virtual environment. A stamp makes the next call cost nothing."""
    with only_one(ROOT / ".venv.lock"):
        fill(env, requirements, gigabytes, torch)


def fill(env, requirements, gigabytes, torch):
    text = requirements.read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    torch = torch or next(line for line in pins if line.startswith("torch=="))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[tool.", 1)[0]
    wanted = hashlib.sha256("\n".join([text, torch, project, str(env)]).encode()).hexdigest()
    stamp, unfinished = env / "course-stamp", env / "course-unfinished"
    code = "import pip, sys; print(sys.prefix != sys.base_prefix and sys.version_info >= (3, 11))"
    sound = not unfinished.exists() and ask(env, code) == "True"
    if sound and stamp.exists() and stamp.read_text() == wanted:
        return
    problem = disk_problem(ROOT, gigabytes) or (None if sound else venv_problem())
    if problem:
        raise Problem(problem)
    say(f"Installing into {env.name} (once; a few minutes, most of it downloading)")
    if not sound:
        if env.exists():
            say(f"  {env.name} is not whole (an installation was cut off?): making it again.")
            try:
                shutil.rmtree(str(env))
            except OSError as error:
                told = f"{env} cannot be removed ({error}). Is another course.py, or JupyterLab, still running in it?"
                raise Problem(f"{told} End that, and run this command again.") from error
        env.mkdir()
        unfinished.touch()
        status, output = watched("virtual environment", [sys.executable, "-m", "venv", str(env)], unfinished)
        if status:
            raise Problem(venv_problem() or install_problem(output))
        unfinished.unlink()
    (env / "var").mkdir(exist_ok=True)  # see environment()
    rest = settle_torch(env, torch) + [line for line in pins if not line.startswith("torch==")]
    chosen = env / "course-requirements.txt"
    chosen.write_text("\n".join(rest) + "\n", encoding="utf-8")
    pip_install(env, f"{len(rest)} packages", "-r", str(chosen))
    if env == VENV:
        pip_install(env, "course_lib", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    else:
        stub = Path(ask(env, "import sysconfig; print(sysconfig.get_path('purelib'))")) / "google" / "colab"
        stub.mkdir(parents=True, exist_ok=True)
        (stub / "__init__.py").write_text(
            '"""Stands in for Colab\'s own module, which marks that a page runs there."""\n'
        )
    stamp.write_text(wanted)


def install():
    ensure(VENV, ROOT / "requirements.txt", 4)


def runs(browser):
    """Whether this is a browser that starts. (On Windows asking for the version would open a window.)"""
    return bool(browser) and os.path.isfile(browser) and (os.name == "nt" or bool(output_of([browser, "--version"])))


def find_browser():
    """The path of a Chromium or Chrome on this system, or None. COURSE_BROWSER decides where it is set."""
    if os.environ.get("COURSE_BROWSER"):
        return os.environ["COURSE_BROWSER"]
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    places = [shutil.which(name) for name in names]
    for base in ("/Applications", str(Path.home() / "Applications")):
        places += [f"{base}/{name}.app/Contents/MacOS/{name}" for name in ("Chromium", "Google Chrome")]
    for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        base = os.environ.get(variable)
        places += [os.path.join(base, "Google", "Chrome", "Application", "chrome.exe")] if base else []
    return next((place for place in places if runs(place)), None)


def ensure_browser():
    """Find a browser for the tests, or fetch one; None, with a sentence, where neither is possible."""
    os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(VENV / "browsers"))
    code = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    log, playwright = VENV / "browser.log", [python_of(VENV), "-m", "playwright", "install", "chromium"]
    found = find_browser()
    own = None if found else ask(VENV, code)
    if not found and not runs(own):
        watched("Chromium, by Playwright", playwright, log)
    found = found or (own if runs(own) else None)
    if not found and shutil.which("apt-get"):
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        if output_of([*sudo, "apt-get", "update"]) is not None:
            watched("Chromium, by apt", [*sudo, "apt-get", "install", "-y", "chromium"], log)
        found = find_browser()
    if not found:
        say(BROWSER_HELP)
    return found


def test(arguments):
    install()
    version = ask(VENV, "import importlib.metadata as m; print(m.version('torch'))")
    ensure(COLAB, ROOT / "tests" / "book" / "colab_requirements.txt", 4, "torch==" + version.split("+")[0])
    browser = ensure_browser()
    inside = environment(OMP_NUM_THREADS="1", COURSE_PROGRESS="0", COURSE_BROWSER=browser or "", PIP_NO_INDEX="1")
    # Playwright brings a Node; it stands in where the system has none.
    package = ask(VENV, "import playwright; print(playwright.__path__[0])")
    inside["PATH"] += os.pathsep + os.path.join(package or "", "driver")
    return subprocess.call([python_of(VENV), "-m", "pytest", "-n", "2", *arguments], cwd=str(ROOT), env=inside)


def book_fingerprint():
    digest = hashlib.sha256()
    files = [ROOT / "_config.yml", ROOT / "_toc.yml", ROOT / "requirements.txt"]
    for folder in ("book", "course_lib"):
        files += [path for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    for path in files:
        if "__pycache__" not in path.parts and ".ipynb_checkpoints" not in path.parts and path.exists():
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def build(strict):
    stamp, wanted = HTML / "course-stamp", book_fingerprint()
    if not strict and stamp.exists() and stamp.read_text() == wanted:
        return
    say("Building the book (about a minute)")
    command = [python_of(VENV), "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT), "--all"]
    status, output = watched("book", command + (["-W", "--keep-going", "-n"] if strict else []), VENV / "book.log")
    if status or not (HTML / "index.html").exists():
        told = [line for line in output.splitlines() if "WARNING" in line or "ERROR" in line] or output.splitlines()
        raise Problem(
            "The book did not build:\n    " + "\n    ".join(told[-20:]) + f"\nThe rest is in {VENV / 'book.log'}"
        )
    stamp.write_text(wanted)


def server(port):
    """A quiet web server for the built book, on this port or the next free one."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Handler(SimpleHTTPRequestHandler):
        # Windows may have its own idea of what a .js file is.
        extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}  # noqa: RUF012

        def log_message(self, *arguments):
            pass

    class Server(ThreadingHTTPServer):
        allow_reuse_address = os.name != "nt"  # there it would share a port that is taken

    for candidate in range(port, port + 100):
        try:
            return Server(("127.0.0.1", candidate), partial(Handler, directory=str(HTML)))
        except OSError:
            continue
    raise Problem(f"No port from {port} to {port + 99} is free. Choose another: python3 course.py read --port 9000")


def read(arguments):
    import argparse
    import webbrowser

    parser = argparse.ArgumentParser(prog="course.py read")
    parser.add_argument("--no-browser", action="store_true", help="only serve; open nothing")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(arguments)
    install()
    build(strict=False)
    with server(options.port) as serving:
        address = f"http://localhost:{serving.server_port}/"
        say(f"The book is at {address}  (Ctrl-C stops it)")
        if not options.no_browser:
            webbrowser.open(address)
        serving.serve_forever()


def main(arguments):
    problem = python_problem(sys.version_info)
    if problem:
        raise Problem(problem)
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if verb == "read":
        return read(rest)
    if verb == "test":
        return test(rest)
    if verb == "address":
        return subprocess.call([sys.executable, str(ROOT / "tools" / "address.py"), *rest])
    if verb in ("lab", "build", "execute"):
        install()
        if verb == "build":
            build(strict=True)
            return say(f"The book is in {HTML}")
        lab = ["-m", "jupyterlab", f"--ServerApp.root_dir={ROOT / 'book'}", *rest]
        tool = lab if verb == "lab" else [str(ROOT / "tools" / "execute.py"), *rest]
        return subprocess.call([python_of(VENV), *tool], env=environment())
    say(__doc__)
    return 0 if verb in ("", "-h", "--help", "help") else 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        sys.exit(print(problem, file=sys.stderr) or 2)
    except KeyboardInterrupt:
        sys.exit(130)
