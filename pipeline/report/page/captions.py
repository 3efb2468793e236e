"""What stands beside a figure on the page: its heading and a caption that says how to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Caption:
    heading: str
    text: str


CAPTIONS: Mapping[str, Caption] = {
    "figure2": Caption(
        "Figure 2: accuracy at few time steps",
        "Accuracy against the time steps T. STS: trained and tested at each T; DTS: trained once, at the largest T, "
        "and answering after the first steps alone. HSD answers from the frames after phase 1; recipes with frames: "
        "whole from the recording split anew into T frames. Bars: sample standard deviation over seeds, or the Wilson "
        "95 % interval of a single seed.",
    ),
    "figure4": Caption(
        "Figure 4: firing rates of the first spiking layer",
        "Spikes per step of each neuron over the first steps, on the same test recording and in one colour scale: "
        "channels in reading order above, one of them enlarged below. Left: the sum of the frames that both networks "
        "saw (orange: brighter, blue: darker).",
    ),
    "early_exit": Caption(
        "Early exit",
        "Each recording is answered as soon as the network is sure enough: a mark is a confidence at which it answers, "
        "the lowest at the left. Dotted: every recording answered after the same number of steps.",
    ),
    "energy_accuracy": Caption(
        "Energy",
        "Accuracy against the energy of one recording, estimated from multiply-accumulates and synaptic operations in "
        "45 nm. Recipes of one method are joined by their number of steps; hollow marks see the whole recording, full "
        "ones the frames after phase 1.",
    ),
    "accuracy_vs_t": Caption(
        "Accuracy after each time step",
        "The rows of Table 2 and the ANN, answered by the mean of the logits so far.",
    ),
    "training_curves": Caption(
        "Training",
        "Loss and accuracy on the training recordings, means over seeds. Losses with distillation have a term more and "
        "are not to be compared with those without.",
    ),
    "firing_rates": Caption(
        "Firing rate of each layer",
        "Spikes per neuron and time step on the test recordings; bars: sample standard deviation over seeds.",
    ),
    "quantization": Caption(
        "Quantisation steps",
        "Accuracy against L of the ANN: the ANN itself, the network converted from it, and the fine-tuned one (Table "
        "3).",
    ),
    "confusion": Caption(
        "Confusion",
        "Which class the recordings of a class were taken for, in percent of the true class, summed over seeds.",
    ),
    "camera": Caption(
        "What the camera saw",
        "Training recordings as frames of event counts, one class a row; phase 1 and phase 2 see other frames of the "
        "same recording.",
    ),
}

# What the paper prints of a figure, by the column of its tables that a data set stands for; the rest is drawn only.
PRINTED: Mapping[str, Mapping[str, str]] = {
    "figure2": {
        "cifar10dvs": "The paper prints two of its figures, at T = 1: TET (STS) 74.82 %, HSD 75.81 %.",
        "dvsgesture": "The paper prints two of its figures, at T = 1: TET (STS) 90.97 %, HSD 91.32 %.",
    },
}


def caption(name: str, dataset: str, paper: str | None) -> str:
    """Give the caption of a figure of a data set, which stands for the paper's `paper` or for none."""
    printed = PRINTED.get(name, {}).get(paper or "")
    return " ".join(filter(None, (f"{dataset}.", CAPTIONS[name].text, printed)))
