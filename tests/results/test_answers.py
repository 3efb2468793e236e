"""What a network answers after each step, by hand."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from pipeline.results.answers import answers, correct_after

# Two recordings, three classes, three steps; the second one's mind changes at the last.
LOGITS = np.array([[[1, 0, 0], [0, 3, 0]], [[0, 2, 0], [0, 0, 2]], [[0, 2, 0], [0, 0, 4]]], dtype=np.float32)


def test_the_largest_mean_logit_answers() -> None:
    assert answers(LOGITS).tolist() == [1, 2]
    assert [answers(LOGITS, steps).tolist() for steps in (1, 2, 3)] == [[0, 1], [1, 1], [1, 2]]
    # The first of equals; float16 is not summed as such.
    assert answers(np.zeros((2, 1, 3))).tolist() == [0]
    assert answers(np.full((3, 1, 2), [60000, 60001], dtype=np.float32).astype(np.float16)).dtype == np.int64


def test_right_answers_after_each_step() -> None:
    assert correct_after(LOGITS, np.array([1, 2])) == [0, 1, 2]
    assert correct_after(LOGITS, np.array([0, 1])) == [2, 1, 0]


def test_no_torch_is_needed() -> None:
    script = "import sys, pipeline.results.answers; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "False"
