# The one front door. Each target sets up what it needs on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
NDS := .venv-nds
# The Neural Data Simulator needs Python 3.9 to 3.11.
NDS_PYTHON ?= python3.11
# Versions that are known to work together; each of the four is skipped where it cannot be had.
PEER_TORCH := torch==2.13.0
PEER_SNNTORCH := $(PEER_TORCH) snntorch==1.0.0
PEER_BRAINTRACE := braintrace==0.2.6 brainstate==0.5.4 brainunit==0.5.2 braintools==0.3.0 brainevent==0.2.1 \
  jax==0.10.2 jaxlib==0.10.2
PEER_NEST := nest-simulator==3.10.0
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

PYTHON_IS_NEW := @$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"Python {v[0]}.{v[1]} came, 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'

# Not for tests that keep real time: those run one after the other, with nothing beside.
ON_ALL_CORES := --numprocesses auto --maxprocesses 8 --dist loadfile

.PHONY: help demo picture test soak torch peers nds check format lock clean

help:
	@echo "make demo    a decoder learns from zero in closed loop, over LSL and ZeroMQ"
	@echo "make picture the README's picture of a demo, taken anew (needs Chromium and its driver)"
	@echo "make test    the tests, compiled and interpreted"
	@echo "make soak    faults for some ten minutes: kills, a full disk, a cut network; a table of what held"
	@echo "make torch   PyTorch, to train the lstm baseline and compare gradients with (optional)"
	@echo "make peers   NEST, braintrace, snnTorch and PyTorch in $(PEERS), for eprop-rt bench step --peers"
	@echo "make nds     the Neural Data Simulator in $(NDS), for its test and docs/neural-data-simulator.md"
	@echo "make check   formatting, lint, types, imports, schemas"
	@echo "make format  mend formatting and imports"
	@echo "make lock    compile constraints.txt anew from pyproject.toml"

$(VENV)/bin/python:
	$(PYTHON_IS_NEW)
	$(PYTHON) -m venv $(VENV)

$(VENV)/ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "setting up $(VENV) ..."
	@$(PIP) --editable '.[recordings]'
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	@echo "adding what the tests and checks need ..."
	@$(PIP) --editable '.[dev]'
	@touch $@

demo: $(VENV)/ready
	@$(BIN)/eprop-rt demo $(ARGS)

picture: $(VENV)/ready-dev
	@$(BIN)/python docs/images/take.py $(ARGS)

test: $(VENV)/ready-dev
	$(BIN)/python -m pytest $(ON_ALL_CORES) -m "not live"
	$(BIN)/python -m pytest -m live
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest $(ON_ALL_CORES) tests/eprop_rt --cov=eprop_rt

soak: $(VENV)/ready-dev
	@cd tests && ../$(BIN)/python -m soak $(ARGS)

# Trains the lstm baseline, and is a peer for the tests of gradients, skipped without it.
torch: $(VENV)/ready-dev
	@$(PIP) torch==2.13.0

# Other simulators, to compare speed with. NEST is GPL: it stays in an environment and a process of
# its own.
peers: | $(PEERS)/bin/python
	@for peer in "$(PEER_TORCH)" "$(PEER_SNNTORCH)" "$(PEER_BRAINTRACE)" "$(PEER_NEST)"; do \
	  echo "adding $$peer ..."; \
	  $(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check numpy==2.4.6 $$peer \
	    || echo "$$peer could not be installed: eprop-rt bench step --peers skips it"; \
	done

$(PEERS)/bin/python:
	$(PYTHON_IS_NEW)
	$(PYTHON) -m venv $(PEERS)

# It has pins of its own. Its pylsl finds liblsl in the wheel of ours: see the how-to.
nds:
	@$(NDS_PYTHON) -c 'import sys; v = sys.version_info; (3, 9) <= v < (3, 12) or sys.exit(f"Python {v[0]}.{v[1]} came, 3.9 to 3.11 is needed: make nds NDS_PYTHON=/path/to/python3.11")'
	@$(NDS_PYTHON) -m venv $(NDS)
	@$(NDS)/bin/python -m pip install --quiet --disable-pip-version-check neural-data-simulator==0.2.10 pylsl==1.16.2

check: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra recordings --extra dev --no-header --no-annotate --output-file constraints.txt pyproject.toml

clean:
	rm -rf $(VENV) $(PEERS) $(NDS) .mypy_cache .ruff_cache .pytest_cache
