#!/usr/bin/env bash
# Builds recovery-web/core for browsers with Debian's rustc-web, and writes core.wasm and core.toolchain to a folder.
#
#   recovery-web/build-core.sh FOLDER
#
# Packages: rustc-web cargo-web rust-web-src lld-22. The library and the compiler have to be of one version, so another
# toolchain's library can't be used. Elsewhere `rustup target add wasm32-unknown-unknown` and
# `cargo build -p recovery-web-core --profile wasm --target wasm32-unknown-unknown` do; that module behaves the same,
# its octets differ (docs/decisions/page.md).
set -euo pipefail
cd "$(dirname "$0")/.."
to=$(mkdir -p "${1:?a folder}" && cd "$1" && pwd)
# With a pinned name: paths in messages of panics must not depend on where this is built.
home=${CARGO_HOME:-$HOME/.cargo}
target=${CARGO_TARGET_DIR:-$PWD/target}/web

# rustup's folder may come first in PATH, and its cargo would take rustup's compiler.
for registry in "$home"/registry/src/*/; do
  remap="${remap:-} --remap-path-prefix=${registry%/}=/deps"
done
run() {
  env PATH=/usr/bin:/bin HOME="$HOME" CARGO_HOME="$home" CARGO_TARGET_DIR="$target" RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc \
    RUSTFLAGS="-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none --cfg sha2_backend=\"soft\" --cfg sha2_backend_soft=\"compact\" -Clinker=/usr/bin/wasm-ld-22 -Clinker-flavor=wasm-ld${remap:-} --remap-path-prefix=$PWD=/src" "$@"
}
run /usr/bin/cargo build --quiet --locked -p recovery-web-core --profile wasm -Zbuild-std=std,panic_abort \
  -Zbuild-std-features=optimize_for_size --target wasm32-unknown-unknown
cp "$target/wasm32-unknown-unknown/wasm/recovery_web_core.wasm" "$to/core.wasm"
run /usr/bin/rustc -vV >"$to/core.toolchain"
