#!/bin/sh
# Builds every fuzz target once, on the stable toolchain, and runs each for SECONDS (10 unless given), as many
# at a time as there are cores. Fails on a crash, and on a target with fewer than 10,000 executions.
#
#   fuzz/run.sh [SECONDS] [TARGET]…
set -eu
cd "$(dirname "$0")"

least=10000
target_dir="${CARGO_TARGET_DIR:-$PWD/target}"
host="$(rustc -vV | sed -n 's/^host: //p')"

# Runs one target; what a crash printed goes with it.
run_one() {
    seconds="$1" target="$2"
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
    line="$(printf '%-14s %10s executions  %s' "$target" "${runs:-?}" "$outcome")"
    [ "$outcome" != CRASHED ] || line="$line
$(tail -n 20 "$log")"
    printf '%s\n' "$line"
    [ "$outcome" = ok ]
}

if [ "${1:-}" = --one ]; then
    run_one "$2" "$3"
    exit
fi

seconds="${1:-10}"
[ $# -gt 0 ] && shift
command -v cargo-fuzz >/dev/null || cargo install --debug --locked cargo-fuzz
python3 seeds.py >/dev/null
# Without a sanitizer the stable compiler will do; there is no unsafe code to watch.
cargo fuzz build --sanitizer none --target-dir "$target_dir"
[ $# -gt 0 ] || set -- $(cargo fuzz list)
printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' sh ./run.sh --one "$seconds" '{}'
