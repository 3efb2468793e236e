"""What a person asks for by hand, outside `dvc repro`: python -m pipeline <command> <dataset>."""
