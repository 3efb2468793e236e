"""Early exit by hand, and its rules."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy

from pipeline import pieces
from pipeline.evaluation.exits import confidence, entropy, exit_steps, running_mean
from tests import exits

# Two classes; for logits (d, 0) the larger probability is 1 / (1 + e^-|d|).
LABEL = np.array([0, 0, 1])


def logits_of(means: list[list[float]]) -> np.ndarray:
    """Return logits [T, N, 2] whose mean over the first t steps has difference means[t - 1][n]."""
    steps = np.arange(1, len(means) + 1)[:, None]
    single = np.diff(np.array(means) * steps, axis=0, prepend=0)
    return np.stack([single, np.zeros_like(single)], axis=-1)


def exit_curve(logits: np.ndarray, labels: np.ndarray, thresholds: Sequence[float]):
    return exits.exit_curve(logits, labels, thresholds, confidence.sureness)


def sure(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


# Confidences after step 1, 2, 3 of three recordings; a minus says class 1.
MEANS = [
    [sure(0.60), -sure(0.80), sure(0.55)],
    [sure(0.75), sure(0.70), -sure(0.65)],
    [sure(0.95), sure(0.90), -sure(0.72)],
]


@pytest.mark.parametrize(
    ("threshold", "accuracy", "steps"),
    [
        (0.5, 1 / 3, 1.0),  # all at step 1: right, wrong, wrong
        # 0.75 at step 2 right; 0.80 at step 1 wrong; 0.72 at step 3 right
        (0.7, 2 / 3, (2 + 1 + 3) / 3),
        (0.79, 2 / 3, (3 + 1 + 3) / 3),
        # Nobody is that sure before the end: 0.95, 0.90, 0.72 at step 3, the last though it is not sure.
        (0.85, 1.0, 3.0),
        (0.999, 1.0, 3.0),
    ],
)
def test_exit_by_hand(threshold: float, accuracy: float, steps: float) -> None:
    found = exit_curve(logits_of(MEANS), LABEL, [threshold])
    assert found[0] == pytest.approx([accuracy]) and found[1] == pytest.approx([steps])


def test_a_threshold_that_is_reached_exactly_is_enough() -> None:
    logits = np.zeros((2, 1, 2))
    assert exit_curve(logits, np.array([0]), [0.5])[1] == pytest.approx([1.0])


def test_the_ends_are_the_first_and_the_last_step() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 50, 10)).astype(np.float32)
    label = np.arange(50) % 10
    accuracy, steps = exit_curve(logits, label, [0.0, 1.01])
    after = [np.mean(logits[:t].mean(axis=0).argmax(axis=-1) == label) for t in (1, 4)]
    assert accuracy == pytest.approx(after) and steps == pytest.approx([1, 4])


def test_more_confidence_takes_more_steps_and_large_logits_do_no_harm() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 80, 10)) * 1e4
    steps = exit_curve(logits, np.zeros(80, dtype=int), [0.2, 0.5, 0.9, 0.99])[1]
    assert np.all(np.diff(steps) >= 0) and np.isfinite(steps).all()


def test_steps_of_each_recording_by_hand() -> None:
    """Two classes; the gap between the mean logits is what makes one sure: sigmoid(2) = 0.88, sigmoid(0.2) = 0.55."""
    gaps = np.array([[2.0, 0.2, 0.2], [2.0, 4.0, 0.2], [2.0, 4.0, 0.2]])  # [T, N]
    logits = np.stack([gaps, np.zeros_like(gaps)], axis=-1)
    found = exit_steps(confidence.sureness(running_mean(logits)), [0.5, 0.8])
    assert found.tolist() == [[0, 0, 0], [0, 1, 2]]


def test_steps_of_sureness_by_hand() -> None:
    sureness = np.array([[0.2, 0.9, 0.1], [0.6, 0.1, 0.1], [0.9, 0.1, 0.1]])
    # At the first step that is sure enough, whatever comes later; at the last, if none is.
    assert exit_steps(sureness, [0.0, 0.5, 0.95]).tolist() == [[0, 0, 0], [1, 0, 2], [2, 2, 2]]


def test_the_mean_so_far() -> None:
    logits = np.array([[[2.0]], [[4.0]], [[0.0]]], dtype=np.float32)
    assert running_mean(logits).ravel().tolist() == [2.0, 3.0, 2.0]


def test_entropy_by_hand() -> None:
    # Probabilities (1/2, 1/2), (1/4, 3/4) and (0, 1): entropies 1, 0.811... and 0 bits of 1.
    running = np.array([[[0.0, 0.0], [0.0, np.log(3)], [0.0, 1e4]]])
    assert entropy.sureness(running)[0] == pytest.approx([0.0, 1 - (0.25 * 2 + 0.75 * np.log2(4 / 3)), 1.0])


@settings(max_examples=60)
@given(st.integers(2, 8).flatmap(lambda classes: arrays(np.float64, (2, 3, classes), elements=st.floats(-1e3, 1e3))))
def test_rules_are_those_of_the_softmax(running: np.ndarray) -> None:
    p = softmax(running, axis=-1)
    np.testing.assert_allclose(confidence.sureness(running), p.max(axis=-1))
    wanted = 1 - scipy_entropy(p, base=running.shape[-1], axis=-1)
    np.testing.assert_allclose(entropy.sureness(running), wanted, atol=1e-9)
    for rule in (confidence, entropy):
        assert ((rule.sureness(running) >= 0) & (rule.sureness(running) <= 1)).all()
        np.testing.assert_allclose(rule.sureness(running + 7), rule.sureness(running), atol=1e-9)


def test_rules_are_pieces_without_torch() -> None:
    assert pieces.kinds("evaluation.exits") == ["confidence", "entropy"]
    for kind in pieces.kinds("evaluation.exits"):
        assert pieces.module_of("evaluation.exits", pieces.checked("evaluation.exits", {"kind": kind})).sureness
    with pytest.raises(ValueError, match="did you mean 'entropy'"):
        pieces.checked("evaluation.exits", {"kind": "entropie"})
    script = "import sys; import pipeline.evaluation.exits.entropy, pipeline.evaluation.exits.confidence"
    done = subprocess.run(
        [sys.executable, "-c", script + "; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False"
