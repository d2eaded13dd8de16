# Everything runs in .venv; a stamp file per set of packages says what is installed there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --constraint constraints.txt

.PHONY: demo test test-core test-minimum lint docs docs-links wheel bench clean

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

# The site, from docs/ and the pages that lie elsewhere, into build/docs; a link that leads nowhere is an error.
docs: $(VENV)/.docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --quiet -c docs . build/docs
	@echo "Look at build/docs/index.html"

# Asks the web about every link that leads out of the site.
docs-links: $(VENV)/.docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -b linkcheck -c docs . build/links

wheel: $(VENV)/bin/python
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) --editable '.[train,video,heic,codecs,onnxruntime,search]' --group test --group lint
	touch $@

$(VENV)/.bench: $(VENV)/.test
	$(PIP) --group bench
	touch $@

$(VENV)/.docs: $(VENV)/.core
	$(PIP) --group docs
	touch $@

# Two more environments: the core alone, as `pip install wisp-matting` makes it, and the lowest versions of everything.
# On Linux the lowest torch is a download of 3 GB; TRAIN= leaves it and the tests of training out.
CORE_VENV := .venv-core
MINIMUM_VENV := .venv-minimum
MINIMUM_PYTHON ?= python3.11
TRAIN ?= 1
comma := ,
MINIMUM_EXTRAS := video,heic,codecs,onnxruntime,figures$(if $(TRAIN),$(comma)train$(comma)search)

test-core: pyproject.toml
	$(PYTHON) -m venv $(CORE_VENV)
	$(CORE_VENV)/bin/pip install --quiet --upgrade pip
	$(CORE_VENV)/bin/pip install --quiet --editable . --group test
	$(CORE_VENV)/bin/python -m pytest --without-extras

test-minimum: pyproject.toml constraints-minimum.txt
	$(MINIMUM_PYTHON) -m venv $(MINIMUM_VENV)
	$(MINIMUM_VENV)/bin/pip install --quiet --upgrade pip
	$(MINIMUM_VENV)/bin/pip install --quiet --constraint constraints-minimum.txt \
		--editable '.[$(MINIMUM_EXTRAS)]' --group test
	$(MINIMUM_VENV)/bin/python -m pytest --without-extras $(if $(TRAIN),,--ignore tests/networks --ignore tests/training)

clean:
	rm -rf $(VENV) $(CORE_VENV) $(MINIMUM_VENV) demo build dist
