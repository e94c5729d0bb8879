#!/bin/bash
# Calibrate the scores of the bundles that ship: bash scripts/calibrate_bundles.sh FOLDER; minutes on a laptop.
# Seeds 71xx and 73xx are of no training; the figures of docs/performance/tracking.md are of 72xx and 74xx, of ACTS and of CMS.
set -eu
out=$1
events=$(realpath "$(dirname "$0")/../examples/events")
mkdir -p "$out"
cd "$out"
mix=photon,photon,electron,pion,pion,k0l,neutron,muon,pi0
shoot() { # folder detector seed events count options
    gnnreco simulate --detector "$2" --process gun --particle $mix --energy 1 120 --count "$5" --events "$4" --seed "$3" \
        spectrum=log "${@:6}" -o "$1" --overwrite
}
collide() { # folder detector process pile-up events seed options
    gnnreco simulate --detector "$2" --process "$3" --pileup "$4" --events "$5" --seed "$6" "${@:7}" -o "$1" --overwrite
}

collide trackml trackml ttbar 20 8 7301 noise_hits=0.1
gnnreco bundle calibrate tracking-trackml --detector trackml \
    --data trackml "$events"/acts-ttbar-pu{50,20}.parquet -o tracking-trackml --overwrite
collide hex hex_tracker ttbar 30 6 7311 noise_hits=0.1
collide hex_hard hex_tracker ttbar 80 2 7316 noise_hits=1 efficiency=0.85
collide hex_holes hex_tracker ttbar 60 5 7319 noise_hits=0.5 efficiency=0.6
gnnreco bundle calibrate tracking-hex --detector hex_tracker --data hex hex_hard hex_holes -o tracking-hex --overwrite
collide odd odd ttbar 10 8 7312 noise_hits=0.1
gnnreco bundle calibrate tracking-odd --detector odd --data odd -o tracking-odd --overwrite
beam=(--particle electron --energy 2 6 --count 6 efficiency=0.85)
collide beam telescope beam 0 200 7313 "${beam[@]}" noise_hits=1
collide beam_noise telescope beam 0 60 7314 "${beam[@]}" noise_hits=4
collide beam_noisy telescope beam 0 150 7318 "${beam[@]}" noise_hits=20
gnnreco bundle calibrate tracking-telescope --detector telescope --data beam beam_noise beam_noisy -o tracking-telescope --overwrite
collide drift tpc ttbar 0 8 7315 noise_hits=0.05
gnnreco bundle calibrate tpc --detector tpc --data drift -o tpc --overwrite

shoot hgcal_cone hgcal 7101 120 10 cone=0.5 noise_hits=0.05
shoot hgcal_wide hgcal 7102 70 14 noise_hits=0.05
shoot hgcal_some hgcal 7104 30 3 noise_hits=1
shoot hgcal_noise hgcal 7103 14 2 noise_hits=8
shoot hgcal_cut hgcal 7105 12 2 noise_hits=20 cell_threshold=0.25
for detector in lar clic_ecal; do
    shoot ${detector}_cone $detector 7131 50 8 cone=0.5 noise_hits=0.05
    shoot ${detector}_wide $detector 7132 30 10 noise_hits=0.05
    shoot ${detector}_noise $detector 7133 12 2 noise_hits=6
done
hgcal=(--detector hgcal --data hgcal_cone hgcal_wide hgcal_some hgcal_noise)
lar=(--detector lar --data lar_cone lar_wide lar_noise)
clic=(--detector clic_ecal --data clic_ecal_cone clic_ecal_wide clic_ecal_noise)
gnnreco bundle calibrate showers-hgcal "${hgcal[@]}" -o showers-hgcal --overwrite
gnnreco bundle calibrate showers-lar "${lar[@]}" -o showers-lar --overwrite
gnnreco bundle calibrate showers-any "${hgcal[@]}" hgcal_cut "${lar[@]}" "${clic[@]}" -o showers-any --overwrite
collide odd_tt odd ttbar 5 14 23001
gnnreco simulate --detector odd --process gun --particle photon,pion --energy 1.5 40 --count 5 --events 60 --seed 23002 -o odd_few --overwrite
gnnreco bundle calibrate showers-odd --detector odd --data odd_tt odd_few -o showers-odd --overwrite
gnnreco bundle calibrate clusters-density "${hgcal[@]}" "${lar[@]}" "${clic[@]}" -o clusters-density --overwrite
