# What people type. Everything runs in .venv, which is made when it is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ASV := cd asv_bench && ../$(BIN)/asv
BASE ?= main
FACTOR ?= 1.1
BENCH ?=
# one process for each case in place of two; each call is still timed ten times or more
SAMPLING = $(if $(FULL),,--attribute rounds=1)
# the last five commits that changed the package
RANGE ?= HEAD -n 5 -- lrncore setup.py
PORT ?= 8080
PYTHONS ?= $(PYTHON)
TESTS ?=
# := and not ?=, for a shell may have exported its own SECONDS
SECONDS := 60
SEED :=
PEERS ?=
ONEDNN ?=
MINUTES ?= 20
MEASURE ?=
PEERS_VENV := .venv-peers
PEERS_BIN := $(PEERS_VENV)/bin
PEERS_PIP := $(PEERS_BIN)/python -m pip --disable-pip-version-check --quiet
# of a folder that `make asv-wheels` has filled; nothing is downloaded then
ifdef WHEELS
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(abspath $(WHEELS))
endif
LIBRARIES = $(or $(WHEELS),asv_bench/libraries)
SOURCES := pyproject.toml setup.py lrncore/kernels/builds.py $(wildcard lrncore/*.pyx lrncore/include/*.h $(foreach end,*.pyx *.pxi *.h *.c */*.pxi */*.h,lrncore/kernels/$(end)))

.PHONY: help demo test test-slow test-arm64 mca wheel fuzz sanitize soak test-peers lint docs bench bench-compare dashboard \
        dashboard-html asv-wheels bench-peers figures liblrncore clean

help:  ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*##/\1#/p' $(MAKEFILE_LIST) | column -t -s '#'

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

test-slow: $(VENV)/built  ## the tests that take minutes: the wheel, arm64, a slower kernel in a clone; needs Chromium and npm
	$(BIN)/python -m pytest -m slow

test-arm64: $(VENV)/built  ## the kernels cross-built for arm64 and tested under QEMU; says what it needs
	$(BIN)/python tests/arm64.py

wheel: $(VENV)/wheel-group  ## a wheel for others into dist/, audited and tested in new environments of PYTHONS="python3"
	$(BIN)/python tests/wheel.py --tests '$(TESTS)' $(PYTHONS)

mca: $(VENV)/built  ## the cycles of the arm64 loops as llvm-mca estimates them; says what it needs
	$(BIN)/python tests/mca.py

liblrncore: $(VENV)/built  ## the C library, shared and static, and its header, into build/liblrncore; CC=... for another compiler
	CC='$(CC)' $(BIN)/python liblrncore.py

# On a quiet machine: it is the one command that fails for times. Slow calls are repeated before.
fuzz: $(VENV)/built  ## random calls beside the formula and the time of others, for SECONDS=60; SEED=... repeats a failure
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
	CC='$(CC)' LRNCORE_SANITIZED='$(CURDIR)/build/sanitize/lib' $(BIN)/python -P -m pytest --confcutdir=tests tests/sanitize

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

# asv builds every commit it measures in an environment of its own, asv_bench/env.
bench: $(VENV)/bench-group  ## the asv suite on this commit; FULL=1 samples longer, BENCH=regex takes fewer
	$(ASV) machine --yes
	$(ASV) run --show-stderr $(SAMPLING) --bench '$(BENCH)' HEAD

bench-compare: $(VENV)/bench-group  ## the asv suite on this commit and on BASE=main; fails if slower by FACTOR=1.1
	$(ASV) machine --yes
	cd asv_bench && ../$(BIN)/python compare.py --factor $(FACTOR) --bench '$(BENCH)' $(BASE) HEAD

# A commit that does not build is a gap in the graphs, not the end.
dashboard: $(VENV)/bench-group  ## the asv suite on the commits of RANGE=..., as a site on localhost, PORT=8080
	$(ASV) machine --yes
	-$(ASV) run --show-stderr --skip-existing-successful $(SAMPLING) --bench '$(BENCH)' '$(RANGE)'
	$(MAKE) dashboard-html
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory asv_bench/html $(PORT)

dashboard-html: $(VENV)/bench-group  ## that site from the results there are, in asv_bench/html
	$(if $(WHEELS),,$(BIN)/python asv_bench/libraries.py fetch $(LIBRARIES))
	$(ASV) publish
	$(BIN)/python asv_bench/libraries.py install $(LIBRARIES) asv_bench/html

asv-wheels: $(BIN)/python  ## what the four above need without a network, into wheels/: then WHEELS=wheels
	$(PIP) download --dest wheels --group bench 'pip>=25.1'
	$(BIN)/python asv_bench/libraries.py fetch wheels

# Measured again, the pictures with other libraries show those that .venv has.
figures: $(VENV)/built $(VENV)/demo-group  ## redraw the pictures of the documents; MEASURE=1 measures again before
	for script in docs/figures/[a-z]*.py; do $(BIN)/python $$script $(if $(MEASURE),--measure) || exit; done

# The peers are optional, each of them: .venv/bin/pip install -e '.[peers]'
bench-peers: override export ONEDNN := $(if $(ONEDNN),$(abspath $(ONEDNN)))
bench-peers: $(VENV)/built  ## lrncore beside other libraries, those that .venv has; ONEDNN=prefix; writes docs/peers.svg
	cd asv_bench && ../$(BIN)/python -m peers
	-cd asv_bench && ../$(BIN)/python -m peers.norms

clean:  ## remove everything that was built
	rm -rf $(VENV) $(PEERS_VENV) build dist wheels lrn_demo.png lrncore/*.so lrncore/kernels/*.so *.egg-info
	rm -rf asv_bench/env asv_bench/html asv_bench/libraries
