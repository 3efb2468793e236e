"""Real recordings of N-MNIST, where they are there: a stream of a file's bytes is answered as the file is."""

from __future__ import annotations

import io
import tarfile
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pipeline.inference.model import load_model
from pipeline.inference.rule import rule_of
from pipeline.inference.sources import decoded
from pipeline.inference.stream import LiveClassifier
from tests.inference.small import framing, write_weights
from tests.inference.test_stream import same
from tests.training.small import CPU

RECORDINGS = Path(__file__).parents[2].parent / "shared/recordings/nmnist-6789.tar.xz"


@pytest.mark.skipif(not RECORDINGS.is_file(), reason="no real recordings beside the project")
def test_a_real_camera_is_answered_live(tmp_path: Path) -> None:
    how = framing(10, sensor=(34, 34), first=5)
    model = load_model(write_weights(tmp_path / "w.safetensors", how), CPU)
    with tarfile.open(RECORDINGS) as archive:
        files = islice((member for member in archive if member.isfile() and member.name.endswith(".bin")), 5)
        taken = [(member.name, archive.extractfile(member).read()) for member in files]
    answers = set()
    for name, data in taken:
        path = tmp_path / Path(name).name
        path.write_bytes(data)
        whole, source = model.classify(path), io.BytesIO(data)
        live = LiveClassifier(model, rule_of(how, events=len(data) // 5))
        same(list(live.run(decoded(lambda _, source=source: source.read(512), name))), whole)
        assert whole.share[-1] == 1 and 200 < whole.time_ms[-1] < 400
        answers.add(whole.logits.tobytes())
    assert len(answers) == len(taken) == 5 and np.isfinite(whole.logits).all()
