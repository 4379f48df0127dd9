"""The fence around a student's process: what it may read, write and use up. Raised inside it, before their code runs.

Two fences, because one is not enough. Python's audit events are everywhere and name what was tried, but compiled code
gets past them; Linux's Landlock cannot be passed, but other systems have nothing like it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Audit events whose first word alone decides, and what a person would call them.
FORBIDDEN = {
    "socket": "use the network",
    "subprocess": "start a program",
    "urllib": "use the network",
    "ctypes.dlopen": "load a library",
    "os.system": "start a program",
    "os.exec": "start a program",
    "os.posix_spawn": "start a program",
    "os.spawn": "start a program",
    "os.startfile": "start a program",
    "os.fork": "start a process",
    "os.forkpty": "start a process",
    "os.kill": "stop a process",
    "os.killpg": "stop a process",
    "signal.pthread_kill": "stop a process",
}
# Events that change files: for each path among their arguments, where it is, and where the folder it is relative to.
CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.remove": ((0, 1),), "os.rmdir": ((0, 1),), "os.mkdir": ((0, 2),), "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)), "os.symlink": ((1, 2),), "os.chmod": ((0, 2),), "os.chown": ((0, 3),),
    "os.utime": ((0, 3),), "os.truncate": ((0, None),), "os.setxattr": ((0, None),), "os.removexattr": ((0, None),),
    "shutil.rmtree": ((0, 1),),
}  # fmt: skip


WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def raise_fence(
    scratch: Path, hidden: Sequence[Path], memory_mb: int, seconds: float, tell: Callable[[str], Any]
) -> None:
    """Shut this process in, for good.

    Args:
        scratch: the only folder it may write to.
        hidden: folders it may not even read, such as the assignments with their answers.
        memory_mb: how much it may take beyond what it has.
        seconds: of processor time.
        tell: called with a sentence for each thing it tried and was refused.
    """
    _limit(memory_mb, seconds)
    _landlock(scratch.resolve(), [path.resolve() for path in hidden])
    sys.addaudithook(_gate(str(scratch.resolve()), [str(path.resolve()) for path in hidden], tell))


def _limit(memory_mb: int, seconds: float) -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent watches memory and time
        return
    have = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        have = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 100_000_000, "RLIMIT_CPU": int(seconds) + 5}
    if have:
        limits["RLIMIT_AS"] = have + memory_mb * 1_000_000
    for name, value in limits.items():
        if hasattr(resource, name):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(getattr(resource, name), (value, value))


def _gate(scratch: str, hidden: list[str], tell: Callable[[str], Any]) -> Callable[[str, tuple[Any, ...]], None]:
    """The audit hook. What it needs is bound here, so that replacing functions of `os` later does not open it."""
    realpath, join, readlink, fsdecode, separator = os.path.realpath, os.path.join, os.readlink, os.fsdecode, os.sep
    thread, local = threading.local(), getattr(socket, "AF_UNIX", None)
    harmless = {os.devnull, "/dev/tty"}

    def place(path: Any, folder: Any = None) -> str:
        name = fsdecode(path)
        if isinstance(folder, int) and folder >= 0:
            name = join(readlink(f"/proc/self/fd/{folder}"), name)
        return realpath(name)

    def within(path: str, folder: str) -> bool:
        return path == folder or path.startswith(folder + separator)

    def refuse(what: str) -> None:
        tell(what)
        raise PermissionError(f"this notebook may not {what} while it is graded")

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.__new__" and len(arguments) > 1 and arguments[1] == local:
            return  # a pair of sockets within the process: every event loop has one
        what = FORBIDDEN.get(event, FORBIDDEN.get(event.partition(".")[0]))
        if what:
            refuse(what)
        if event == "open":
            path, mode, flags = (*arguments, None, None)[:3]
            if isinstance(path, int) or path is None:
                return
            target = place(path)
            writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool((flags or 0) & WRITING)
            if writes and not within(target, scratch) and target not in harmless:
                refuse(f"write to {target}")
            if any(within(target, folder) for folder in hidden):
                refuse(f"read {target}")
        elif event in CHANGES:
            for path, folder in CHANGES[event]:
                given = arguments[path] if path < len(arguments) else None
                if isinstance(given, (str, bytes, os.PathLike)):
                    target = place(given, arguments[folder] if folder is not None and folder < len(arguments) else None)
                    if not within(target, scratch):
                        refuse(f"{event.partition('.')[2]} {target}")
        elif event in ("os.listdir", "os.scandir", "os.chdir") and arguments and arguments[0] is not None:
            target = "" if isinstance(arguments[0], int) else place(arguments[0])
            if any(within(target, folder) for folder in hidden):
                refuse(f"look into {target}")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if getattr(thread, "looking", False):
            return
        thread.looking = True
        try:
            look(event, arguments)
        finally:
            thread.looking = False

    return hook


# --- Landlock: system calls 444 to 446 on every architecture; see linux/landlock.h ---------------------------------

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << i for i in range(4))
CHANGE = WRITE_FILE | sum(1 << i for i in range(4, 13))  # and remove, make, link
REFER, TRUNCATE = 1 << 13, 1 << 14
TCP, OUTSIDE = 0b11, 0b11  # bind and connect; abstract sockets and signals that leave this process
READABLE = (
    "/usr", "/lib", "/lib64", "/bin", "/opt", "/nix", "/snap", "/etc/fonts", "/etc/localtime", "/etc/ld.so.cache",
    "/etc/mime.types", "/etc/ssl/openssl.cnf", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
    "/proc/sys/vm", "/sys/devices/system", "/sys/fs/cgroup", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
)  # fmt: skip


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def landlock_version() -> int:
    """Which Landlock this system has; 0 for none."""
    if not sys.platform.startswith("linux"):
        return 0
    with contextlib.suppress(OSError, AttributeError):
        return max(0, ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))
    return 0


def _landlock(scratch: Path, hidden: Sequence[Path]) -> bool:
    """Let this process read Python and this library, and write to its scratch folder. False if that cannot be had."""
    version = landlock_version()
    if not version:
        return False
    library = ctypes.CDLL(None, use_errno=True)
    handled = EXECUTE | READ_FILE | READ_DIR | CHANGE
    handled |= (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    attributes = _Ruleset(handled, TCP if version >= 4 else 0, OUTSIDE if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = library.syscall(444, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if rules < 0:
        return False

    def grant(path: Path, rights: int) -> None:
        try:
            descriptor = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
        except OSError:
            return
        rights &= handled if path.is_dir() else READ_FILE | WRITE_FILE | (TRUNCATE & handled)
        rule = _Beneath(rights, descriptor)
        library.syscall(445, rules, ctypes.c_int(1), ctypes.byref(rule), ctypes.c_uint32(0))
        os.close(descriptor)

    def grant_reading(path: Path) -> None:
        """This folder without the hidden ones: rules only add up, so the way there is granted child by child."""
        if any(path.is_relative_to(folder) for folder in hidden):
            return
        if not any(folder.is_relative_to(path) for folder in hidden):
            return grant(path, READ_FILE | READ_DIR)
        grant(path, READ_DIR)
        for child in path.iterdir():
            grant_reading(child)

    library_folder = Path(__file__).resolve().parent.parent
    roots: list[str | Path] = [
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        *sys.path,
        library_folder.parent / "data",
        library_folder,
        *READABLE,
    ]
    # A folder of sys.path may be a whole home: only those that are known to hold packages.
    chosen = {Path(root).resolve() for root in roots if root and Path(root).exists()} - {
        library_folder.parent,
        Path.cwd(),
        Path.home(),
        Path("/"),
    }
    for path in sorted(chosen):
        grant_reading(path)
    grant(scratch, handled & ~EXECUTE)
    grant(Path(os.devnull), READ_FILE | WRITE_FILE)
    library.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, without which the next call is refused
    done = library.syscall(446, rules, ctypes.c_uint32(0)) == 0
    os.close(rules)
    return done
