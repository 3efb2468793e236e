from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import report, rows
from benchmarks.result import Goal, Result, timed, unmeasured
from pipeline.errors import FileError

MACHINE = {
    "processor": "Some CPU", "cores": 2, "memory_gib": 8.0, "threads": 2, "versions": {"torch": "9.9"}, "device": "cpu",
}  # fmt: skip


def some() -> list[Result]:
    slow = {"ours": [1.0, 1.0, 1.0], "fast": [2.0, 2.5, 4.0], "slow": [9.0, 10.0, 12.0]}
    return [
        timed("decode", "a case", "fast", Goal(">=", 8), slow, load=0.1, note="a note"),
        timed("decode", "a case", "slow", Goal(">=", 8), slow, load=1.5),
        unmeasured("decode", "another", "fast", Goal(">=", 8), "cannot read it"),
    ]


def written(folder: Path) -> tuple[list[dict[str, str]], str]:
    with open(folder / "benchmarks.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file)), (folder / "benchmarks.md").read_text(encoding="utf-8")


def test_the_report_says_what_is_not_met(tmp_path: Path) -> None:
    report.save_rows(tmp_path, "decode", some(), MACHINE)
    report.write(tmp_path, list(rows.ROWS), MACHINE)
    table, text = written(tmp_path)
    assert [row["verdict"] for row in table] == ["not met", "met", "not measured"]
    assert [row["ratio_median"] for row in table] == ["2.5", "10.0", ""]
    assert (table[0]["ratio_low"], table[0]["ratio_high"], table[0]["goal"]) == ("2.0", "4.0", "≥ 8×")
    assert "| 2.5× |" in text and "not met" in text and "cannot read it" in text
    assert "Goals: 1 met, 1 not met, 1 not measured." in text
    assert "decode: others used 1.5 cores when it began" in text
    assert "Some CPU, 2 cores, 8.0 GiB, 2 threads; torch 9.9" in text
    assert json.loads((tmp_path / "machine.json").read_text()) == MACHINE
    for suffix in ("png", "pdf"):
        assert (tmp_path / f"benchmarks.{suffix}").stat().st_size > 1000


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        report.save_rows(tmp_path / name, "decode", some(), MACHINE)
        report.write(tmp_path / name, list(rows.ROWS), MACHINE)
    for path in sorted((tmp_path / "one").glob("benchmarks.*")):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_rows_of_other_commands_and_other_machines_are_kept(tmp_path: Path) -> None:
    other = {**MACHINE, "processor": "Another CPU"}
    added = [Result("accuracy", "hsd, embedded", "fp32", "%", None, 88.0, 88.5, note="bf16 against fp32")]
    report.save_rows(tmp_path, "accuracy", added, other)
    report.save_rows(tmp_path, "decode", some(), MACHINE, quick=True)
    report.write(tmp_path, list(rows.ROWS), MACHINE)
    table, text = written(tmp_path)
    assert [row["row"] for row in table] == ["decode"] * 3 + ["accuracy"]
    assert table[-1]["processor"] == "Another CPU" and table[-1]["verdict"] == "report"
    assert "accuracy: measured in another run, on Another CPU; torch 9.9." in text
    assert "decode: measured with --quick" in text


def test_a_damaged_file_of_rows_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "bad.json").write_text('{"machine": {}, "results": [{"row": "bad"}]}')
    with pytest.raises(FileError, match=r"bad\.json: is no file of benchmark rows .*case"):
        report.read_rows(tmp_path, [])


def test_the_command_writes_the_report_and_goes_on_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: object) -> list[Result]:
        raise RuntimeError("out of memory")

    monkeypatch.setitem(rows.ROWS, "snn", fails)
    monkeypatch.setitem(rows.ROWS, "decode", lambda _: some())
    assert command.main(["--quick", "--rows", "snn", "decode", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "snn: RuntimeError: out of memory" in said.err and "not run: snn" in said.err
    assert "decode: 0 s" in said.out and "2.5x (2 to 4), goal ≥ 8×: not met" in said.out
    assert len(written(tmp_path)[0]) == 3


def test_all_but_repro_run_by_default() -> None:
    assert "repro" in rows.ROWS and "repro" not in rows.DEFAULT
    assert {"decode", "epoch", "snn", "ann", "inference", "memory", "disk", "gpu"} <= set(rows.DEFAULT)
