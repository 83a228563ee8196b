//! `.ci/run` on a machine that lacks what some tests want.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

/// Runs it with nothing in its PATH but what it cannot do without, and a cargo that only says how it was called.
fn run(ci: Option<&str>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for program in ["bash", "dirname", "id", "env"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join(program))
            .find(|path| path.is_file());
        symlink(found.unwrap(), folder.path().join(program)).unwrap();
    }
    let cargo = folder.path().join("cargo");
    std::fs::write(&cargo, "#!/usr/bin/env bash\necho \"cargo $*\"\n").unwrap();
    std::fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/run");
    let mut command = Command::new(folder.path().join("bash"));
    command.arg(script).env_clear().env("PATH", folder.path());
    command.envs(ci.map(|ci| ("CI", ci)));
    command.output().unwrap()
}

#[test]
fn a_package_that_cannot_be_installed_fails_where_nobody_looks_at_why() {
    let output = run(Some("true"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(1), &b""[..]),
        "{said}"
    );
    for package in ["elixir", "erlang-base", "iproute2", "nftables", "procps"] {
        assert!(said.contains(package), "{said}");
    }
}

#[test]
fn without_a_package_the_other_tests_run_on_a_machine_of_ones_own() {
    let output = run(None);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), &b"cargo xtask test\n"[..]),
        "{said}"
    );
    assert!(said.contains("SKIPPED"), "{said}");
}
