import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as command
from benchmarks import core, report
from benchmarks.report import Row
from pipeline.errors import FileError

MACHINE = {
    "processor": "Some CPU", "cores": 2, "memory_gib": 8.0, "threads": 2, "versions": {"torch": "9.9"}, "device": "cpu",
}  # fmt: skip
ORDER = list(command.ROWS)


def some() -> list[Row]:
    fast, slow = (Row("decode", "a case", peer, "≥ 8×") for peer in ("fast", "slow"))
    return [
        fast.compared([1.0] * 3, [2.0, 2.5, 4.0], "a note"),
        slow.compared([1.0] * 3, [9.0, 10.0, 12.0]),
        Row("decode", "another", "fast", "≥ 8×", note="cannot read it"),
    ]


def written(folder: Path) -> tuple[list[dict[str, str]], str]:
    with open(folder / "benchmarks.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file)), (folder / "benchmarks.md").read_text(encoding="utf-8")


def test_the_report_says_what_is_not_met(tmp_path: Path) -> None:
    report.save_rows(tmp_path, "decode", some(), MACHINE, load=1.5)
    report.write(tmp_path, ORDER, MACHINE)
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


def test_the_summary_has_the_rows_with_a_goal(tmp_path: Path) -> None:
    report.save_rows(tmp_path, "decode", [*some(), Row("decode", "no goal", "fast", ours=1.0)], MACHINE, load=0.0)
    report.write(tmp_path, ORDER, MACHINE)
    lines = (tmp_path / "summary.md").read_text().splitlines()
    assert lines[2] == "| Row | Case | Peer | Ratio | Goal |  |"
    assert lines[4] == "| decode | a case | fast | 2.5× | ≥ 8× | not met |"
    assert not any("no goal" in line for line in lines) and "no goal" in written(tmp_path)[1]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        report.save_rows(tmp_path / name, "decode", some(), MACHINE, load=0.0)
        report.write(tmp_path / name, ORDER, MACHINE)
    for path in sorted((tmp_path / "one").glob("benchmarks.*")):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_rows_of_other_commands_and_other_machines_are_kept(tmp_path: Path) -> None:
    other = {**MACHINE, "processor": "Another CPU"}
    added = Row("accuracy", "hsd", "fp32", unit="%").compared([88.0], [88.5], "bf16 against fp32", inverse=True)
    report.save_rows(tmp_path, "accuracy", [added], other, load=0.0)
    report.save_rows(tmp_path, "decode", some(), MACHINE, load=0.0, quick=True)
    report.write(tmp_path, ORDER, MACHINE)
    table, text = written(tmp_path)
    assert [row["row"] for row in table] == ["decode"] * 3 + ["accuracy"]
    assert table[-1]["processor"] == "Another CPU" and table[-1]["verdict"] == "report"
    assert "accuracy: measured in another run, on Another CPU; torch 9.9." in text
    assert "decode: measured with --quick" in text


def test_shares_of_time_become_a_table_of_their_own(tmp_path: Path) -> None:
    rows = [
        Row("profile", title, part, unit="%", ours=share)
        for title, shares in (("step", (60.0, 40.0)), ("epoch", (75.5, 24.5)))
        for part, share in zip(("pooling", "neurons"), shares, strict=True)
    ]
    report.save_rows(tmp_path, "profile", rows, MACHINE, load=0.0)
    report.save_rows(tmp_path, "decode", some(), MACHINE, load=0.0)
    report.write(tmp_path, ORDER, MACHINE)
    text = (tmp_path / "profile.md").read_text()
    assert "| Part | step (%) | epoch (%) |" in text and "on Some CPU, 2 threads" in text
    assert "| pooling | 60.0 | 75.5 |" in text and "| neurons | 40.0 | 24.5 |" in text
    assert "neurons" not in written(tmp_path)[1]


def test_a_damaged_file_of_rows_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    bad = {"machine": {}, "quick": False, "results": [{"row": "bad"}]}
    (tmp_path / "rows" / "bad.json").write_text(json.dumps(bad))
    with pytest.raises(FileError, match=r"bad\.json: is no file of benchmark rows .*case"):
        report.read_rows(tmp_path, [])


def test_the_command_writes_the_report_and_goes_on_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[core.Context] = []

    def fails(_: object) -> list[Row]:
        raise RuntimeError("out of memory")

    def decode(context: core.Context) -> list[Row]:
        seen.append(context)
        return some()

    modules = {"benchmarks.nets": SimpleNamespace(snn=fails), "benchmarks.data": SimpleNamespace(decode=decode)}
    monkeypatch.setattr(command, "import_module", modules.__getitem__)
    assert command.main(["--quick", "--only", "snn", "decode", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "snn: not run: RuntimeError: out of memory" in said.err
    assert "decode: 0 s" in said.out and "2.5×" in said.out and "not met" in said.out
    assert len(written(tmp_path)[0]) == 3
    assert seen[0].quick and seen[0].device == "cpu" and seen[0].before is None


def test_only_without_rows_draws_the_report_anew(tmp_path: Path) -> None:
    report.save_rows(tmp_path, "decode", some(), MACHINE, load=0.0)
    before = (tmp_path / "rows" / "decode.json").read_bytes()
    assert command.main(["--only", "--out", str(tmp_path)]) == 0
    assert len(written(tmp_path)[0]) == 3 and (tmp_path / "rows" / "decode.json").read_bytes() == before


@pytest.mark.parametrize("name", command.ROWS)
def test_every_row_is_there_to_be_asked_for(name: str) -> None:
    assert callable(getattr(command.import_module(f"benchmarks.{command.ROWS[name]}"), name))


def test_an_unknown_row_and_an_absent_gpu_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--only", "bussy"])
    assert "'bussy'" in capsys.readouterr().err
