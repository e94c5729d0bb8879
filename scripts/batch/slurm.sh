#!/bin/bash
# One part of a job of `gnnreco reconstruct` for each task of an array of Slurm:
#
#   sbatch --array=0-99 scripts/batch/slurm.sh 100 INPUT DETECTOR BUNDLE FOLDER [OPTION ...]
#
# 100 is the number of parts. The same line goes on where something died; `gnnreco resubmit FOLDER --list` says which parts are
# left, and `--array=3,17` does these alone, with --redo-failed among the options if events failed.
# Two minutes before the time is over the program is told to stop, and keeps what is done.
#SBATCH --job-name=gnnreco
#SBATCH --cpus-per-task=1
#SBATCH --mem=2G
#SBATCH --time=2:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
set -eu
parts=$1 input=$2 detector=$3 bundle=$4 folder=$5
shift 5
exec gnnreco reconstruct "$input" --detector "$detector" --bundle "$bundle" -o "$folder" \
    --shard "$SLURM_ARRAY_TASK_ID/$parts" --resume "$@"
