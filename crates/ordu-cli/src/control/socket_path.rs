use std::path::PathBuf;

/// Where the agent of this user listens unless it is told otherwise: in the runtime directory, which is the
/// user's alone and empty after a reboot.
pub(crate) fn default_socket() -> PathBuf {
    let folder = if rustix::process::geteuid().is_root() {
        PathBuf::from("/run")
    } else if let Some(runtime) = absolute("XDG_RUNTIME_DIR") {
        runtime
    } else {
        // Machines without a session manager: never a directory that others can write to, such as /tmp.
        absolute("HOME")
            .unwrap_or_else(|| PathBuf::from("/"))
            .join(".local/state")
    };
    folder.join("ordu").join("ordu.sock")
}

fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}
