#!/bin/sh
# Checks under Valgrind that sharing neither branches on secrets nor addresses memory by them.
#
# Needs valgrind with its headers. Prints one line for each check; exits non-zero if one fails.
# First come controls: code that does leak has to be reported, or the check would prove nothing.
set -eu
cd "$(dirname "$0")"
cargo build --quiet --profile poison --features poison --bin ct_poison
binary="${CARGO_TARGET_DIR:-target}/poison/ct_poison"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# Exit status 99 is memcheck's: an error was reported that no suppression names.
watch() {
    valgrind --quiet --error-exitcode=99 --suppressions="$1" "$binary" "$2" >"$log" 2>&1 && return 0
    status=$?
    [ "$status" -eq 99 ] || { cat "$log"; echo "FAILED: $2 did not run ($status)"; exit 1; }
    return 99
}

for leak in branch table peer; do
    if watch /dev/null "$leak"; then echo "FAILED: the leak in '$leak' was not noticed"; exit 1; fi
    echo "caught: $leak"
done
# Whether shares fit together is told to the caller; without that excuse it has to be reported.
for subject in shamir slip39; do
    if watch /dev/null "$subject"; then echo "FAILED: the verdict of '$subject' was not noticed"; exit 1; fi
    if watch ct_verdicts.supp "$subject"; then echo "clean: $subject"; else cat "$log"; exit 1; fi
done
