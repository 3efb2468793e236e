"""The GPU's functions on a CPU, at a size of nothing."""

from __future__ import annotations

import pytest

from benchmarks import batches, gpu, nets
from benchmarks.context import Context
from benchmarks.result import UNMEASURED


def test_without_a_card_every_goal_is_not_measured(context: Context) -> None:
    results = gpu.goals(context)
    assert len(results) == 4
    assert {result.verdict for result in results} == {UNMEASURED}
    assert all("no CUDA device" in result.note for result in results)


@pytest.mark.parametrize("name", [gpu.ANN, gpu.HSD, nets.OURS, nets.STEP_LOOP])
def test_every_candidate_takes_steps(context: Context, name: str) -> None:
    step = gpu.calls(context, name)["step"]
    first = step()
    assert first > 0 and step() != first


def test_operations_by_hand(context: Context) -> None:
    batch = batches.batch_of(context, 3)
    # Channels at width 1/16 and 16 px: multiplications of each convolution on its map, then the read-out.
    layers = [(2, 4, 16), (4, 8, 16), (8, 16, 8), (16, 16, 8), (16, 32, 4), (32, 32, 4), (32, 32, 2), (32, 32, 2)]
    convolutions = [9 * inputs * outputs * side**2 for inputs, outputs, side in layers]
    forward = sum(convolutions) + 32 * 4
    # Backward: for weights and for inputs; the first layer's input needs none.
    expected = 2 * 3 * 3 * (3 * forward - convolutions[0])
    assert gpu.training_operations(context, batch) == expected


def test_the_projections_arithmetic(context: Context) -> None:
    result = gpu.projection(context, ann=0.5, hsd=0.8, batch=128)
    # 71 batches of 9,000 recordings.
    assert result.ours == pytest.approx(71 * (300 * 0.5 + 100 * 0.8) / 3600)
    assert "71 steps an epoch × (300 epochs × 0.5000 s + 100 × 0.8000 s) = 4.54 h" in result.note


def test_matrix_rate_is_a_rate() -> None:
    assert gpu.matrix_rate("cpu", 32, products=1, turns=1) > 0


def test_all_goals_are_measured_where_there_is_a_device(context: Context) -> None:
    share, finetuning, loop, projection = gpu.measured(context)
    assert share.ratio is not None and share.ours is not None and share.theirs is not None
    assert share.unit == "TFLOP/s" and finetuning.peer == "ANN training" and loop.peer == nets.STEP_LOOP
    assert projection.unit == "h" and projection.ratio is None
