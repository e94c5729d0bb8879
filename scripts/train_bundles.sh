#!/usr/bin/env bash
# The commands that train the bundles in gnnreco/bundles. Usage: scripts/train_bundles.sh OUTPUT [ACTS_PYTHON]
# ACTS_PYTHON has the extras `acts` and `pythia`; it makes the events of tracking-trackml (some 15 minutes on two cores,
# training half an hour more). Seeds 7 to 72 with generator runs 11 to 62 are for training; tests and `make bench` use 1001
# to 1005 with runs 101 and 102.
set -euo pipefail
output=$(realpath -m "$1") acts=${2:-python}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$output" && cd "$output"
# training keeps its buffers: 1.7 times faster
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000

make_events() { # folder pile-up events seed generator options
    python "$here/make_acts_events.py" --pileup "$2" --events "$3" --seed "$4" --ttbar-seed "$5" \
        --minbias-seed $(($5 + 1)) --acts-python "$acts" "${@:6}" -o "$1"
}
make_events dev_pu200 200 4 7 11
make_events train_pu200 200 60 8 11
make_events train_pu50 50 40 9 11
make_events train_pu0 0 60 10 11
make_events train_eta4_pu100 100 30 21 11 --max-eta 4

gnnreco train tracking detector=trackml sample=files \
    'sample.inputs=[train_pu200,train_eta4_pu100,train_pu50,train_pu0]' 'sample.validation=[dev_pu200]' sample.events=190 \
    train.epochs=18 train.learning_rate=0.004 train.threads=1 -o trackml-home

# It goes on with events of many fields and softer particles, each changed at random: docs/performance/tracking_abroad.md.
soft=(--max-eta 4 --min-pt 0.1 --min-momentum 0.05)
make_events dev_coil 100 4 71 31 "${soft[@]}" --solenoid 4700 1180
make_events dev_same 200 3 72 61 "${soft[@]}"
make_events soft_pu50 50 16 51 41 "${soft[@]}"
make_events soft_pu200 200 6 55 49 "${soft[@]}"
make_events coil_pu50 50 16 52 43 "${soft[@]}" --solenoid 4500 1150
make_events short_pu150 150 6 53 45 "${soft[@]}" --solenoid 3800 1150
make_events long_pu150 150 6 54 47 "${soft[@]}" --solenoid 5300 1250
make_events wide_pu150 150 6 57 53 "${soft[@]}" --solenoid 4300 1300
make_events coil_pu0 0 30 56 51 "${soft[@]}" --solenoid 4900 1200
make_events coil_pu200 200 4 58 55 "${soft[@]}" --solenoid 6300 1200
any_field() { # folder seed spread of the collisions along z, mm
    gnnreco simulate --detector trackml --process ttbar --events 6 --pileup 25 --seed "$2" any_field=true min_pt=0.1 \
        sigma_z="$3" efficiency=0.985 -o "$1"
}
any_field train_any_18 18 8
any_field train_any_145 145 45
any_field train_any_28 28 8
any_field train_any_245 245 45

inputs=train_any_18,train_any_145,train_any_28,train_any_245
inputs=$inputs,soft_pu200,coil_pu200,short_pu150,long_pu150,wide_pu150,soft_pu50,coil_pu50,coil_pu0
robust() { # output start epochs rate options
    gnnreco train tracking detector=trackml sample=files graph=robust "sample.inputs=[$inputs]" \
        'sample.validation=[dev_coil,dev_same]' sample.randomize=true sample.events=140 sample.validation_events=6 \
        train.epochs="$3" train.learning_rate="$4" train.threads=1 train.cache=cache train.start="$2" "${@:5}" -o "$1"
}
robust trackml-robust trackml-home 6 0.003 graph.pair_efficiency=0.982 graph.triplet_efficiency=0.988
decode=(task.decode.attach_probability=0.15 task.decode.link_probability=0.03 task.decode.energy_loss=false)
robust before trackml-robust 4 0.002 "${decode[@]}"
# Once more with a window in slope for each layer, which came later; ten epochs more gained nothing.
robust tracking-trackml before 4 0.002 "${decode[@]}"

gnnreco train tracking detector=hx_tracker sample=ttbar sample.events=200 sample.pileup=30 \
    sample.simulation.noise_hits=0.05 sample.seed=1 train.epochs=25 train.learning_rate=0.004 train.threads=1 \
    -o tracking-hex

gnnreco train tracking detector=telescope sample=beam sample.events=2000 sample.validation_events=60 \
    sample.simulation.count=6 'sample.simulation.energy=[2.0,6.0]' sample.simulation.particle=electron \
    sample.simulation.noise_hits=1 sample.simulation.efficiency=0.85 sample.seed=1 graph.min_pt=0 \
    task.decode.momentum_without_field=4 train.epochs=10 train.learning_rate=0.004 train.threads=1 -o tracking-telescope

# The network of tracking-trackml, windows and gates of `odd`: it finds particles from 0.15 GeV on, where one trained in `odd` alone
# from 0.45 GeV on found fewer of all.
gnnreco bundle adapt tracking-trackml --detector odd --events 60 --process ttbar --pileup 10 --seed 1 noise_hits=0.05 \
    -o tracking-odd

# Showers. That of `hgcal` learns pairs from crowds, then with single showers, then only how to judge showers, then only what
# they are.
mix=photon,photon,electron,pion,pion,k0l,neutron,muon,pi0
shoot() { # folder seed events count particles energies options
    gnnreco simulate --detector hgcal --process gun --particle "$5" --energy $6 --count "$4" --events "$3" --seed "$2" \
        noise_hits=0.02 "${@:7}" -o "$1"
}
shoot tr_cone 101 1000 10 $mix "1 120" spectrum=log cone=0.5
shoot tr_wide 102 700 14 $mix "1 120" spectrum=log
shoot tr_dense 103 900 8 $mix "1 120" spectrum=log cone=0.25
shoot tr_50 104 150 50 $mix "1 120" spectrum=log
shoot tr_few 105 800 6 photon,pion,pi0,electron "2 150"
shoot tr_em 106 900 4 photon,photon,electron,pi0,pion "2 130"
shoot va_cone 201 60 10 $mix "1 120" spectrum=log cone=0.5
shoot va_wide 202 60 12 $mix "1 120" spectrum=log
shoot va_em 206 100 4 photon,photon,electron,pi0,pion,pion,k0l "2 130"
showers() { # output validation batch epochs rate inputs options
    gnnreco train clustering "sample.inputs=[$6]" "sample.validation=[$2]" sample.events=100000 \
        sample.validation_events=120 train.epochs="$4" train.learning_rate="$5" train.batch="$3" train.threads=1 \
        "${@:7}" -o "$1"
}
kinds=photon,photon,photon,electron,pi0,pion,pion,k0l
shoot tr_one 107 2000 4 $kinds "2 130"
shoot va_one 207 250 4 $kinds "2 130"
showers hgcal-pairs va_cone,va_wide 2 11 0.003 tr_cone,tr_wide,tr_dense,tr_50,tr_few
weights=(task.loss.energy=0.5 task.loss.sigma=0.3 task.loss.kind=0.2)
showers hgcal-both va_cone,va_em 4 6 0.002 tr_em,tr_few,tr_wide,tr_cone train.start=hgcal-pairs "${weights[@]}"
showers hgcal-judged va_one,va_cone 24 40 0.002 tr_one,tr_em,tr_few,tr_wide,tr_cone train.start=hgcal-both \
    task.frozen=true sample.validation_events=310 "${weights[@]}"
shoot tr_gp 108 1500 4 photon,pi0 "2 150" spectrum=log
showers hgcal-before va_one,va_cone 8 10 0.003 tr_one,tr_gp,tr_cone train.start=hgcal-judged task.frozen=true \
    sample.validation_events=310 task.identity_only=true model.identity_hidden=64 task.loss.kind=1
# All before saw `hgcal` with its material by whole modules. What judges showers then learned from a few events with the material
# from silicon to silicon; scripts/calibrate_bundles.sh comes after.
mkdir -p now && cd now
shoot tr_cone 101 250 10 $mix "1 120" spectrum=log cone=0.5
shoot tr_one 107 900 4 $kinds "2 130"
shoot va_cone 201 40 10 $mix "1 120" spectrum=log cone=0.5
shoot va_one 207 150 4 $kinds "2 130"
gnnreco train clustering detector=hgcal 'sample.inputs=[tr_cone,tr_one]' 'sample.validation=[va_cone,va_one]' \
    sample.events=600 sample.validation_events=120 train.start=../hgcal-before task.frozen=true task.identity_only=false \
    task.least_score=0.3 train.epochs=8 train.learning_rate=0.002 train.batch=8 train.threads=1 train.cache=cache -o ../showers-hgcal
cd ..

python "$here/random_calorimeters.py" -o random --count 8
gun=("sample.simulation.particle=\"$mix\"" 'sample.simulation.energy=[1.0,120.0]' sample.simulation.count=8)
gnnreco train clustering detector=hgcal "${gun[@]}" sample.simulation.cone=0.4 sample.events=280 \
    sample.validation_events=8 sample.seed=11 \
    "sample.detectors=[clic_ecal,lar,$(echo random/random_{0..7} | tr ' ' ,)]" train.epochs=12 \
    train.learning_rate=0.003 train.batch=2 train.threads=1 -o showers-any-quiet
# Then it meets noise, soft showers, whole detectors and another readout in each event, in three passes; in the first one noise lay
# everywhere alike (GATHERED of `gnnreco.train.randomize_showers` was 1). The third keeps the weights of its last epoch; until then
# energies of muons weighed in the loss as those of photons. A fourth meets showers that are alone, and test beams: there
# a shower does not point to the origin.
soft=photon,photon,electron,pion,pion,muon
fire() { # folder detector seed events count particles energies options
    gnnreco simulate --detector "$2" --process gun --particle "$6" --energy $7 --count "$5" --events "$4" --seed "$3" \
        spectrum=log "${@:8}" -o "$1"
}
n=7000
for d in hgcal clic_ecal random/random_{0..5}; do
    n=$((n + 1)) k=$(basename $d)
    fire p_${k}_a $d $n 30 8 $mix "1 120" noise_hits=0.02 cone=0.4
    fire p_${k}_b $d $((n + 100)) 40 10 $soft "0.15 20" noise_hits=0.1
    fire p_${k}_c $d $((n + 200)) 10 4 $soft "0.15 60" noise_hits=3
done
fire p_full_cld_b full_cld 748 30 8 $mix "1 60" noise_hits=0.02
fire p_full_hex_b full_hex 749 30 8 $mix "1 60" noise_hits=0.02
n=8000 low=cell_threshold=0.2
for d in hgcal random/random_{0..2} clic_ecal random/random_{3..5} lar; do
    n=$((n + 1)) k=$(basename $d)
    fire q_${k}_a $d $n 40 8 $mix "1 120" $low cone=0.4
    fire q_${k}_b $d $((n + 100)) 40 10 $soft "0.15 20" $low
    fire q_${k}_d $d $((n + 300)) 14 2 muon,photon,pion "2 60" $low
done
n=0
for d in full_cld full_hex; do
    n=$((n + 1))
    fire q_${d}_f $d $((8409 + n)) 16 8 $soft "0.3 60" $low --eta 2.2 3.2
    fire q_${d}_b $d $((8500 + n)) 24 8 $mix "1 60" $low
done
gnnreco simulate --detector full_hex --process ttbar --pileup 3 --events 6 --seed 8601 $low -o q_full_hex_t
gnnreco simulate --detector full_cld --process qq --events 16 --seed 8602 $low -o q_full_cld_q
held="$(echo p_{hgcal,clic_ecal,random_{0..4}}_c q_lar_d q_random_5_a p_full_{cld,hex}_b | tr ' ' ,)"
alone="$(echo q_{hgcal,clic_ecal,random_{0,2,4}}_{a,b,d} q_{lar,random_5}_b q_lar_a p_{hgcal,random_{1,3}}_{a,b} | tr ' ' ,)"
whole="$(echo q_full_{cld,hex}_{b,f} q_full_hex_t q_full_cld_q | tr ' ' ,)"
fire q_lar_e lar 8701 110 8 $mix "1 120" cone=0.5 noise_hits=0.05
gnnreco simulate --detector hgcal --process gun --particle photon,pion --energy 2 60 --count 20 --events 30 --seed 8702 \
    noise_hits=0.05 -o q_hgcal_e
some="$(echo random/random_{0..5} | tr ' ' ,)"
noisy() { # output start seed epochs validation rate inputs
    gnnreco train clustering detector=hgcal "sample.inputs=[$7]" "sample.validation=[$held]" \
        "sample.detectors=[clic_ecal,lar,$some,full_cld,full_hex]" sample.events=100000 \
        sample.validation_events="$5" sample.seed="$3" sample.randomize=true train.start="$2" train.epochs="$4" \
        train.learning_rate="$6" train.batch=2 train.threads=1 train.cache=cache \
        task.loss.energy=0.5 task.loss.sigma=0.3 task.loss.kind=0.4 -o "$1"
}
noisy showers-any-first showers-any-quiet 171 8 12 0.002 $alone,$whole
noisy showers-any-second showers-any-first 172 3 8 0.002 $alone,$whole
noisy showers-any-third showers-any-second 173 3 0 0.0015 $alone,$whole,q_lar_e,q_hgcal_e
python "$here/random_calorimeters.py" -o beams --count 10 --seed 20 --beam
one=photon,photon,electron,pion,pion,k0l
n=9000
for i in {0..9}; do
    n=$((n + 1))
    fire s_beam_${i}_a beams/beam_$i $n 50 1 photon,photon,electron,pion "1 120" $low --process beam
    fire s_beam_${i}_b beams/beam_$i $((n + 100)) 16 2 photon,electron,pion,pion,muon "1 120" $low --process beam
done
for d in hgcal lar clic_ecal random/random_{0..5}; do
    n=$((n + 1)) k=$(basename $d)
    fire s_${k}_a $d $((n + 200)) 40 1 $one "1 120" $low
    fire s_${k}_b $d $((n + 300)) 20 2 $one "1 120" $low
done
fire s_lar_c lar 9401 70 8 $mix "1 120" $low cone=0.5
fire s_clic_ecal_c clic_ecal 9402 30 8 $mix "1 120" $low cone=0.5
some="$some,$(echo beams/beam_{0..9} | tr ' ' ,)" held="$held,s_beam_8_a,s_beam_9_a"
single="$(echo s_{beam_{0..7},hgcal,lar,clic_ecal,random_{0..5}}_{a,b} s_{lar,clic_ecal}_c s_beam_{8,9}_b | tr ' ' ,)"
noisy showers-any-last showers-any-third 181 4 8 0.002 $alone,$whole,q_lar_e,q_hgcal_e,$single
# Of its last epoch too; the errors of energies are scaled on events with their own readout, which nothing was learned from.
n=9500
for d in hgcal lar clic_ecal random/random_{1,4}; do
    n=$((n + 1))
    fire v_$(basename $d) $d $n 40 5 $mix "1 120" noise_hits=0.05
done
fire v_beam_8 beams/beam_8 9506 100 1 $mix "1 120" --process beam
python - <<'END'
import csv

from safetensors.numpy import load_file

from gnnreco import load_detector
from gnnreco.bundle import load_bundle, load_task, save_bundle
from gnnreco.events import open_events

run, samples = load_bundle("./showers-any-last"), []
last = load_file("showers-any-last/training/last.safetensors")
state = {name.removeprefix("task."): array for name, array in last.items() if name.startswith("task.")}
for place in ("hgcal", "lar", "clic_ecal", "random/random_1", "random/random_4", "beams/beam_8"):
    task = load_task(run, load_detector(place), any_detector=True)
    task.load_state(state)
    samples += [task.sample(event) for event in open_events(["v_" + place.split("/")[-1]], None)]
task.finish(samples)
about = {**run.manifest["training"], "weights": "of the last of 4 epochs; errors scaled on other events"}
with open("showers-any-last/training/metrics.csv") as table:
    metrics = {name: float(value) for name, value in list(csv.DictReader(table))[-1].items()}
config = {**run.config, "calibration": None, "least_score": 0.25}  # chosen on other events: docs/performance/showers.md
save_bundle("showers-any", run.task, config, task.state(), None, about, metrics)
END
gnnreco train clustering detector=lar "${gun[@]}" sample.simulation.cone=0.5 sample.events=1600 \
    sample.validation_events=120 sample.seed=21 train.start=showers-any-quiet train.epochs=8 train.learning_rate=0.003 \
    train.batch=4 train.threads=1 "${weights[@]}" -o showers-lar

# Showers of `odd`: from those of any detector on, with the axes of pieces, on top pairs, jets and soft particles in its field. Then
# what judges showers learns on, so that their mean response is one.
whole() { gnnreco simulate --detector odd "${@:2}" -o "$1"; } # folder options
whole o_tt_a --process ttbar --pileup 5 --events 40 --seed 21001
whole o_tt_b --process ttbar --pileup 2 --events 20 --seed 21002
whole o_tt_c --process ttbar --pileup 5 --events 60 --seed 21011
whole o_dj --process dijet --pileup 5 --events 12 --seed 21004
whole o_dj_b --process dijet --pileup 3 --events 20 --seed 21014
eight=photon,photon,electron,pion,pion,k0l,neutron,pi0
whole o_few --process gun --particle $eight --energy 1 60 spectrum=log --count 6 --events 60 --seed 21006
whole o_few_b --process gun --particle $eight --energy 1 60 spectrum=log --count 6 --events 100 --seed 21016
whole o_five --process gun --particle photon,pion --energy 1.5 40 --count 5 --events 80 --seed 21017
whole o_soft --process gun --particle photon,pion,pion,electron,muon --energy 0.4 10 spectrum=log --count 20 --events 20 \
    --seed 21005
whole o_neutral --process gun --particle k0l,neutron,proton,pion --energy 1 12 spectrum=log --count 14 --events 16 --seed 21008
whole o_noise --process gun --particle muon,photon,pion --energy 2 60 --count 2 --events 10 --seed 21007 noise_hits=3
whole o_mu --process gun --particle muon,muon,pion,photon --energy 1 60 spectrum=log --count 6 --events 30 --seed 21018
whole v_tt --process ttbar --pileup 5 --events 8 --seed 22001
inputs=o_tt_a,o_tt_b,o_tt_c,o_dj,o_dj_b,o_few,o_few_b,o_five,o_soft,o_neutral,o_noise,o_mu
gnnreco train clustering detector=odd "sample.inputs=[$inputs]" 'sample.validation=[v_tt]' sample.events=100000 \
    sample.validation_events=8 train.start=showers-any model.piece_axes=true train.epochs=2 train.learning_rate=0.003 \
    train.seed=231 train.batch=2 train.threads=1 train.cache=cache task.loss.energy=0.5 task.loss.sigma=0.3 \
    task.loss.kind=0.4 task.loss.pieces=1.0 -o odd-showers
gnnreco train clustering detector=odd 'sample.inputs=[o_tt_b,o_dj,o_few,o_soft,o_five]' 'sample.validation=[v_tt]' \
    sample.events=100000 sample.validation_events=8 train.start=./odd-showers task.frozen=true task.least_score=0.25 \
    task.loss.response=0.3 train.epochs=10 train.learning_rate=0.003 train.seed=5 train.batch=4 train.threads=1 -o showers-odd

gnnreco train drift sample.events=24 sample.validation_events=3 sample.pileup=4 sample.seed=101 train.epochs=12 \
    train.threads=1 -o tpc

# Seeds of tracks for a trigger: in floating point first, then in fixed point, then under pressure to be small.
collide() { gnnreco simulate --detector trackml --process ttbar --pileup 50 --events "$2" --seed "$3" -o "$1"; }
collide tr_seeds 14 31
collide tr_seeds2 26 34
collide va_seeds 4 32
seeds() { # output epochs rate options
    gnnreco train trigger detector=trackml model=seed_edges task=seeds 'sample.inputs=[tr_seeds,tr_seeds2]' \
        'sample.validation=[va_seeds]' sample.events=40 sample.validation_events=1 train.epochs="$2" \
        train.learning_rate="$3" train.threads=1 "${@:4}" -o "$1"
}
seeds seeds-float 25 0.012 model.bits.weights=float
seeds seeds-fixed 12 0.006 train.start=seeds-float model.bits.weights=fixed
seeds seeds-trackml 24 0.006 train.start=seeds-fixed task.resource=1.5e-7

# Regions of a calorimeter for a trigger, the same way, from the showers above.
region() { # output epochs rate options
    gnnreco train trigger detector=hgcal model=region task=regions 'sample.inputs=[tr_one,tr_wide]' \
        'sample.validation=[va_one]' sample.events=100000 sample.validation_events=180 train.epochs="$2" \
        train.learning_rate="$3" train.batch=4 train.threads=1 "${@:4}" -o "$1"
}
region region-float 12 0.006 model.bits.weights=float
region region-fixed 8 0.004 train.start=region-float model.bits.weights=fixed
region region-before 6 0.004 train.start=region-fixed task.resource=4e-6
# It learned with the former material of `hgcal`, and is as right with the present one; trained further, it was not better.
python - <<'END'
import gnnreco
from gnnreco.bundle import load_bundle, save_bundle

one = load_bundle("./region-before")
since = "trained on 64b92e8f75b4; since then a layer counts the material from silicon to silicon; its numbers are as they were"
about = {**one.manifest["training"], "detector_since": since}, one.manifest["metrics"]
save_bundle("region-hgcal", one.task, one.config, one.state, gnnreco.load_detector("hgcal"), *about)
END

# Jets for a trigger: floating point first, which teaches; fixed point; a front under growing pressure, of which the
# fourth point ships. Needs the extra `pythia` and fastjet. Tests and `make bench-deploy` use seeds 1001 and up.
"$acts" "$here/make_jets.py" --jets 60000 --seed 1 -o jets
common=('sample.inputs=[jets/jets-000002.parquet,jets/jets-000003.parquet,jets/jets-000004.parquet,jets/jets-000005.parquet,jets/jets-000006.parquet]'
    'sample.validation=[jets/jets-000001.parquet]' sample.events=100000 sample.validation_events=10 train.threads=1)
tag() { # output epochs options
    gnnreco train trigger "${common[@]}" train.epochs="$2" train.learning_rate=0.004 "${@:3}" -o "$1"
}
tag tagger-float 40 model.bits.weights=float
tag tagger-fixed 40
gnnreco deploy search tagger-fixed -o tagger-front "${common[@]}" train.epochs=80 train.learning_rate=0.004 \
    task.teacher=tagger-float task.distil=0.5
cp -r tagger-front/point-03 jet-tagger
particles=(model=jet_particles task.input.source=jet_particles task.input.features=3)
tag particles-teacher 60 "${particles[@]}" 'model.edge_layers=[48,32]' 'model.node_layers=[48,32]' 'model.head_layers=[48]' \
    model.bits.weights=float train.learning_rate=0.003
tag particles-fixed 40 "${particles[@]}"
gnnreco deploy search particles-fixed -o particles-front "${common[@]}" train.epochs=30 train.learning_rate=0.004
tag jet-particles 80 train.start=particles-front/point-01 task.teacher=particles-teacher task.resource=5e-6

# Anomalies for a trigger, from normal events alone: a wide autoencoder in floating point, whose score a small network
# learns, in floating point and then in fixed point.
# Seeds 1001 and 2001 are those of `scripts/bench_trigger_anomaly.py`. What ships was trained with `model.bits.input_bits=10
# model.bits.input_integer=3` in fixed point, and with no ports at all in floating point.
"$acts" "$here/make_jets.py" --events --process qcd --jets 50000 --seed 1 -o qcd
strange() { # output epochs rate options
    gnnreco train trigger model=anomaly task=events \
        'sample.inputs=[qcd/jets-000003.parquet,qcd/jets-000004.parquet,qcd/jets-000005.parquet]' \
        'sample.validation=[qcd/jets-000001.parquet,qcd/jets-000002.parquet]' sample.events=100000 sample.validation_events=100 \
        train.epochs="$2" train.learning_rate="$3" train.threads=1 "${@:4}" -o "$1"
}
pupil=(model.score=answer model.outputs=1 'model.head_layers=[16,8]' task.teacher=anomaly-teacher)
strange anomaly-teacher 40 0.01 'model.head_layers=[64,16,3,16,64]' model.bits.weights=float
strange anomaly-pupil 40 0.01 "${pupil[@]}" model.bits.weights=float
strange trigger-anomaly 8 0.004 "${pupil[@]}" train.start=anomaly-pupil model.bits.weights=fixed task.resource=1e-6

# Particle flow: collisions by Pythia (`pip install gnnreco[pythia]`) that do not ship, tracks by a network that was trained
# elsewhere, showers by the density finder, which learns nothing.
for pool in "qq 380 5000 1380" "qq 240 2000 1240" "qq 91 3000 1091" "zh 240 2000 1241" "tautau 91 1500 1092"; do
    set -- $pool
    python "$here/simulate_pools.py" --process "$1" --ecm "$2" --events "$3" --seed "$4" -o "pools/$1$2.parquet"
done
gnnreco bundle adapt tracking-trackml --detector full_cld -o tracking-cld --events 60 --process qq --pileup 0 --seed 11 \
    pool=pools
flow() { # folder events seed process [more]
    gnnreco simulate --detector full_cld --process "$4" --events "$2" --seed "$3" -o "$1" pool=pools "${@:5}"
}
flow_gun() { # folder events seed
    gnnreco simulate --detector full_cld --process gun --events "$2" --seed "$3" -o "$1" --energy 1 60 --count 10 spectrum=log \
        --particle photon,electron,muon,pion,k0l,neutron,pi0,proton,kaon
}
flow tr_qq380 1100 100 qq; flow tr_zh 400 101 zh; flow tr_qq91 300 102 qq --ecm 91; flow tr_tau 200 103 tautau
flow va_qq380 80 200 qq; flow va_zh 40 201 zh; flow va_qq91 30 202 qq --ecm 91; flow va_tau 20 203 tautau
flow_gun tr_gun 300 104; flow_gun va_gun 30 204
flow xr_qq380_300 1000 300 qq; flow xr_qq380_301 1000 301 qq; flow xr_zh 400 302 zh
first=tr_qq380,tr_zh,tr_qq91,tr_tau,tr_gun
particleflow() { # bundle events number epochs rate [more]
    gnnreco train particleflow detector=full_cld "sample.inputs=[$2]" sample.events="$3" train.epochs="$4" \
        'sample.validation=[va_qq380,va_zh,va_qq91,va_tau,va_gun]' sample.validation_events=120 train.learning_rate="$5" \
        'sample.bundles=[tracking-cld,clusters-fine]' train.batch=4 train.cache=cache -o "$1" "${@:6}"
}
particleflow flow1 "$first" 2300 8 0.003 model.hidden=48
all="$first,xr_qq380_300,xr_qq380_301,xr_zh"
particleflow flow2 "$all" 4700 7 0.0025 train.start=flow1
particleflow flow3 "$all" 4700 6 0.0025 train.start=flow2 task.loss.balance=0.2
particleflow pflow-cld "$all" 4700 3 0.0015 train.start=flow3 task.least_score=0.6

# For any detector: it begins where that of full_cld ends, and sees twelve whole detectors that nobody will build, besides. Tracks of
# the first eight were adapted to e+e- alone, whose collisions lie within a millimetre: in their top pairs (which the third stage
# leaves out) half of the tracks are missing.
python "$here/random_whole_detectors.py" -o dets --count 8 --seed 1
python "$here/random_whole_detectors.py" -o long --count 4 --seed 2 --longest 2.2
whole() { # name detector tracks "folder process events seed" ...
    gnnreco bundle adapt tracking-trackml --detector "$2" -o "$3" --seed 11 --min-hits 5 --pileup 0 $4 pool=pools
    for part in "${@:5}"; do
        set -- "$1" "$2" "$3" "$4" $part
        gnnreco simulate --detector "$2" --process "$6" --pileup 0 --events "$7" --seed "$8" -o "$1_$5" pool=pools
    done
}
whole_gun() { # folder detector events seed
    gnnreco simulate --detector "$2" --process gun --events "$3" --seed "$4" -o "$1" --energy 1 60 --count 10 spectrum=log \
        --particle photon,electron,muon,pion,k0l,neutron,pi0,proton,kaon
}
both= tops= more= held_tops= held_more= dets= trk= long= trl=
mixed=xr_qq380_300,tr_zh,tr_qq91,tr_gun,tr_tau held=va_qq380,va_zh,va_gun
for i in {0..7}; do
    whole "w$i" "dets/whole_$i" "trk_$i" "--events 30 --process qq" "qq qq 130 1$i" "zh zh 50 2$i" "tt ttbar 66 3$i" "vq qq 8 5$i" \
        "vt ttbar 5 6$i"
    whole_gun "w${i}_gun" "dets/whole_$i" 44 "4$i"
    both+=,w${i}_qq,w${i}_zh,w${i}_gun tops+=,w${i}_tt held+=,w${i}_vq held_tops+=,w${i}_vt dets+=,dets/whole_$i trk+=,trk_$i
done
for i in {0..3}; do
    whole "l$i" "long/whole_$i" "trl_$i" "--events 20 --process ttbar" "qq qq 60 7$i" "zh zh 20 8$i" "tt ttbar 100 9$i" \
        "vq qq 6 17$i" "vt ttbar 6 19$i"
    whole_gun "l${i}_gun" "long/whole_$i" 30 "6$i"
    more+=,l${i}_qq,l${i}_zh,l${i}_tt,l${i}_gun held_more+=,l${i}_vq,l${i}_vt long+=,long/whole_$i trl+=,trl_$i
done
flow cld_tt 150 97 ttbar --pileup 0
any() { # bundle events held-back detectors tracks number epochs rate start
    gnnreco train particleflow detector=full_cld "sample.inputs=[$2]" "sample.validation=[$3]" "sample.detectors=[${4#,}]" \
        sample.events="$6" sample.validation_events=150 "sample.bundles=[tracking-cld$5,clusters-fine]" train.cache=cache \
        train.batch=4 train.epochs="$7" train.learning_rate="$8" train.start="$9" -o "$1"
}
any any1 "$mixed$both$tops" "$held$held_tops" "$dets" "$trk" 2200 6 0.002 pflow-cld
any any2 "$mixed$both$tops" "$held$held_tops" "$dets" "$trk" 2200 6 0.0015 any1
any any3 "$mixed,cld_tt$both$more" "$held$held_more" "$dets$long" "$trk$trl" 2400 5 0.0015 any2

# Six more detectors, long ones, with more top pairs, some of them under pile-up. No stage before has seen these collisions of protons.
new_pool() { # name events seed process [energy]
    python "$here/simulate_pools.py" --process "$4" "${@:5}" --events "$2" --seed "$3" -o "new_pools/$1.parquet"
}
new_pool ttbar 900 777 ttbar; new_pool qq380 700 1380 qq --ecm 380
new_pool zh240 400 1241 zh --ecm 240; new_pool qq91 200 1091 qq --ecm 91
new() { # folder detector process events seed [more]
    gnnreco simulate --detector "$2" --process "$3" --events "$4" --seed "$5" -o "$1" --pileup 0 pool=new_pools "${@:6}"
}
python "$here/random_whole_detectors.py" -o far --count 8 --seed 3 --longest 2.2
gnnreco bundle adapt tracking-trackml --detector far/whole_0 -o near_0 --seed 11 --min-hits 5 --pileup 10 --events 16 --process ttbar
far= trf= seen=c_qq,c_zh,c_tt,c_qq91,c_gun held_far=c_vq,c_vz
for i in {0..5}; do
    [ "$i" = 0 ] || gnnreco bundle adapt tracking-trackml --detector "far/whole_$i" -o "near_$i" --seed 11 --min-hits 5 --pileup 5 \
        --events 10 --process ttbar pool=new_pools
    gnnreco bundle set "./near_$i" graph.max_triplets=200000000 -o "trf_$i" # for pile-up
    new "n${i}_tt" "far/whole_$i" ttbar 80 "39$i"; new "n${i}_t2" "far/whole_$i" ttbar 120 "49$i"
    new "n${i}_qq" "far/whole_$i" qq 30 "31$i"; new "n${i}_zh" "far/whole_$i" zh 24 "32$i"
    new "n${i}_pu" "far/whole_$i" ttbar 6 "33$i" --pileup 50
    new "n${i}_vt" "far/whole_$i" ttbar 5 "36$i"; new "n${i}_vq" "far/whole_$i" qq 4 "35$i"
    whole_gun "n${i}_gun" "far/whole_$i" 24 "34$i"
    far+=,far/whole_$i trf+=,trf_$i held_far+=,n${i}_vt,n${i}_vq
    for part in tt t2 qq zh gun pu; do seen+=,n${i}_$part; done
done
new c_qq full_cld qq 400 700; new c_zh full_cld zh 120 701; new c_tt full_cld ttbar 100 702; new c_qq91 full_cld qq 60 703 --ecm 91
flow_gun c_gun 50 704; new c_vq full_cld qq 25 705; new c_vz full_cld zh 12 706
gnnreco train particleflow detector=full_cld "sample.inputs=[$seen]" "sample.validation=[$held_far]" "sample.detectors=[${far#,}]" \
    sample.events=2500 sample.validation_events=100 "sample.bundles=[tracking-cld$trf,clusters-fine]" train.cache=cache \
    train.batch=2 train.threads=1 train.epochs=6 train.learning_rate=0.0015 train.start=./any3 -o pflow-any

# In a detector for proton collisions, with pile-up and with jets of up to several TeV: it begins where the third stage for any detector ends.
gnnreco bundle adapt tracking-trackml --detector full_hex -o tracking-full-hex --events 12 --process ttbar --pileup 50 --seed 11 \
    --min-hits 5 --min-pt 0.5 pool=pools
python - <<'END' # the busiest events have more triplets than the usual budget allows
import gnnreco
from gnnreco.bundle import load_bundle, save_bundle

one = load_bundle("tracking-full-hex")
one.config["graph"]["max_triplets"] = 100_000_000
about = one.manifest["training"], one.manifest["metrics"]
save_bundle("tracking-full-hex", one.task, one.config, one.state, gnnreco.load_detector("full_hex"), *about)
END
top() { # folder events seed pileup
    gnnreco simulate --detector full_hex --process ttbar --pileup "$4" --events "$2" --seed "$3" -o "$1" pool=pools
}
dijets() { # folder background signal seed partons lightest heaviest (GeV): jets of up to several TeV
    python "$here/search_samples.py" --background "$2" --signal "$3" --seed "$4" --pt-hat "$5" --range "$6" "$7" -o "$1.parquet" --hepmc "$1.hepmc3"
    gnnreco simulate --detector full_hex --process "$1.hepmc3" --events $(($2 + $3)) --seed "$4" -o "$1"
}
top hx_tr 160 400 0; top hx_tr2 200 402 0; top hx_tr3 200 403 0; top hx_va 16 401 0; top pu_tr 36 501 50; top pu_va 8 502 50
dijets tv_a 60 0 601 150 300 2000; dijets tv_b 60 0 602 400 800 4000; dijets tv_c 80 0 603 700 1500 5000
dijets tv_d 60 0 604 1200 2400 9000; dijets tv_e 150 0 611 150 300 3000; dijets tv_f 200 50 612 600 1200 5000
dijets tv_g 150 0 613 1200 2400 9000; dijets tv_h 300 0 621 150 300 3000; dijets tv_i 400 50 622 600 1200 5000
dijets tv_j 250 0 623 1200 2400 9000; dijets tv_va 24 0 605 700 1500 5000
hex() { # name samples events epochs start
    gnnreco train particleflow detector=full_hex "sample.inputs=[$2]" 'sample.validation=[hx_va,pu_va,tv_va]' \
        "sample.events=$3" sample.validation_events=48 'sample.bundles=[tracking-full-hex,clusters-fine]' train.batch=2 \
        train.threads=1 train.learning_rate=0.0015 train.cache=cache "train.epochs=$4" "train.start=$5" -o "$1"
}
hex hexC hx_tr,hx_tr2,pu_tr,tv_a,tv_b,tv_c,tv_d,tv_e,tv_f,tv_g 1206 9 ./any3 # which was called pflow-any then
hex pflow-hex hx_tr,hx_tr2,hx_tr3,pu_tr,tv_a,tv_b,tv_c,tv_d,tv_e,tv_f,tv_g,tv_h,tv_i,tv_j 2406 7 hexC

# Showers of Geant4 in stacks of plates, for the fast simulation. GEANT4 is a script that makes them (see scripts/geant4_events.py).
python "$here/fastsim_stacks.py" -o stacks --count 32 --seed 5
python "$here/fastsim_stacks.py" -o more_stacks --count 16 --seed 6
photons() { # name stack events particle seed energies angles
    python "$GEANT4" "$1.npz" --stack "$2" --events "$3" --particle "$4" --seed "$5" --emin "$6" --emax 100 --theta-max "$7"
}
points=() held=() plates=()
stack() { # name showers...
    python "$here/geant4_points.py" "${@:2}" -o "$1"
    points+=("$1/train") held+=("$1/test") plates+=("$1/detector")
}
photons endcap_g hgcal 2200 gamma 1 1 0; photons endcap_e hgcal 1000 e- 2 1 0.3
stack endcap endcap_g.npz endcap_e.npz
of_four=(gamma gamma gamma e-)
for i in {0..31}; do
    photons "tr_$i" "stacks/stack_$(printf %02d "$i").json" 500 "${of_four[i % 4]}" $((100 + i)) 0.03 0.6
    stack "stack_$i" "tr_$i.npz"
done
for i in {0..15}; do
    photons "tt_$i" "more_stacks/stack_$(printf %02d "$i").json" 400 "${of_four[i % 4]}" $((300 + i)) 0.03 0.6
    stack "more_$i" "tt_$i.npz"
done
list() { local IFS=,; echo "[$*]"; }
learn() { # name epochs batch blur layers points settings...
    gnnreco train fastsim "detector=${plates[0]}" "sample.detectors=$(list "${plates[@]:1}")" "sample.inputs=$(list "${points[@]}")" \
        "sample.validation=$(list "${held[@]}")" sample.events=1000 sample.validation_events=1000 train.learning_rate=0.002 \
        train.threads=1 train.cache=cache "train.epochs=$2" "train.batch=$3" "task.blur=$4" "task.layers=$5" "task.points=$6" -o "$1" "${@:7}"
}
learn fastsim-first 50 4 0.1 150 16
learn fastsim-second 50 2 0.05 150 16 train.start=fastsim-first
learn fastsim-third 40 2 0.05 120 64 train.start=fastsim-second
learn fastsim-fourth 14 2 0.15 120 64 train.start=fastsim-third
# The plates of `hgcal` besides, in which two kinds of absorber stand in turn.
python "$here/hgcal_in_geant4.py" --stack hgcal_plates.json
photons hgcal_g hgcal_plates.json 900 gamma 31 0.03 0.6; photons hgcal_e hgcal_plates.json 300 e- 32 0.03 0.6
stack hgcal hgcal_g.npz hgcal_e.npz
learn fastsim-fifth 14 2 0.15 120 64 train.start=fastsim-fourth
# Since then points lie around others by 4 r R^4 / (r^2 + R^2)^3 in place of 2 r R^2 / (r^2 + R^2)^2: with the same median R is 1.55 times as long.
python - <<'END'
import gnnreco
from gnnreco.bundle import load_bundle, save_bundle
from gnnreco.simulate.showers.learned.weights import CHILD, FRESH, OF_CHILD, OF_FRESH, OF_SIBLING, SIBLING

one = load_bundle("./fastsim-fifth")
for first, n in ((OF_FRESH, FRESH), (OF_CHILD, CHILD), (OF_SIBLING, SIBLING)):
    one.state["network.points.around.bias"][first + n : first + 2 * n] += 0.44
about = one.manifest["training"], one.manifest["metrics"]
save_bundle("fastsim-steep", one.task, one.config, one.state, None, *about)
END
# And the thick layers of the CaloChallenge, in the pieces in which they are made.
python "$here/thick_layers.py" calochallenge_ds1_photons --stack thick.json
i=0
for showers in "900 9001" "900 9002" "1600 9003"; do
    set -- $showers
    python "$GEANT4" "thick_$((i++)).npz" --stack thick.json --events "$1" --particle gamma --seed "$2" --emin 0.5 --emax 100
done
stack thick thick_0.npz thick_1.npz thick_2.npz --thick calochallenge_ds1_photons
learn fastsim-sixth 28 2 0.15 120 64 train.start=./fastsim-steep
learn fastsim-seventh 35 2 0.15 200 64 train.start=./fastsim-sixth
learn fastsim-any 22 2 0.1 250 64 train.start=./fastsim-seventh

# Towers of a calorimeter for a trigger, to the four-momenta that particle flow ought to find. Figures: scripts/online_offline.py.
gnnreco train trigger detector=full_cld model=towers task=towers 'sample.inputs=[tr_qq380]' 'sample.validation=[va_qq380]' \
    sample.events=1100 sample.validation_events=80 train.epochs=3 train.learning_rate=0.005 train.batch=4 train.threads=1 \
    task.resource=1e-6 -o jets-online

# What normal collisions look like: dijets with pile-up in `odd`. Validation events fit the head and calibrate p-values.
python "$here/simulate_pools.py" --process dijet --events 5000 --seed 77 -o dijets.parquet
python "$here/simulate_pools.py" --process dijet --events 15000 --seed 78 -o other_dijets.parquet
normal() { # folder seed pool
    gnnreco simulate --detector odd --process dijet --pileup 2 --events 500 --seed "$2" "pool=$3" -o "$1"
}
for s in 201 202; do normal "n$s" "$s" dijets.parquet; done
for s in 301 302 303 304; do normal "c$s" "$s" other_dijets.parquet; done
gnnreco train anomaly detector=odd 'sample.inputs=[n201,n202]' 'sample.validation=[c301,c302,c303,c304]' \
    sample.events=1000 sample.validation_events=2000 task.fitted=0.4 train.epochs=4 train.cache=cache -o anomaly-hits

# Jets of particle flow in e+e- -> qq, so that those of a W or a top are strange.
gnnreco simulate --detector full_cld --process qq --ecm 380 --events 400 --seed 412 -o jets_tr
gnnreco simulate --detector full_cld --process qq --ecm 380 --events 800 --seed 413 -o jets_va
gnnreco train anomaly detector=full_cld task.level=jets task.jets.radius=1.0 task.jets.least_pt=50 task.head=gaussian 'sample.inputs=[jets_tr]' \
    'sample.validation=[jets_va]' sample.events=400 sample.validation_events=800 \
    'sample.bundles=[tracking-cld,clusters-fine,pflow-cld]' task.fitted=0.5 task.bins=4 train.epochs=8 -o anomaly-jets
