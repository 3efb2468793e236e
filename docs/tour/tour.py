"""
A tour in Python
================

From pictures before a simulated event camera to a spiking network that was fine-tuned with step-wise distillation, then
the data frame of runs that were trained in earnest. Twelve recordings of each digit and two epochs show how the pieces
fit together, not how good the method is.

Run it as a script, cell by cell in an editor that knows ``# %%``, or as the Jupyter notebook that the site offers below
this page (``make docs``): in the project's environment, from any folder of the repository.
"""

# sphinx_gallery_thumbnail_number = -1

# %%
# Recordings
# ----------
# ``params/datasets.yaml`` says how the camera sees a digit. Twelve of each instead of 130 are enough here.

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

root = next(folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "params.yaml").is_file())
sys.path.insert(0, str(root))

from pipeline.camera.record import record
from pipeline.config.catalogues import load as load_params

settings = load_params(root).dataset("mnist-dvs-sim")
folder = TemporaryDirectory()
recordings = Path(folder.name) / "recordings"
few = settings.recordings.model_copy(update={"per_class": 12, "skip": 0})
print(f"{record(few, root / 'data/raw/mnist-dvs-sim', recordings, workers=1):,} events")

# %%
# Frames
# ------
# A recording becomes ten frames, uint8 counts of brighter and darker events: [T, 2, H, W].

from pipeline.events.read import read_events
from pipeline.frames.integrate import integrate

paths = sorted(recordings.glob("*/*.aedat"))
sensor = settings.recordings.sensor
frames = np.stack([integrate(read_events(path), steps=10, sensor=sensor, size=sensor) for path in paths]).astype(
    np.uint8
)
labels = np.array([int(path.parent.name) for path in paths])
print(frames.shape, frames.dtype)

# %%
# Look at one digit: orange is brighter, blue darker.

from pipeline.report.figures.camera import colours

figure, panels = plt.subplots(2, 5, figsize=(8, 3.6), layout="constrained")
for t, (panel, picture) in enumerate(zip(panels.flat, colours(frames[40]), strict=True)):
    panel.imshow(picture)
    panel.set(title=f"frame {t}", xticks=[], yticks=[])

# %%
# Phase 1: an ANN learns on the first five frames
# -----------------------------------------------
# A small VGG with QCFS activations, L = 8. The first nine recordings of each digit are for training.

import torch

from pipeline.config.network import Network
from pipeline.config.training import Training
from pipeline.nets.build import build
from pipeline.runtime.hardware import hardware
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.loop import fit
from pipeline.training.objective import Objective

chain = {"kind": "chain", "layers": [8, 16, "p", 32, "p", 64, "p"]}
network = Network(model=chain, activation={"kind": "qcfs", "levels": 8, "threshold": 2.0})
ann = build(network, classes=10, size=sensor, generator=torch.Generator().manual_seed(0))
first, second = frames[:, :5], frames[:, 5:]
train = np.arange(len(labels)) % 12 < 9


def learn(net, clips, objective, losses, rate):
    """Train a network for two epochs and return its curves."""
    optimizer = {"kind": "adam", "lr": rate, "momentum": 0.9, "weight_decay": 0.0}
    schedule = {"epochs": 2, "batch_size": 10, "optimizer": optimizer, "decay": {"kind": "cosine"}}
    training = Training(losses=losses, gradient={"kind": "bptt"}, augmentations=[], schedule=schedule)
    objective = objective(training.losses)
    checkpoint = Checkpoint(training.model_dump(mode="json"), {}, code="tour", root=folder.name)
    return fit(net, clips[train], labels[train], objective, training, 0, hardware(), checkpoint, "tour")


curves = learn(ann, first, Objective, {"kind": "ce"}, 5e-3)

# %%
# Conversion
# ----------
# The same weights, each QCFS an integrate-and-fire neuron with the threshold that it learned.

from pipeline.nets.convert import convert

snn = convert(ann)
print(snn)

# %%
# Phase 2: step-wise distillation on the next five frames
# -------------------------------------------------------
# The converted network learns from the labels and, at each of its time steps, from the ANN.

from pipeline.nets.fold import folded

skd = {"kind": "skd", "weight": 1.0, "temperature": 2.0}
teacher = folded(ann)
tuned_curves = learn(snn, second, lambda losses: Objective(losses, teacher), skd, 1e-3)

# %%
# What came of it: the share of right answers after each time step on the recordings that were not trained on. Thirty
# recordings say next to nothing: one more right answer is three points.

from pipeline.evaluation.accuracy import predict
from pipeline.results.answers import correct_after

logits = predict(snn, second[~train], batch_size=10, hardware=hardware())
print(correct_after(logits, labels[~train]) / (~train).sum())

# %%
# Runs that were trained in earnest
# ---------------------------------
# ``reports/<grid>/runs.csv`` as a data frame, a row a run: here accuracy against the estimated energy of a recording.

from pipeline.results import load

runs = load("methods", reports=root / "reports")
spiking = runs[(runs["kind"] == "snn") & (runs["frames"] == "phase2") & (runs["steps"] == 5)]
means = spiking.groupby("title")[["accuracy", "energy_uj"]].mean().sort_values("accuracy")
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
axes.scatter(means["energy_uj"], 100 * means["accuracy"])
for title, row in means.iterrows():
    axes.annotate(title, (row["energy_uj"], 100 * row["accuracy"]), xytext=(4, 2), textcoords="offset points", size=8)
axes.set(xlabel="estimated energy of one recording (µJ)", ylabel="test accuracy (%)")
means

# %%
# ``pipeline.results.load("methods", per="step")`` has a row for each run and time step.

folder.cleanup()
