"""What holds of the augmentations, and that networks learn with those of each system."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.pieces import checked, module_of
from pipeline.training.augmentations import AugmentationOptions, mixup
from pipeline.training.losses import Targets
from tests.training.small import ann, data, same, train, training

GROUP = "training.augmentations"
# Of each kind, such that every batch is varied.
EACH: dict[str, dict[str, Any]] = {
    "crop": {"padding_px": 3},
    "cutmix": {},
    "eventmix": {"probability": 1.0},
    "mixup": {"probability": 1.0},
    "nda": {"roll_px": 3, "rotate_deg": 20.0, "shear_deg": 20.0, "cutout_px": 4, "operations": 3, "flip": True},
    "snn-augment": {},
}
# What docs/recipes.md shows, by system.
SHOWN = Path("docs/recipes.md").read_text(encoding="utf-8").partition("| augmentation of |")[2].partition("\n\n")[0]
SYSTEMS = dict(re.findall(r"^\| (.+?) \| `(.+)` \|$", SHOWN, re.MULTILINE))


def options(kind: str, **more: Any) -> AugmentationOptions:
    return checked(GROUP, {"kind": kind, **EACH[kind], **more})


def vary(frames: torch.Tensor, how: AugmentationOptions, seed: int) -> tuple[torch.Tensor, Targets]:
    targets = Targets(torch.arange(len(frames), device=frames.device))
    return module_of(GROUP, how).augment(frames, targets, how, torch.Generator().manual_seed(seed))


def counts(count: int, height: int = 9, width: int = 7, seed: int = 0) -> torch.Tensor:
    shape = (count, 3, 2, height, width)
    return torch.randint(0, 200, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


@pytest.mark.parametrize("kind", EACH)
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31), st.booleans())
def test_frames_are_left_alone_and_a_seed_says_all(
    kind: str, count: int, height: int, width: int, seed: int, floats: bool
) -> None:
    x = counts(count, height, width, seed)
    x = x.float() if floats else x
    before = x.clone()
    (found, targets), (again, same_targets) = (vary(x, options(kind), seed) for _ in range(2))
    assert torch.equal(x, before) and found.shape == x.shape
    assert torch.equal(found, again)
    assert found.dtype == (torch.float32 if kind == "mixup" else x.dtype)
    # Labels are changed by those alone that mix.
    assert torch.equal(targets.labels, torch.arange(count))
    assert (targets.other is not None) == options(kind).mixes
    if targets.other is not None:
        assert torch.equal(targets.weight, same_targets.weight) and torch.equal(targets.other, same_targets.other)
        assert targets.weight.dtype == torch.float32 and targets.weight.shape == (count,)
        assert targets.weight.min() >= 0 and targets.weight.max() <= 1


@pytest.mark.parametrize("kind", EACH)
def test_batches_differ_and_frames_and_polarities_are_varied_alike(kind: str) -> None:
    alike = counts(20)[:, :1, :1].expand(-1, 3, 2, -1, -1)
    found, other = (vary(alike, options(kind), seed)[0] for seed in (0, 1))
    assert not torch.equal(found, other) and not torch.equal(found, alike)
    # EventMix's region is one of time too.
    assert (found == found[:, :, :1]).all() and (found == found[:, :1]).all() == (kind != "eventmix")
    # A part of a batch that is no contiguous tensor.
    assert torch.equal(
        vary(counts(8)[::2], options(kind), 2)[0], vary(counts(8)[::2].contiguous(), options(kind), 2)[0]
    )


@pytest.mark.parametrize("kind", ["cutmix", "eventmix", "mixup"])
def test_with_probability_0_nothing_changes_to_the_bit(kind: str, tmp_path: Path) -> None:
    x = counts(4)
    for seed in range(5):
        assert vary(x, options(kind, probability=0.0), seed)[0] is x
    never = training(augmentations={"kind": kind, "probability": 0.0})
    assert same(train(ann(), tmp_path)[0], train(ann(), tmp_path, never)[0])


def test_mixing_ends_after_some_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called, real = [], mixup.augment
    monkeypatch.setattr(mixup, "augment", lambda *given: called.append(1) or real(*given))
    how = training(augmentations={"kind": "mixup", "probability": 1.0, "until": 2}, epochs=3)
    train(ann(), tmp_path, how, on=data(10))
    assert len(called) == 2 * math.ceil(10 / how.schedule.batch_size)


def test_those_that_mirror_say_so() -> None:
    """The mirror of a frame comes from no other."""
    assert {kind for kind in EACH if options(kind).mirrors} == {"nda", "snn-augment"}
    arrow = torch.zeros(400, 1, 1, 9, 9)
    arrow[..., 4, 1:8], arrow[..., 2:7, 6] = 1, 1
    for kind in EACH:
        flips = {"flip": False} if kind in ("nda", "snn-augment") else {}
        found, seen = vary(arrow, options(kind, **flips), 0)[0], vary(arrow, options(kind), 0)[0]
        assert not options(kind, **flips).mirrors and not (found == arrow.flip(-1)).flatten(1).all(1).any()
        assert (seen == arrow.flip(-1)).flatten(1).all(1).any() == options(kind).mirrors


def test_all_that_are_shown_are_found() -> None:
    assert len(SYSTEMS) == SHOWN.count("\n| ") == 8


@pytest.mark.parametrize("system", SYSTEMS)
def test_networks_learn_with_those_of_each_system(system: str, tmp_path: Path) -> None:
    varied = training(augmentations=yaml.safe_load(SYSTEMS[system]))
    # Dumped and read again, as it goes into a plan.
    assert type(varied).model_validate(varied.model_dump()) == varied
    weights, curves = train(ann(), tmp_path / "one", varied, on=data(12))
    again, same_curves = train(ann(), tmp_path / "two", varied, on=data(12))
    assert same(weights, again) and curves == same_curves
    plain = train(ann(), tmp_path / "plain", on=data(12))[0]
    assert same(weights, plain) == (not varied.augmentations)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", EACH)
def test_a_gpu_sees_what_the_cpu_would_and_does_not_wait(kind: str) -> None:
    x = counts(30)
    wanted, targets = vary(x, options(kind), 0)
    there = x.to("cuda")
    vary(there, options(kind), 1)
    torch.cuda.set_sync_debug_mode("error")
    try:
        found, seen = vary(there, options(kind), 0)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    # A pixel that lies between two may come from the other.
    assert torch.isclose(found.cpu(), wanted).double().mean() > 0.999
    if targets.other is not None:
        assert torch.equal(seen.other.cpu(), targets.other)
        torch.testing.assert_close(seen.weight.cpu(), targets.weight)
