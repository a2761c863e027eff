//! What every attempt to load the kernel side needs to know of the running kernel.

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    thread,
};

use aya::{Btf, EbpfLoader};
use portwatch_common::Offsets;

use super::TracerError;
use crate::kernel::{
    btf, host, offsets,
    symbols::{self, SymbolError},
};

/// The function that ends a TIME_WAIT mini-socket when its timer expires; its address in a timer
/// tells whose timer that is.
const TW_TIMER_HANDLER: &str = "tw_timer_handler";

/// The running kernel's types: read once, tens of megabytes, not to be kept.
pub(super) struct Machine {
    pub release: String,
    /// As aya wants them.
    pub btf: Btf,
    pub offsets: Offsets,
    functions: btf::Btf,
    tw_timer_handler: OnceLock<Result<u64, SymbolError>>,
    /// A loader that was made ahead.
    loader: Mutex<Option<EbpfLoader<'static>>>,
}

impl Machine {
    /// Reads the kernel's type information.
    ///
    /// # Errors
    /// [`TracerError`]: none there, or not as the kernel side needs it.
    pub fn read() -> Result<Self, TracerError> {
        let functions = btf::Btf::from_kernel()?;
        let release = host::kernel_release();
        Ok(Self {
            offsets: offsets::resolve(&functions, &release)?,
            btf: Btf::from_sys_fs()
                .map_err(|error| TracerError::from_aya("reading the kernel's BTF", &error))?,
            functions,
            release,
            tw_timer_handler: OnceLock::new(),
            loader: Mutex::default(),
        })
    }

    /// The same for a trace, for which somebody waits: what most of them need beyond is got ready
    /// meanwhile.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_ahead() -> Result<Self, TracerError> {
        thread::scope(|scope| {
            let address = scope.spawn(|| symbols::address(TW_TIMER_HANDLER));
            let mut machine = Self::read()?;
            machine.loader = Mutex::new(Some(EbpfLoader::new()));
            if let Ok(address) = address.join() {
                machine.tw_timer_handler = OnceLock::from(address);
            }
            Ok(machine)
        })
    }

    /// A loader. To make one takes as long as to read the kernel's types once more, which it does
    /// whatever it is given.
    pub fn loader<'a>(&self) -> EbpfLoader<'a> {
        let mut ahead = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.take().unwrap_or_default()
    }

    /// The address of the function in TIME_WAIT's timers. Looked up once: several hook sets may ask,
    /// and the list of symbols is long.
    pub fn tw_timer_handler(&self) -> Result<u64, &SymbolError> {
        let address = || symbols::address(TW_TIMER_HANDLER);
        let known = self.tw_timer_handler.get_or_init(address);
        known.as_ref().copied()
    }

    /// Whether the kernel lists a function among its types.
    pub fn has_function(&self, name: &str) -> bool {
        self.functions.has_func(name)
    }

    /// Number of a function among the kernel's types, where it lists it.
    pub fn function_id(&self, name: &str) -> Option<u32> {
        self.functions.func_id(name)
    }

    /// Checks that the kernel has a function with so many parameters at least, or exactly: a
    /// return value stands behind the last one.
    ///
    /// # Errors
    /// Names the function.
    pub fn require_function(&self, name: &str, parameters: Parameters) -> Result<(), TracerError> {
        let problem = match (self.functions.func_param_count(name), parameters) {
            (None, _) => "the kernel's type information does not list it".to_owned(),
            (Some(found), Parameters::AtLeast(wanted)) if found >= wanted => return Ok(()),
            (Some(found), Parameters::Exactly(wanted)) if found == wanted => return Ok(()),
            (Some(found), Parameters::AtLeast(wanted) | Parameters::Exactly(wanted)) => {
                format!("it has {found} parameters, not {wanted}")
            }
        };
        Err(TracerError::Refused {
            what: format!("kernel {}: function {name}", self.release),
            reason: problem,
        })
    }
}

/// Number of parameters of a function.
#[derive(Clone, Copy)]
pub(super) enum Parameters {
    AtLeast(usize),
    Exactly(usize),
}
