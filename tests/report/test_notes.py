from __future__ import annotations

import json

from pipeline.report.metrics import headline
from pipeline.report.results import folder, load
from pipeline.report.tables.ablation import table2
from pipeline.report.tables.build import build
from pipeline.report.tables.quantization import table3
from pipeline.runtime.files import write_json
from tests.report.conftest import Make


def test_notes_say_what_the_numbers_stand_on(make: Make) -> None:
    params, root = make(n_test=150)
    results = load(root / "data/results", params.grid)
    for table in (table2(results, params), table3(results, params)):
        text = " ".join(table.notes)
        assert "150 test recordings, 600 for training; answers after T2 = 5 time steps" in text
        assert "Wilson interval of one evaluation" in text and "not pooled" in text
        assert "over 2 seeds" in text and "last epoch" in text
    assert any("phase 1: 91.25 %" in note for note in table2(results, params).notes)


def test_recordings_that_were_left_out_are_told(make: Make) -> None:
    params, root = make()
    assert "skipped_recordings" not in headline(load(root / "data/results", params.grid), params)
    for seed in params.grid.seeds:
        file = root / "data/results" / folder(params.grid, "embedded", "l8", "converted", seed) / "metrics.json"
        write_json(file, {**json.loads(file.read_text()), "n_skipped": 3})
    results = load(root / "data/results", params.grid)
    for table in (table2(results, params), table3(results, params)):
        assert any(note.startswith("embedded: 3 bad recordings were left out") for note in table.notes)
    assert headline(results, params)["skipped_recordings"] == 3


def test_every_table_for_people_has_notes_and_equal_ones_once(make: Make) -> None:
    params, root = make(named="methods", n_test=40)
    for name, table in build(load(root / "data/results", params.grid), params).items():
        for_people = any(column.only != "csv" for column in table.columns)
        assert bool(table.notes) == for_people, name
        assert len(set(table.notes)) == len(table.notes), name
