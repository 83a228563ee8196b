//! One file a command.

mod applied;
mod apply;
mod completions;
mod count;
mod each;
mod export;
mod keygen;
mod logs;
mod members;
mod ps;
mod remove;
mod restart;
mod rm;
mod show;
mod start;
mod stop;

use std::process::ExitCode;

use crate::args::{Command, Demo};
use crate::failure::Failure;
use crate::{agent, demo, dev};

pub(crate) use apply::{How, apply};
pub(crate) use members::ink as member_ink;
pub(crate) use ps::children_table;

/// Does what the command line says.
pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Agent(args) => agent::run(&args)?,
        Command::Dev(args) => dev::run(&args)?,
        Command::Start(args) => start::run(&args)?,
        Command::Ps(look) => ps::run(&look)?,
        Command::Show(args) => return show::run(&args),
        Command::Count(look) => count::run(&look)?,
        Command::Stop(args) => return stop::run(&args),
        Command::Restart(args) => return restart::run(&args),
        Command::Rm(args) => return rm::run(&args),
        Command::Logs(args) => logs::run(args)?,
        Command::Members(args) => members::run(&args)?,
        Command::Remove(args) => remove::run(&args)?,
        Command::Apply(args) => apply::run(&args)?,
        Command::Export(look) => export::run(&look)?,
        Command::Keygen(args) => keygen::run(&args)?,
        Command::Completions { shell } => completions::run(shell)?,
        Command::Demo(Demo::Web { listen }) => demo::web(listen)?,
    }
    Ok(ExitCode::SUCCESS)
}
