"""What a reader of a report must know before its numbers, said from the settings alone."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config import Params


def preamble(params: Params) -> list[str]:
    """Say what the grid is, how networks were selected, and how its data sets relate to the paper's."""
    return [_grid(params), _selection(params), *_paper(params)]


def _grid(params: Params) -> str:
    grid = params.grid
    recipes = len(grid.baselines) + len(grid.whole) + len(grid.recipes)
    count = len(grid.seeds)
    seeds = f"{count} seeds ({_join(grid.seeds)}); accuracies are means over them" if count > 1 else "a single seed"
    return (
        f"The grid {grid.name} runs {recipes} recipe{'s' if recipes != 1 else ''} and {len(grid.anns)} "
        f"ANN{'s' if len(grid.anns) != 1 else ''} on {_join(grid.datasets)}, with {seeds}."
    )


def _selection(params: Params) -> str:
    looked = any(params.dataset(name).monitor.test for name in params.grid.datasets)
    optimistic = (
        " An accuracy of the epoch that is best on the test recordings is optimistic and stands only where it is "
        "called paper-compatible."
    )
    selection = "Every network is that of its last epoch; the test recordings chose nothing."
    return selection + (optimistic if looked else "")


def _paper(params: Params) -> list[str]:
    grid, said = params.grid, []
    foreign = [name for name in grid.datasets if params.dataset(name).paper is None and name not in grid.simulated]
    if grid.simulated:
        widths = {params.network_of(name).width for name in grid.simulated}
        narrow = f", seen by a network of {_join(sorted(widths))} times the paper's width" if max(widths) < 1 else ""
        said.append(
            f"The recordings of {_join(grid.simulated)} are those of a simulated event camera{narrow}: they show the "
            "methods at work and reproduce none of the paper's figures; an order of methods found on them need not "
            "hold on its data."
        )
    if foreign:
        said.append(f"Not in the paper, so without its figures beside ours: {_join(foreign)}.")
    known = [name for name in grid.datasets if params.dataset(name).paper is not None]
    if known:
        said.append(
            f"The paper's data: {_join(known)}; its figures stand beside ours, its split and seeds are unknown."
        )
    return said


def _join(values: Sequence[object]) -> str:
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
