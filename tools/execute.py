"""Run chapters in place and store what they show, in a form that a second run repeats byte for byte.

python3 course.py execute                          every chapter of _toc.yml
python3 course.py execute book/first_steps/gain.ipynb
"""

from __future__ import annotations

if __name__ == "__main__":
    import environment

    environment.enter()

import base64
import io
import json
import os
import re
import sys
import time
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
WIDGET = "application/vnd.jupyter.widget-view+json"


def chapters(root: Path = ROOT) -> list[Path]:
    """The notebooks of _toc.yml, in reading order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"]] + [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return [root / f"{name}.ipynb" for name in names if (root / f"{name}.ipynb").exists()]


def clean_outputs(outputs: list[dict]) -> list[dict]:
    """Merge what was printed in pieces, leave out live widgets (they need a kernel), and number random names."""
    kept: list[dict] = []
    for output in outputs:
        if WIDGET in output.get("data", {}):
            continue
        output.pop("execution_count", None) if output["output_type"] != "execute_result" else None
        last = kept[-1] if kept else {}
        if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
            last["text"] += output["text"]
            continue
        html = output.get("data", {}).get("text/html")
        if html:  # matplotlib's player names its elements at random
            names = list(dict.fromkeys(re.findall(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", html)))
            for number, name in enumerate(names):
                html = html.replace(name, f"{number:032x}")
            output["data"]["text/html"] = html
        if picture := output.get("data", {}).get("image/png"):
            output["data"]["image/png"] = in_palette(picture)
        kept.append(output)
    return kept


def in_palette(picture: str) -> str:
    """A PNG picture, base64, with the 256 colours that fit it best: a third of the weight, and looks the same."""
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    if image.mode == "P":
        return picture
    rgb = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
    buffer = io.BytesIO()
    rgb.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    lighter = base64.encodebytes(buffer.getvalue()).decode()
    return min(lighter, picture, key=len)


def stabilise(notebook: dict) -> None:
    """Remove what differs between two machines or two runs, and nothing else."""
    notebook["metadata"].pop("widgets", None)
    notebook["metadata"] |= {"kernelspec": KERNEL, "language_info": LANGUAGE}
    for cell in notebook["cells"]:
        for name in ("execution", "collapsed", "ExecuteTime"):
            cell["metadata"].pop(name, None)
        if cell["cell_type"] == "code":
            cell["outputs"] = clean_outputs(cell["outputs"])


def save(notebook: dict, path: Path) -> None:
    """Write a notebook the one way this repository writes them."""
    nbformat.validate(notebook)
    text = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    text = json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def execute(path: Path, timeout: int = 120, tries: int = 2) -> float:
    """Run one chapter from top to bottom in a fresh kernel, store it, and return the seconds it took.

    A chapter that fails is left on disk as it was. A cell may take `timeout` seconds; then all is tried once more,
    since now and then nbclient misses the end of a cell with widgets.
    """
    for left in reversed(range(tries)):
        try:
            return _execute_once(path, timeout)
        except CellTimeoutError:
            if not left:
                raise
            print(f"  a cell took more than {timeout} s; once more", flush=True)
    raise ValueError(f"tries must be at least 1; got {tries}")


def _execute_once(path: Path, timeout: int) -> float:
    """One run of a chapter, and its seconds."""
    notebook = nbformat.read(path, as_version=4)
    began = time.perf_counter()
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=True,  # nbclient needs it for what `interact` draws; stabilise() takes it out again
    )
    client.execute()
    seconds = time.perf_counter() - began
    stabilise(notebook)
    for number, cell in enumerate(notebook["cells"]):
        if any(output.get("name") == "stderr" for output in cell.get("outputs", [])):
            print(f"  note: cell {number} writes to stderr, which the page will show")
    save(notebook, path)
    return seconds


def main(arguments: list[str]) -> int:
    os.environ |= {"COURSE_PROGRESS": "0", "OMP_NUM_THREADS": "1"}
    paths = [Path(argument) for argument in arguments] or chapters()
    missing = [path for path in paths if not path.is_file() or path.suffix != ".ipynb"]
    if missing:
        print("Not a notebook: " + ", ".join(map(str, missing)), file=sys.stderr)
        return 2
    failed = 0
    for path in paths:
        print(f"{path} ...", flush=True)
        try:
            print(f"  {execute(path):.1f} s, {path.stat().st_size / 1e3:.0f} kB", flush=True)
        except (CellExecutionError, CellTimeoutError) as error:
            print(f"  FAILED, left as it was:\n{error}", file=sys.stderr, flush=True)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
