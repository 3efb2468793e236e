"""Settings of the report, and what the stages after the runs are told: which runs, of which data sets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.config.base import Count, Group, Name, Names, Pair, Positive, Share, Whole
from pipeline.config.dataset import Order
from pipeline.config.frames import SliceBy
from pipeline.config.grid import Grid, Reference, References
from pipeline.config.selections import Seen
from pipeline.pieces import piece

ExitRule: Any = piece("evaluation.exits")
# A run as a comparison names it: a recipe, at another T perhaps, with another ANN perhaps: hsd, hsd.t3, hsd@l16.
Compared = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*(\.t[1-9][0-9]*)?(@[a-z0-9][a-z0-9_-]*)?$")]


class RunEntry(Group):
    """What a run is: its name (dataset, ann, recipe, seed), and what sets its method apart.

    `kind`: the phase 1 ANN, the network converted from it, or a trained spiking network. `ann` and `levels` (L) are
    None where the recipe needs no ANN. `network`: its entry, with its factor on the width; `side`: of its frames, px.
    `steps`: T in which it answers; `frames`: which it sees, after phase 1, between those of phase 1, or all. `loss`:
    kinds of loss, joined by +, features apart. `causal`: its answer at a step needs no later frame; `own_schedule`: it
    learns as its authors have it, not as the data set says. `settings`: digest of all its settings.
    """

    dataset: Name
    recipe: Reference
    method: Name
    title: str
    kind: Literal["ann", "converted", "snn"]
    ann: Name | None
    levels: Count | None
    network: str
    side: str
    steps: Count
    frames: Seen
    init: Literal["converted", "random"]
    loss: str
    neuron: str
    gradient: str
    attention: bool
    features: bool
    causal: bool
    own_schedule: bool
    seed: Whole
    settings: str


class DatasetFacts(Group):
    """What the report says of a data set.

    `paper`: the column of the paper's tables it stands for; `steps`: frames of a recording, of which phase 1 takes
    `t1` from `offset` on, then phase 2 `t2`, or both by turns (`order`), of `frame_size`, cut by `slice_by`;
    `network`: its title, `width` times the paper's; `eval_test`: every how many epochs the test recordings are looked
    at, 0 for never.
    """

    paper: Literal["cifar10dvs", "ncaltech101", "dvsgesture"] | None
    simulated: bool
    offset: Whole
    t1: Count
    t2: Count
    order: Order
    steps: Count
    frame_size: Pair
    slice_by: SliceBy
    network: str
    width: Positive
    epochs_ann: Count
    epochs_converted: Count
    epochs_random: Count
    eval_test: Whole


class Figure2(Group):
    """Recipes that stand at each T the grid has of them (STS), and those that are trained once and truncated (DTS).

    `converted` may stand under `dts`: the network of phase 1, converted and not trained again.
    """

    sts: Names
    dts: Names


class Figure4(Group):
    """Firing-rate maps: of which recipes, over how many first steps, and which channel by itself."""

    recipes: References
    steps: Annotated[list[Count], Field(min_length=1)]
    channel: Whole


class Report(Group):
    """What tables and figures show; recipes that the grid lacks are left out.

    `methods`: whose colours come first, and of whom the figure of energy shows recipes beside Table 2's. `table1`: our
    rows, `converted` perhaps among them; cited rows stand behind those of their method. `few_steps`: recipes that are
    read after each step. `comparisons`: pairs that are tested on the same recordings. `exit_rule`,
    `exit_at`: the rule of an early exit, and its thresholds.
    """

    headline: Annotated[References, Field(max_length=6)]
    methods: Names
    table1: References
    table2: References
    table4: References
    table5: References
    few_steps: References
    comparisons: list[Annotated[list[Compared], Field(min_length=2, max_length=2)]]
    figure2: Figure2
    figure4: Figure4
    exit_rule: ExitRule
    exit_at: Annotated[list[Share], Field(min_length=1)]
    preview: Count
    dpi: Count


class ReportSettings(Group):
    """All that the stages results, tables, figures and page are told; `settings_text`: YAML to be read, by title."""

    grid: Grid
    runs: list[RunEntry]
    datasets: dict[Name, DatasetFacts]
    report: Report
    settings_text: dict[str, str]
