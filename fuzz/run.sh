#!/bin/sh
# Builds every fuzz target once, on the stable toolchain, and runs each for SECONDS (10 unless given).
# Fails on a crash, and on a target with fewer than 10,000 executions.
#
#   fuzz/run.sh [SECONDS] [TARGET]…
set -eu
cd "$(dirname "$0")"

seconds="${1:-10}"
[ $# -gt 0 ] && shift
least=10000
target_dir="${CARGO_TARGET_DIR:-$PWD/target}"

command -v cargo-fuzz >/dev/null || cargo install --debug --locked cargo-fuzz
python3 seeds.py >/dev/null
# Without a sanitizer the stable compiler will do; there is no unsafe code to watch.
cargo fuzz build --sanitizer none --target-dir "$target_dir"

host="$(rustc -vV | sed -n 's/^host: //p')"
[ $# -gt 0 ] || set -- $(cargo fuzz list)
failed=0
for target in "$@"; do
    mkdir -p "corpus/$target" "artifacts/$target"
    log="artifacts/$target/log"
    if "$target_dir/$host/release/$target" "corpus/$target" -max_total_time="$seconds" -max_len=16384 \
        -len_control=0 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" >"$log" 2>&1
    then outcome=ok
    else outcome=CRASHED
    fi
    runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    [ "$outcome" != ok ] || [ "${runs:-0}" -ge "$least" ] || outcome="FEWER THAN $least"
    [ "$outcome" = ok ] || failed=1
    printf '%-14s %10s executions  %s\n' "$target" "${runs:-?}" "$outcome"
    [ "$outcome" != CRASHED ] || tail -n 20 "$log" >&2
done
exit $failed
