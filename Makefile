# make repro    everything: environment, recordings, frames, networks, tables and figures
# make test     environment, lint, types, tests; make test-all: the slow ones too, as CI runs them
# make compare  experiments since the last commit side by side: headline accuracies, and what was changed
# make docs     guide, tour and library as a site -> site/index.html; a broken link is an error
# make bench    what it costs beside Tonic, SpikingJelly and plain PyTorch -> reports/benchmarks/ (DEVICE=cuda: on the GPU)
# make clean    remove the environment (data and cache stay)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEVICE ?= cpu
# Stages are started as `python -m stages.<name>`: this environment's python must come first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

# What experiments are compared by: the metrics, and what was changed of the settings that stages have as parameters.
# With experiments of several grids they bear the path of their grid's file.
METRICS := '^(reports/.*metrics\.json:.*|(?!Created|State|Executor|rev$$|typ$$|parent$$|params$$|pipeline$$|stages$$)[a-z][^./:]*)$$'
# Not files, nor what a grid lists beside its seeds, nor the grids that are not run.
HIDDEN := '^(Created|(data|params|pipeline|stages)(/.*)?|reports(/(?!.*metrics\.json:).*)?|grid\.(?!name|seeds).*|(one|methods|choices|paper)(\..*)?)$$'

.PHONY: repro test test-all lint compare docs bench clean environment
.DEFAULT_GOAL := repro

environment: $(VENV)/.ready

# Made again only when the pins change.
$(VENV)/.ready: requirements.txt requirements-torch.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-torch.txt
	$(BIN)/python -m pip check
	@touch $@

repro: environment
	python -m pipeline doctor
	dvc repro

# A process for each core, a thread for each process; all tests of a file in one, so that they share what they train.
test: lint
	OMP_NUM_THREADS=1 python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile

# The slow ones start many processes themselves.
test-all: test $(VENV)/.docs
	python -m pytest -m slow

lint: environment
	ruff format --check .
	ruff check .
	mypy

compare: environment
	@dvc exp show --only-changed --no-pager --drop $(HIDDEN) --keep $(METRICS)

$(VENV)/.docs: $(VENV)/.ready requirements-docs.txt
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements-docs.txt
	$(BIN)/python -m pip check
	@touch $@

docs: $(VENV)/.docs
	sphinx-build -q -W --keep-going -c docs/site . site
	@echo site/index.html

bench: environment
	python -m benchmarks --device $(DEVICE)

clean:
	rm -rf $(VENV)
