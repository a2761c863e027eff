//! What the program's exit code says.

use std::{io, process::ExitCode};

use crate::{model::CheckState, tracer::TracerError};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Well: 0.
    Ok,
    /// An unexpected failure: 1.
    Failure,
    /// Bad usage: 2, as clap has it.
    Usage,
    /// Missing privileges: 3.
    Privileges,
    /// This kernel can't run the tracer: 4.
    Kernel,
    /// `check` has its own codes, 0 to 3: those of monitoring systems.
    Check(CheckState),
}

/// An error whose kind the exit code tells.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
}

impl Exit {
    /// The exit code's meaning for an error. A closed output pipe is none: whoever read it has
    /// seen enough.
    #[must_use]
    pub fn of_error(error: &anyhow::Error) -> Self {
        for cause in error.chain() {
            if let Some(Refusal::Usage(_)) = cause.downcast_ref() {
                return Self::Usage;
            }
            if let Some(refusal) = cause.downcast_ref::<TracerError>() {
                return match refusal {
                    TracerError::Privileges { .. } => Self::Privileges,
                    _ => Self::Kernel,
                };
            }
            if let Some(error) = cause.downcast_ref::<io::Error>()
                && error.kind() == io::ErrorKind::BrokenPipe
            {
                return Self::Ok;
            }
        }
        Self::Failure
    }

    /// Tells an error on stderr, with a hint where to go from there, and what it means.
    #[must_use]
    pub fn report(error: &anyhow::Error) -> Self {
        let exit = Self::of_error(error);
        if exit != Self::Ok {
            eprintln!("portwatch: {error:#}");
        }
        if matches!(exit, Self::Kernel | Self::Privileges) {
            eprintln!("portwatch: `portwatch doctor` tells what this machine allows");
        }
        exit
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Privileges => 3,
            Exit::Kernel => 4,
            Exit::Check(state) => state as u8,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::{Context, anyhow};

    use super::{Exit, Refusal, TracerError};

    #[test]
    fn the_kind_shows_through_context() {
        let of = |error: anyhow::Error| Exit::of_error(&error.context("while starting"));
        assert_eq!(of(anyhow!("boom")), Exit::Failure);
        assert_eq!(of(Refusal::Usage("no".to_owned()).into()), Exit::Usage);
        let what = "program connect".to_owned();
        let denied = TracerError::Privileges { what: what.clone() };
        assert_eq!(of(denied.into()), Exit::Privileges);
        let reason = "invalid argument".to_owned();
        let refused = TracerError::Refused { what, reason };
        assert_eq!(of(refused.into()), Exit::Kernel);
    }

    #[test]
    fn a_closed_pipe_is_a_quiet_end() {
        let closed: io::Result<()> = Err(io::ErrorKind::BrokenPipe.into());
        let error = closed.context("cannot write").unwrap_err();
        assert_eq!(Exit::of_error(&error), Exit::Ok);
    }
}
