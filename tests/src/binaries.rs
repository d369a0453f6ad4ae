//! The programs under test, built once with the cargo and profile that built this.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The path of a built program: `recovery` or `recovery-relay`.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| build(&["-p", "recovery-cli", "-p", "recovery-relay"]));
    built.join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// The path of a built example of recovery-client.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    let built = build(&["-p", "recovery-client", "--example", name]);
    built.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// Builds into the folder that this test was built into, and gives that folder.
fn build(what: &[&str]) -> PathBuf {
    let own = env::current_exe().expect("a test knows where it is");
    let folder = own.parent().and_then(Path::parent).expect("target/PROFILE/deps").to_owned();
    let target = folder.parent().expect("target/PROFILE");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--profile", profile])
        .args(what)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", target)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the programs under test do not build");
    folder
}
