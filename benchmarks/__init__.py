"""What this project's chain costs beside what people would use instead; `python -m benchmarks` runs it."""
