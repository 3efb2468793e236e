"""Recordings: one reader per file format, listings of folders, named splits, and the published data sets."""
