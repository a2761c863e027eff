use std::{error::Error, io};

use aya::programs::ProgramError;

use crate::kernel::{btf::BtfError, offsets::OffsetsError};

/// Why a tracer can't run, in the distinctions that an exit code makes.
#[derive(Debug, thiserror::Error)]
pub enum TracerError {
    /// The process may not load BPF programs.
    #[error(
        "{what}: permission denied; run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN"
    )]
    Privileges {
        /// What was refused.
        what: String,
    },
    /// The kernel has no type information, or not what the kernel side needs.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// A structure of this kernel does not fit.
    #[error(transparent)]
    Offsets(#[from] OffsetsError),
    /// The kernel refused something.
    #[error("{what}: {reason}")]
    Refused {
        /// What was refused.
        what: String,
        /// The kernel's reason; the end of the verifier's log, where there is one.
        reason: String,
    },
}

/// Lines of a verifier's log that are worth showing: the reason stands at the end.
const LOG_LINES: usize = 6;

impl TracerError {
    /// From a refusal without a program behind it.
    pub(super) fn from_io(what: &str, error: &io::Error) -> Self {
        Self::from_aya(what, error)
    }

    /// From an error of aya's. Missing privileges are told from a refusal by the verifier, which
    /// leaves a log behind.
    pub(super) fn from_aya(what: &str, error: &(dyn Error + 'static)) -> Self {
        let what = what.to_owned();
        if let Some(ProgramError::LoadError {
            io_error,
            verifier_log,
        }) = error.downcast_ref()
        {
            let log = verifier_log.to_string();
            let log = log.trim();
            if log.is_empty() && io_error.kind() == io::ErrorKind::PermissionDenied {
                return Self::Privileges { what };
            }
            let tail: Vec<&str> = log.lines().rev().take(LOG_LINES).collect();
            let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n  ");
            return Self::Refused {
                what,
                reason: format!("{io_error}\n  {tail}"),
            };
        }
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(current) = cause {
            if let Some(io_error) = current.downcast_ref::<io::Error>()
                && io_error.kind() == io::ErrorKind::PermissionDenied
            {
                return Self::Privileges { what };
            }
            cause = current.source();
        }
        Self::Refused {
            what,
            reason: chain(error),
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let message = current.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = current.source();
    }
    text
}
