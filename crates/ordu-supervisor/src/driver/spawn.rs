//! Tasks under names, for those who look at them from outside.
//!
//! Tokio can name a task only when it is built with `--cfg tokio_unstable`, as tokio-console wants it anyway. In
//! all other builds a name costs nothing: it is not even written.

use std::fmt;

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

/// As `tokio::spawn`.
#[cfg_attr(tokio_unstable, track_caller)]
pub(super) fn spawn<F>(name: fmt::Arguments<'_>, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    #[cfg(tokio_unstable)]
    {
        spawn_on(&Handle::current(), name, future)
    }
    #[cfg(not(tokio_unstable))]
    {
        let _ = name;
        tokio::spawn(future)
    }
}

/// As `Handle::spawn`.
#[cfg_attr(tokio_unstable, track_caller)]
pub(super) fn spawn_on<F>(runtime: &Handle, name: fmt::Arguments<'_>, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    #[cfg(tokio_unstable)]
    {
        let name = name.to_string();
        let task = tokio::task::Builder::new().name(&name);
        task.spawn_on(future, runtime)
            .expect("the name is all that is special about it")
    }
    #[cfg(not(tokio_unstable))]
    {
        let _ = name;
        runtime.spawn(future)
    }
}

/// As `JoinSet::spawn`.
#[cfg_attr(tokio_unstable, track_caller)]
pub(super) fn spawn_into<F>(set: &mut JoinSet<()>, name: fmt::Arguments<'_>, future: F) -> AbortHandle
where
    F: Future<Output = ()> + Send + 'static,
{
    #[cfg(tokio_unstable)]
    {
        let name = name.to_string();
        set.build_task()
            .name(&name)
            .spawn(future)
            .expect("the name is all that is special about it")
    }
    #[cfg(not(tokio_unstable))]
    {
        let _ = name;
        set.spawn(future)
    }
}
