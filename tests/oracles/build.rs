//! Compiles the requests to Valgrind, where the constant-time check asks for them.

fn main() {
    #[cfg(feature = "poison")]
    cc::Build::new().file("src/bin/ct_poison/valgrind.c").compile("poison");
    println!("cargo::rerun-if-changed=src/bin/ct_poison/valgrind.c");
}
