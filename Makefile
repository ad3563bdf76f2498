# What people type. Everything runs in .venv, which is made when it is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ASV := cd asv_bench && ../$(BIN)/asv
BASE ?= main
# := and not ?=, for a shell may have exported its own SECONDS
SECONDS := 60
SEED :=
PEERS ?=
MINUTES ?= 20
MEASURE ?=
PEERS_VENV := .venv-peers
PEERS_BIN := $(PEERS_VENV)/bin
PEERS_PIP := $(PEERS_BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := pyproject.toml setup.py $(wildcard lrncore/kernels/*.pyx lrncore/kernels/*.pxi lrncore/kernels/*.h)

.PHONY: help demo test fuzz sanitize soak test-peers lint docs bench bench-compare bench-peers figures clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(MAKEFILE_LIST) | column -t -s ':'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'  # the first with --group

# An editable build, redone when a kernel changes. It uses the build tools of .venv, so that the extensions can be
# rebuilt in place, incrementally.
$(VENV)/built: $(BIN)/python $(SOURCES)
	$(PIP) install --group test
	$(PIP) install --no-build-isolation --editable .
	touch $@

$(VENV)/%-group: $(BIN)/python pyproject.toml
	$(PIP) install --group $*
	touch $@

demo: $(VENV)/built $(VENV)/demo-group  ## a first AlexNet layer on a photograph, normalized; writes lrn_demo.png
	$(BIN)/python -m lrncore demo

test: $(VENV)/built  ## the whole default test suite
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest --quiet --doctest-modules --doctest-ignore-import-errors lrncore

fuzz: $(VENV)/built  ## random calls beside the formula for SECONDS=60; SEED=... repeats a failure
	FUZZ_SECONDS=$(SECONDS) FUZZ_SEED=$(SEED) $(BIN)/python -m pytest --exitfirst --log-cli-level=info tests/fuzz/search.py

# Hundreds of megabytes, and frameworks that pin each other's parts: an environment of their own.
# Chainer needs more than a name: see CONTRIBUTING.md.
test-peers:  ## lrncore inside and beside the frameworks; PEERS="torch==2.13.0 onnx" takes only these
	test -x $(PEERS_BIN)/python || $(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_PIP) install --upgrade 'pip>=25.1'
	$(PEERS_PIP) install --group test
	$(PEERS_PIP) install --no-build-isolation --editable '.$(if $(PEERS),,[peers])' $(PEERS)
	$(PEERS_BIN)/python -m pytest tests/peers
	$(PEERS_BIN)/python -m pytest --quiet --doctest-modules --doctest-ignore-import-errors lrncore

# In a folder of its own, since such kernels run only where libasan was loaded first.
sanitize: $(VENV)/built  ## the kernels under AddressSanitizer and UndefinedBehaviorSanitizer; needs gcc
	CC='$(CC)' LRNCORE_SANITIZE=address,undefined,float-cast-overflow \
	    $(BIN)/python setup.py --quiet build --build-base build/sanitize --build-lib build/sanitize/lib
	CC='$(CC)' LRNCORE_SANITIZED='$(CURDIR)/build/sanitize/lib' $(BIN)/python -P -m pytest tests/sanitize

soak: $(VENV)/built  ## random calls for MINUTES=20; fails if a result is wrong or memory grows
	$(BIN)/python tests/soak.py $(MINUTES)

lint: $(VENV)/built $(VENV)/lint-group  ## ruff, mypy and cython-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint lrncore  # it runs pycodestyle

# -E: what did not change since a failure has to be read again, or its warnings are not seen.
# The pages work without a network: they load nothing from elsewhere.
docs: $(VENV)/built $(VENV)/docs-group  ## the documentation, into build/docs; a warning is an error
	$(BIN)/python -m sphinx -E -q -W --keep-going docs build/docs
	! grep -rE '<(script|link|img)[^>]*(src|href)="?(https?:)?//|url\(.?(https?:)?//' build/docs --include='*.html' --include='*.css'
	@echo the front page is build/docs/index.html

bench: $(VENV)/built $(VENV)/bench-group  ## the asv suite on this commit
	$(ASV) machine --yes
	$(ASV) run --environment existing:../$(BIN)/python --set-commit-hash HEAD --show-stderr

# Without the gigabytes per second: to asv, a larger figure is a worse one.
bench-compare: $(VENV)/bench-group  ## the asv suite on this commit and on main (or BASE=...); fails if slower
	$(ASV) machine --yes
	$(ASV) continuous --show-stderr --bench '^(?!.*per_second)' $(BASE) HEAD

# Measured again, the pictures with other libraries show those that .venv has.
figures: $(VENV)/built $(VENV)/demo-group  ## redraw the pictures of the documents; MEASURE=1 measures again before
	for script in docs/figures/[a-z]*.py; do $(BIN)/python $$script $(if $(MEASURE),--measure) || exit; done

# The peers are optional, each of them: .venv/bin/pip install -e '.[peers]'
bench-peers: $(VENV)/built  ## lrncore beside other libraries, those that .venv has; writes docs/peers.svg
	cd asv_bench && ../$(BIN)/python -m peers

clean:  ## remove everything that was built
	rm -rf $(VENV) $(PEERS_VENV) build dist lrn_demo.png lrncore/kernels/*.so *.egg-info
