"""A page in a headless browser, on machines that have one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
KNOWN = """
    const frame = document.querySelector("iframe"), page = frame.contentDocument, root = page.documentElement;
    const $ = found => page.querySelector(found), click = found => $(found).click();
"""


@pytest.fixture(scope="session")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or pytest.skip(f"no {', '.join(BROWSERS)} on this machine")


def dom(browser: str, address: str, folder: Path, *flags: str) -> str:
    """Return a page as it is after its scripts have run; `folder` takes the browser's profile."""
    done = subprocess.run(
        [browser, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", "--dump-dom", address],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout


def measure(
    browser: str, text: str, width: int, folder: Path, wanted: str, known: str = "", budget_ms: int = 0
) -> dict[str, Any]:
    """Show a page in a frame of a width, which a browser's window need not reach down to, and return what is wanted.

    `wanted`: keys and values of JavaScript, read one after the other; with a budget of the page's own time they may
    wait for promises. `known`: what they use beside KNOWN.
    """
    script = f"{KNOWN} {known} document.title = JSON.stringify({{{wanted}}})"
    shown = f'<iframe style="border:0" width={width} height=60000 srcdoc="{html.escape(text)}"></iframe>'
    outer = folder / "outer.html"
    outer.write_text(f"<!doctype html><title></title>{shown}<script>window.onload = async () => {{{script}}}</script>")
    found = dom(browser, outer.as_uri(), folder, *[f"--virtual-time-budget={budget_ms}"] * (budget_ms > 0))
    title = re.search(r"<title>(.*?)</title>", found, re.DOTALL)
    assert title, found[:500]
    measured: dict[str, Any] = json.loads(html.unescape(title.group(1)))
    return measured
