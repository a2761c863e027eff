//! One program and the place in the kernel that it is attached to.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use aya::programs::{BtfTracePoint, FEntry, FExit, KProbe, Program, ProgramError, ProgramFd};

use super::{
    TracerError,
    machine::{Machine, Parameters},
    object::Object,
};

/// A place to attach to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A tracepoint, with types.
    Tracepoint(&'static str),
    /// The entry of a function, by a trampoline.
    Entry(&'static str),
    /// The return of a function with so many parameters, by a trampoline.
    Return(&'static str, usize),
    /// The entry of a function, by a breakpoint or by ftrace.
    Probe(&'static str),
}

/// A program of the object, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attachment {
    pub program: &'static str,
    pub place: Place,
}

/// Where the kernel offers its probes (`perf_kprobe`, since 4.17).
const KPROBES: &str = "/sys/bus/event_source/devices/kprobe";

/// Loading would work without, and cost time.
fn require_kprobes() -> Result<(), TracerError> {
    if Path::new(KPROBES).exists() {
        return Ok(());
    }
    Err(TracerError::Refused {
        what: "kprobes".into(),
        reason: format!(
            "{KPROBES} does not exist: this kernel was built without them (CONFIG_KPROBE_EVENTS), or sysfs is not mounted"
        ),
    })
}

/// The hooks read the first two arguments at most; a function with fewer has fewer to read.
const READ: usize = 1;

impl Attachment {
    /// Checks that the place is there.
    ///
    /// # Errors
    /// Names what is missing.
    pub fn check(&self, machine: &Machine) -> Result<(), TracerError> {
        match self.place {
            Place::Tracepoint(_) => Ok(()),
            Place::Entry(function) => machine.require_function(function, Parameters::AtLeast(READ)),
            Place::Probe(function) => {
                require_kprobes()?;
                machine.require_function(function, Parameters::AtLeast(READ))
            }
            Place::Return(function, parameters) => {
                machine.require_function(function, Parameters::Exactly(parameters))
            }
        }
    }

    /// Loads the program.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn load(&self, object: &mut Object, machine: &Machine) -> Result<(), TracerError> {
        let (name, btf) = (self.program, &machine.btf);
        let loaded = match self.place {
            Place::Tracepoint(tracepoint) => {
                object.program::<BtfTracePoint>(name)?.load(tracepoint, btf)
            }
            Place::Entry(function) => object.program::<FEntry>(name)?.load(function, btf),
            Place::Return(function, _) => object.program::<FExit>(name)?.load(function, btf),
            Place::Probe(_) => object.program::<KProbe>(name)?.load(),
        };
        loaded.map_err(|error| TracerError::from_aya(&format!("loading {name}"), &error))
    }

    /// Attaches the program. It is detached when the object goes.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach(&self, object: &mut Object) -> Result<(), TracerError> {
        let name = self.program;
        let attached = match self.place {
            Place::Tracepoint(_) => object.program::<BtfTracePoint>(name)?.attach().map(drop),
            Place::Entry(_) => object.program::<FEntry>(name)?.attach().map(drop),
            Place::Return(..) => object.program::<FExit>(name)?.attach().map(drop),
            Place::Probe(function) => object
                .program::<KProbe>(name)?
                .attach(function, 0)
                .map(drop),
        };
        attached.map_err(|error| TracerError::from_aya(&format!("attaching {name}"), &error))
    }
}

/// A descriptor of a loaded program, whatever its type.
///
/// # Errors
/// When it is not loaded, or the process has no descriptor left.
pub(super) fn descriptor(object: &mut Object, name: &str) -> Result<OwnedFd, TracerError> {
    let what = format!("program {name}");
    let fd: Result<&ProgramFd, ProgramError> = match object.any_program(name)? {
        Program::BtfTracePoint(program) => program.fd(),
        Program::FEntry(program) => program.fd(),
        Program::FExit(program) => program.fd(),
        Program::KProbe(program) => program.fd(),
        Program::Iter(program) => program.fd(),
        Program::RawTracePoint(program) => program.fd(),
        _ => Err(ProgramError::NotLoaded),
    };
    fd.map_err(|error| TracerError::from_aya(&what, &error))?
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| TracerError::from_io(&what, &error))
}
