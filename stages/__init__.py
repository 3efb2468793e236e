"""One thin script per DVC stage: arguments -> settings -> one call -> files."""
