"""Text from outside, such as titles and names of classes, on its way into Markdown, LaTeX and figures: here alone.

For CSV it is pipeline.results.cells, for the page jinja's autoescape.
"""

import html
import re

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
# Line breaks and whatever else has no width: each becomes a space.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# At the start of a row or item a bracket would be an option.
TEX = str.maketrans({
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "[": "{[}", "]": "{]}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", DASH: "--", "✓": r"$\checkmark$",
    "µ": r"$\mu$", "→": r"$\rightarrow$", "±": r"$\pm$", MINUS: "$-$", "<": "$<$", ">": "$>$", "≥": r"$\geq$",
    "†": r"$\dagger$", "×": r"$\times$",
})  # fmt: skip
# Entities where a backslash is not enough for every reader of Markdown.
ENTITIES = {character: f"&#{ord(character)};" for character in "$~"}
SLASHED = {character: f"\\{character}" for character in "\\|*_[]`!"}
MARKDOWN = str.maketrans({**ENTITIES, **SLASHED, "<": "&lt;", "&": "&amp;"})


def markdown(text: str) -> str:
    """Return text that Markdown shows as it is, in a table's cell too."""
    return CONTROL.sub(" ", text).translate(MARKDOWN)


def from_markdown(text: str) -> str:
    """Return the text that `markdown` made into this."""
    return html.unescape(re.sub(r"\\(.)", r"\1", text))


def tex(text: str) -> str:
    """Return text that LaTeX shows as it is."""
    return CONTROL.sub(" ", text).translate(TEX)


def plot(text: str) -> str:
    """Return text for a figure; dollars are letters by figures.mplstyle, a label that begins with _ would be hidden."""
    return re.sub("^_", " _", CONTROL.sub(" ", text))
