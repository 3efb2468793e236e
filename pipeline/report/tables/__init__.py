"""The tables of a report: one is one file, found by its name, which its files in reports/<grid>/tables bear too.

A file's docstring is the table's caption. Beside it stand `ORDER`, its place among the others, and

    table(results: Results) -> Table | None

None where the grid lacks the runs for it. FileError: a run lacks a file or number; ConfigError: a data set stands for
no column of the paper's tables.
"""
