#!/usr/bin/env bash
# The commands that train the bundles in gnnreco/bundles. Usage: scripts/train_bundles.sh OUTPUT [ACTS_PYTHON]
# ACTS_PYTHON has the extras `acts` and `pythia`; it makes the events of tracking-trackml (some 15 minutes on two cores,
# training 15 more). Seeds 7 to 21 with generator runs 11 and 12 are for training; tests and `make bench` use 1001 to 1004
# with runs 101 and 102.
set -euo pipefail
output=$(realpath -m "$1") acts=${2:-python}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$output" && cd "$output"
# training keeps its buffers: 1.7 times faster
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000

make_events() { # folder pile-up events seed [largest |eta|]
    python "$here/make_acts_events.py" --pileup "$2" --events "$3" --seed "$4" --max-eta "${5:-3}" \
        --ttbar-seed 11 --minbias-seed 12 --acts-python "$acts" -o "$1"
}
make_events dev_pu200 200 4 7
make_events train_pu200 200 60 8
make_events train_pu50 50 40 9
make_events train_pu0 0 60 10
make_events train_eta4_pu100 100 30 21 4

gnnreco train tracking detector=trackml sample=files \
    'sample.inputs=[train_pu200,train_eta4_pu100,train_pu50,train_pu0]' 'sample.validation=[dev_pu200]' sample.events=190 \
    train.epochs=18 train.learning_rate=0.004 train.threads=1 -o tracking-trackml

gnnreco train tracking detector=hex_tracker sample=ttbar sample.events=200 sample.pileup=30 \
    sample.simulation.noise_hits=0.05 sample.seed=1 train.epochs=25 train.learning_rate=0.004 train.threads=1 \
    -o tracking-hex

gnnreco train tracking detector=telescope sample=beam sample.events=2000 sample.validation_events=60 \
    sample.simulation.count=6 'sample.simulation.energy=[2.0,6.0]' sample.simulation.particle=electron \
    sample.simulation.noise_hits=1 sample.simulation.efficiency=0.85 sample.seed=1 graph.min_pt=0 \
    task.decode.momentum_without_field=4 train.epochs=10 train.learning_rate=0.004 train.threads=1 -o tracking-telescope

gnnreco train tracking detector=odd sample=ttbar sample.events=60 sample.validation_events=4 sample.pileup=10 \
    sample.simulation.noise_hits=0.05 sample.seed=1 graph.min_pt=0.45 train.epochs=8 train.learning_rate=0.004 \
    train.threads=1 -o tracking-odd

gnnreco train drift sample.events=24 sample.validation_events=3 sample.pileup=4 sample.seed=101 train.epochs=12 \
    train.threads=1 -o tpc
