"""The report of a grid as one page."""
