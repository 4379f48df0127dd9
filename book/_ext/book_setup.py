"""What the book needs and Jupyter Book's settings cannot say.

- The library beside the book can be imported, installed or not.
- The title stands beside the logo. (html_theme_options in _config.yml would replace all that Jupyter Book sets there.)
- A docstring's "Chapter: book/…" becomes a link to that chapter.
- The entries of the bibliography get a role that a list may hold, and the arrows of the sidebar a name.
- Thebe is off, so its scripts (which name an outside address, twice on each page) go; and the colour mode starts
  as the reader's system says, where the theme alone leaves it empty and complains in the console.
"""

import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = re.compile(r"(^|(?<=\. ))Chapter: (book/[\w/]+)(?:\.ipynb|\.md)?")


def name_beside_logo(app: Sphinx, config: Any) -> None:
    config.html_theme_options.setdefault("logo", {})["text"] = config.html_title


def link_chapter(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    lines[:] = [CHAPTER.sub(r"Taught in :doc:`/\2`.", line) for line in lines]


def mend_page(
    app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    if "body" in context:
        context["body"] = context["body"].replace(
            'role="doc-biblioentry"', 'role="listitem"'
        )
    if tree := context.get("generate_toctree_html"):
        # The arrow beside a page with pages below it has a picture and no name.
        context["generate_toctree_html"] = lambda *args, **options: str(
            tree(*args, **options)
        ).replace("<summary>", '<summary aria-label="The pages below">')
    context["default_mode"] = "auto"
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe"
        not in f"{script} {getattr(script, 'attributes', {}).get('body', '')}".lower()
    ]
    context["css_files"] = [
        css for css in context.get("css_files", []) if "thebe" not in str(css)
    ]


def write_slides(app: Sphinx, error: Exception | None) -> None:
    """The decks lie in the built book, so that its links to them lead somewhere."""
    if error is None and app.builder.format == "html":
        from tools import slides

        slides.write(Path(app.outdir))


def setup(app: Sphinx) -> dict[str, bool]:
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    app.connect("config-inited", name_beside_logo)
    app.connect("autodoc-process-docstring", link_chapter, priority=400)
    app.connect("html-page-context", mend_page, priority=900)
    app.connect("build-finished", write_slides)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
