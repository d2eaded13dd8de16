# Everything runs in .venv; a stamp file per set of packages says what is installed there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --constraint constraints.txt

.PHONY: demo test lint bench clean

demo: $(VENV)/.core
	mkdir -p demo
	$(BIN)/wisp cutout examples/portrait.jpg -o demo/cutout.png --save-alpha demo/alpha.png --overwrite
	$(BIN)/wisp replace examples/portrait.jpg --background examples/background.jpg -o demo/replaced.jpg --overwrite
	@echo "Look at demo/cutout.png, demo/alpha.png and demo/replaced.jpg"

test: $(VENV)/.test
	$(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) --editable '.[train,video,heic,onnxruntime]' --group test --group lint
	touch $@

$(VENV)/.bench: $(VENV)/.test
	$(PIP) --group bench
	touch $@

clean:
	rm -rf $(VENV) demo
