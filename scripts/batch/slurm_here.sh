#!/bin/bash
# A Slurm of one node on this machine, reachable from it alone, to try the templates beside this file:
#
#   apt-get install slurm-wlm munge
#   scripts/batch/slurm_here.sh start /tmp/slurm    # as root; prints the line that makes sbatch, squeue and others use it
#   export SLURM_CONF=/tmp/slurm/slurm.conf
#   scripts/batch/slurm_here.sh stop /tmp/slurm
#
# All that it writes is in the folder, which all users must be able to enter. CPUS is the number of tasks at once (default: all),
# PORT the first of two ports.
set -eu
what=${1:-} folder=${2:-}
[ -n "$folder" ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
export PATH=$PATH:/usr/sbin:/sbin
port=${PORT:-26817} cpus=${CPUS:-$(nproc)} host=$(hostname -s)

stop() {
    for program in slurmd slurmctld munged; do
        [ -s "$folder/$program.pid" ] && kill "$(cat "$folder/$program.pid")" 2>/dev/null || true
    done
    for _ in $(seq 50); do
        for program in slurmd slurmctld munged; do
            [ -s "$folder/$program.pid" ] && kill -0 "$(cat "$folder/$program.pid")" 2>/dev/null && sleep 0.2 && continue 2
        done
        break
    done
}

start() {
    for program in slurmctld slurmd munged sbatch; do
        command -v "$program" >/dev/null || { echo "$program is missing: apt-get install slurm-wlm munge" >&2; exit 1; }
    done
    mkdir -p "$folder/state" "$folder/spool" "$folder/munge"
    chmod 755 "$folder" "$folder/munge"
    [ -s "$folder/munge/key" ] || (umask 077; head -c 128 /dev/urandom >"$folder/munge/key")
    # Slurm trusts who shows a credential of munge: this one has a key and a socket of its own.
    munged --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
    cat >"$folder/slurm.conf" <<END
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=10
SchedulerParameters=batch_sched_delay=0,sched_interval=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo) State=UNKNOWN
PartitionName=here Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
    export SLURM_CONF=$folder/slurm.conf
    slurmctld -f "$SLURM_CONF"
    slurmd -f "$SLURM_CONF"
    for _ in $(seq 150); do
        sinfo -h -o %T 2>/dev/null | grep -Eq '^(idle|mixed|allocated)' && { echo "export SLURM_CONF=$SLURM_CONF"; return; }
        sleep 0.2
    done
    echo "the node did not come up: see $folder/slurmctld.log and $folder/slurmd.log" >&2
    stop
    exit 1
}

case $what in
start) start ;;
stop) stop ;;
*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
