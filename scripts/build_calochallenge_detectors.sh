#!/bin/sh
# Rebuild detector_geometries/calochallenge_* from the published binning files (CaloChallenge/homepage):
#   scripts/build_calochallenge_detectors.sh FOLDER_OF_THE_XML_FILES
# The numbers are explained in the READMEs of the detectors, which stay.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

build() { # NAME XML [key=value ...]
    name=$1 xml=$2
    shift 2
    gnnreco detector import calochallenge "$xml" -o "$scratch/$name" "$@"
    gnnreco detector check "$scratch/$name"
    mkdir -p "$here/detector_geometries/$name"
    rm -f "$here/detector_geometries/$name"/*.parquet
    cp "$scratch/$name"/* "$here/detector_geometries/$name/"
}

build calochallenge_ds1_photons "$1/binning_dataset_1_photons.xml" start=1421 spacing=50,110,337,65,650 \
    thickness=11,90,330,45,300 radiation_lengths=2.2,4.4,17.4,2.0,10 interaction_lengths=0.2,0.25,1.0,0.12,1.5 \
    moliere_radius=70,41,41,41,20 sampling_fraction=0.05,0.18,0.18,0.18,0.03
build calochallenge_ds2 "$1/binning_dataset_2.xml"
build calochallenge_ds3 "$1/binning_dataset_3.xml"
