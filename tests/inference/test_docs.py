"""The Python of docs/use.md runs as it stands, and its commands have the options that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.events import aedat2
from tests.inference.small import framing, recording, write_weights

TEXT = Path("docs/use.md").read_text(encoding="utf-8")


def test_python_of_the_docs_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_weights(Path("hsd-0.safetensors"), framing(4))
    aedat2.write(Path("recording.aedat"), recording())
    classify, live = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict = {"packets": [recording()[:700], recording()[700:]]}
    exec(classify, names)
    assert capsys.readouterr().out.startswith(f"{names['answer'].name} [0.")
    exec(live, names)
    # Six frames of 300 events.
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["1", "1"], ["1", "2"], ["1", "3"], ["1", "4"], ["2", "1"], ["2", "2"],
    ]  # fmt: skip


@pytest.mark.parametrize(("place", "command"), enumerate(["classify", "stream", "show"], 1))
def test_options_of_the_docs_are_there(place: int, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    section = TEXT.split("\n## ")[place]
    named = set(re.findall(r"--[a-z][a-z-]+", section)) - {"--only"}
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert len(named) > 3 and named <= set(re.findall(r"--[a-z-]+", capsys.readouterr().out))


def test_pages_of_the_docs_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("hsd-0", "lif-0"):
        write_weights(Path(f"{name}.safetensors"), framing(4))
    aedat2.write(Path("recording.aedat"), recording())
    commands = re.findall(r"python -m pipeline (show .*)", TEXT)
    assert len(commands) == 3 and all(main(command.split()) == 0 for command in commands)
    assert Path("show.html").is_file() and Path("page.html").is_file()
