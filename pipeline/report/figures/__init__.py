"""The figures of a report: one is one file, found by its name, which its files in reports/<grid>/figures bear too.

A file's docstring is what the page shows: a heading, then the caption, which says how to read it. Beside it stand
`ORDER`, its place on the page, and

    figure(results: Results, dataset: str) -> Figure | None

which draws one data set, accuracies in percent; None where the grid lacks the runs for it, FileError for a damaged run.
In its place a file may have `overview(results)`, which draws all data sets at once.
Perhaps `said(settings: ReportSettings) -> str`: what its caption says of these settings.
"""
