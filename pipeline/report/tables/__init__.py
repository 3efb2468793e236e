"""Tables of numbers: what stands in each, and how it is written."""
