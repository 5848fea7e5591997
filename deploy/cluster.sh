#!/bin/sh
# A Dask scheduler and two workers on this machine, and one command on them:
#
#     deploy/cluster.sh climate-risk daily REGION
#
# They listen on 127.0.0.1 alone and speak TLS with a certificate that is made anew each time, so that no other
# user of this machine can give them work. All of it ends with the command.
set -eu

[ $# -gt 0 ] || { echo "usage: deploy/cluster.sh COMMAND, such as: deploy/cluster.sh climate-risk daily REGION" >&2; exit 2; }
bin="$(cd "$(dirname "$0")/.." && pwd)/.venv/bin"
PATH="$bin:$PATH"
there="$(mktemp -d)"
trap 'kill $pids 2>/dev/null; wait $pids 2>/dev/null; rm -rf "$there"' EXIT INT TERM
pids=""

(umask 077; openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=climate-risk \
  -keyout "$there/key.pem" -out "$there/cert.pem") 2>/dev/null
for role in SCHEDULER WORKER CLIENT; do
  export "DASK_DISTRIBUTED__COMM__TLS__${role}__CERT=$there/cert.pem" "DASK_DISTRIBUTED__COMM__TLS__${role}__KEY=$there/key.pem"
done
export DASK_DISTRIBUTED__COMM__TLS__CA_FILE="$there/cert.pem" DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=true
# What they show by HTTP they would show to every user of this machine, without a password.
export DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES="[]" DASK_DISTRIBUTED__WORKER__HTTP__ROUTES="[]"
export OMP_NUM_THREADS=1

dask scheduler --host 127.0.0.1 --port 0 --protocol tls --no-dashboard --scheduler-file "$there/scheduler.json" 2>"$there/scheduler.log" &
pids="$!"
until [ -s "$there/scheduler.json" ]; do
  kill -0 "$pids" 2>/dev/null || { cat "$there/scheduler.log" >&2; exit 1; }
  sleep 0.2
done
CLIMATE_RISK_DASK="$(sed -n 's/.*"address": "\([^"]*\)".*/\1/p' "$there/scheduler.json")"
export CLIMATE_RISK_DASK
kept=67108864 # bytes that a worker keeps to use again: by Dask's own 64 KiB it would clear every array anew
for number in 1 2; do
  MALLOC_TRIM_THRESHOLD_=$kept MALLOC_MMAP_THRESHOLD_=$kept \
    dask worker "$CLIMATE_RISK_DASK" --host 127.0.0.1 --nthreads 1 --no-dashboard --memory-limit 4GB \
    --local-directory "$there/worker-$number" 2>"$there/worker-$number.log" &
  pids="$pids $!"
done
"$@"
