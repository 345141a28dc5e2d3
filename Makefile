# Every target starts from nothing: the first builds .venv from constraints.txt, later ones reuse it.

PYTHON ?= $(shell for p in python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/ready

.PHONY: quickstart test test-all check bench bench-peers clean

quickstart: $(READY)
	$(BIN)/maze-interp quickstart

# Two processes, a file to one of them, and one thread each: threads of two processes on two cores wait for each other.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile

test-all: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile -m "long or not long" --hypothesis-profile default

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_architecture.py tests/test_import_time.py

bench: $(READY)
	$(BIN)/python tests/benchmarks/run.py

# Each peer gets an environment of its own under .venv-peers.
bench-peers: $(READY)
	$(BIN)/python tests/benchmarks/peers.py

clean:
	rm -rf .venv .venv-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
	find maze_interp tests -name __pycache__ -type d -prune -exec rm -rf {} +

# torch goes first and alone: whichever build of its version is offered (CPU or GPU), the rest must accept it.
$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "needs Python 3.11 or newer: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[test,check,notebooks,sweep]'
	touch $@
