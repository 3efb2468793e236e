"""How Sphinx makes the site (`make docs`): the guide as it lies in the repository, the API from the docstrings.

The repository's root is Sphinx's source, so that a link works on the site as it does in an editor.
What Sphinx itself writes there, the API's pages and the tour's, goes below docs/site/made/.
"""

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MADE = "docs/site/made"
sys.path.insert(0, str(ROOT))

project = "HSD pipeline"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.apidoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
]
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "data/README.md", "docs/**.md", f"{MADE}/**.rst"]
exclude_patterns = [".*", "site"]

myst_heading_anchors = 3
default_role = "code"
autodoc_default_options = {"members": True, "member-order": "bysource"}
# SpikingJelly's docstrings are not ours.
autodoc_inherit_docstrings = False
# Two classes of one name in two modules.
suppress_warnings = ["ref.python"]
apidoc_modules = [{
    "path": str(ROOT / "pipeline"), "destination": f"{MADE}/api", "max_depth": 2, "automodule_options": {"members"},
    "module_first": True,
}]  # fmt: skip
sphinx_gallery_conf = {
    "examples_dirs": "docs/tour", "gallery_dirs": f"{MADE}/tour", "filename_pattern": "tour.py",
    "download_all_examples": False, "remove_config_comments": True, "show_memory": False, "show_signature": False,
    "write_computation_times": False,
}  # fmt: skip

html_theme = "alabaster"
html_title = "HSD pipeline"
html_extra_path = ["index.html"]
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_copyright = False
html_copy_source = False
html_theme_options = {
    "page_width": "72rem", "sidebar_width": "15rem", "fixed_sidebar": True, "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
}  # fmt: skip

LINK = re.compile(r"\[([^\]]+)\]\(([^)#:]+)\)")
# What reStructuredText would take for its own in text between `code`.
MARKUP = re.compile(r"(`[^`]*`)(\w?)|(\*(?!\s)|\||(?<=\w)_(?!\w))")
# Lines that are indented, behind one that is not.
BLOCK = re.compile(r"(?<=\S\n)(?:^ +\S.*\n)+", re.MULTILINE)


def setup(app: Any) -> None:
    app.connect("source-read", _without_pages)
    app.connect("autodoc-process-docstring", _as_text)


def _without_pages(app: Any, name: str, content: list[str]) -> None:
    """Let a link to a folder be its words, one to Markdown that has no page a download."""
    folder = (ROOT / name).parent

    def kept(link: re.Match[str]) -> str:
        target = folder / link[2]
        if target.is_dir():
            return link[1]
        page = target.resolve().relative_to(ROOT).with_suffix("").as_posix() if target.exists() else ""
        shown = target.suffix != ".md" or not page or page in app.env.found_docs
        return link[0] if shown else f"{{download}}`{link[1]} <{link[2]}>`"

    content[0] = LINK.sub(kept, content[0])


def _as_text(app: Any, what: str, name: str, it: Any, options: Any, lines: list[str]) -> None:
    """Let a docstring be text with `code` in it, and what is indented in a module's a block of it."""
    text = MARKUP.sub(_escaped, "\n".join(lines))
    if what == "module":
        text = BLOCK.sub(lambda found: f"\n\n::\n\n{found[0]}\n", f"{text}\n")
    lines[:] = text.splitlines()


def _escaped(found: re.Match[str]) -> str:
    code, letter, mark = found.groups()
    # A letter right behind code must be told apart from it.
    return f"\\{mark}" if mark else f"{code}\\ {letter}" if letter else code
