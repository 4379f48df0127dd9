"""The cells of a notebook in a kernel of another environment; errors of a widget's callback are seen as well."""

from __future__ import annotations

import json
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

CELL_SECONDS = 300


def failures(notebook: Path, python: str, env: dict[str, str], work: Path) -> list[str]:
    """Run all cells, one after the other, also after one that fails; return what each that fails says.

    notebook: it runs in the folder where it lies. python: whose kernel. env: its variables. work: a folder for ours.
    """
    spec = work / "kernels" / "other"
    spec.mkdir(parents=True)
    start = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": start, "display_name": "other", "language": "python"}))
    manager = KernelManager(
        kernel_name="other",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(spec.parent)]),
        connection_file=str(work / "connection.json"),
    )
    with (work / "kernel.log").open("w") as log:
        manager.start_kernel(cwd=str(notebook.parent), env=env, stdout=log, stderr=log)
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=120)
            return _run(manager, client, notebook)
        except (RuntimeError, TimeoutError) as error:
            return [f"{error}\n{(work / 'kernel.log').read_text()[-2000:]}"]
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def _run(manager: KernelManager, client: Any, notebook: Path) -> list[str]:
    failed: list[str] = []
    for number, cell in enumerate(json.loads(notebook.read_text(encoding="utf-8"))["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and source.strip() and (told := _errors(manager, client, source)):
            failed.append("\n".join([f"cell {number}: {source}", *told]))
    return failed


def _errors(manager: KernelManager, client: Any, source: str) -> list[str]:
    """The tracebacks that a cell sends: what `interact` calls may fail in a cell that ends well, and sends its own."""
    errors: list[str] = []
    asked, began = client.execute(source, allow_stdin=False), time.monotonic()
    while True:
        try:
            message = client.get_iopub_msg(timeout=2)
        except Empty:
            if not manager.is_alive():
                raise RuntimeError(f"the kernel died in: {source}") from None
            if time.monotonic() - began > CELL_SECONDS:
                raise TimeoutError(f"more than {CELL_SECONDS} s: {source}") from None
            continue
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "error":
            errors += message["content"]["traceback"]
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return errors
