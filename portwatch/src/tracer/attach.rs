//! Hook sets: load and attach, best first.

use aya::{
    Btf,
    programs::{BtfTracePoint, Iter},
};

use super::{HookSet, Options, TimeWait, TracerError, object::Object};
use crate::kernel::symbols::{self, SymbolError};

/// The function that ends a TIME_WAIT mini-socket when its timer expires; its address in a timer
/// tells whose timer that is.
const TW_TIMER_HANDLER: &str = "tw_timer_handler";

/// The function that puts a mini-socket into the kernel's list and arms its timer, in this order,
/// since 6.11. Before, the timer was armed first, when `tw_tb` still held whatever the memory held
/// before (`inet_twsk_alloc`, 5.10 and 6.1): who chose the port can't be told at that moment.
const TW_HASHDANCE_SCHEDULE: &str = "inet_twsk_hashdance_schedule";

/// The program behind `inet_sock_set_state` that does what that one missed.
pub(super) const STATE_AGAIN: &str = "inet_sock_set_state_again";
/// The program that no count depends on.
pub(super) const SYS_EXIT: &str = "sys_exit";

/// What a run attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub hooks: HookSet,
    pub time_wait: TimeWait,
    pub connect_errno: bool,
    /// Address of [`TW_TIMER_HANDLER`], 0 where it is not needed.
    pub tw_timer_handler: u64,
    /// What this plan can't see, a phrase each.
    pub blind_spots: Vec<String>,
}

impl Plan {
    /// Chooses from the options what this kernel allows.
    ///
    /// # Errors
    /// When the options ask for something that this kernel does not allow.
    pub fn new(options: &Options) -> Result<Self, TracerError> {
        let mut blind_spots = vec![
            "ports that bound sockets and listeners take, and a socket's own port range: a tuple may be exhausted below 100 %".to_owned(),
            "port search latency".to_owned(),
        ];
        let handler = match options.time_wait {
            Some(TimeWait::Sweep) => Err("chosen on the command line".to_owned()),
            _ => tw_timer_handler().map_err(|error| error.to_string()),
        };
        let (time_wait, tw_timer_handler) = match (options.time_wait, handler) {
            (_, Ok(address)) => (TimeWait::Events, address),
            (Some(TimeWait::Events), Err(reason)) => {
                return Err(TracerError::Refused {
                    what: "--time-wait events".into(),
                    reason,
                });
            }
            (_, Err(reason)) => {
                blind_spots.push(format!("TIME_WAIT between two sweeps ({reason})"));
                (TimeWait::Sweep, 0)
            }
        };
        if !options.connect_errno {
            blind_spots.push("missing source addresses (--connect-errno off)".to_owned());
        }
        Ok(Self {
            hooks: options.hooks.unwrap_or(HookSet::Tracepoint),
            time_wait,
            connect_errno: options.connect_errno,
            tw_timer_handler,
            blind_spots,
        })
    }

    /// The programs to attach, in this order, and the tracepoint of each.
    pub fn programs(&self) -> Vec<(&'static str, &'static str)> {
        let state = "inet_sock_set_state";
        let mut programs = vec![(state, state), (STATE_AGAIN, state)];
        if self.time_wait == TimeWait::Events {
            // The end before the begin: a mini-socket whose end is not seen would stay.
            programs.extend([
                ("timer_cancel", "timer_cancel"),
                ("timer_start", "timer_start"),
            ]);
        }
        if self.connect_errno {
            programs.push((SYS_EXIT, "sys_exit"));
        }
        programs
    }

    /// Loads the programs that are attached, and those that are run on demand.
    ///
    /// # Errors
    /// When the kernel refuses one; nothing is attached then.
    pub fn load(&self, object: &mut Object, btf: &Btf) -> Result<(), TracerError> {
        for (name, tracepoint) in self.programs() {
            let program = object.program::<BtfTracePoint>(name)?;
            program
                .load(tracepoint, btf)
                .map_err(|error| TracerError::from_aya(&format!("loading {name}"), &error))?;
        }
        load_walk(object, btf, "walk_track")?;
        for name in ["netns_list", "netns_reserved", "sweep_drop"] {
            object.load_on_demand(name)?;
        }
        Ok(())
    }

    /// Attaches the programs. They are detached when the object goes.
    ///
    /// # Errors
    /// When the kernel refuses one.
    pub fn attach(&self, object: &mut Object) -> Result<(), TracerError> {
        for (name, _) in self.programs() {
            let program = object.program::<BtfTracePoint>(name)?;
            program
                .attach()
                .map_err(|error| TracerError::from_aya(&format!("attaching {name}"), &error))?;
        }
        Ok(())
    }
}

/// Loads a program that walks over the sockets.
///
/// # Errors
/// When the kernel refuses it.
pub(super) fn load_walk(object: &mut Object, btf: &Btf, name: &str) -> Result<(), TracerError> {
    let program = object.program::<Iter>(name)?;
    program
        .load("tcp", btf)
        .map_err(|error| TracerError::from_aya(&format!("loading {name}"), &error))
}

/// Address of [`TW_TIMER_HANDLER`], on a kernel whose timers tell of TIME_WAIT what has to be known.
fn tw_timer_handler() -> Result<u64, SymbolError> {
    symbols::address(TW_HASHDANCE_SCHEDULE)?;
    symbols::address(TW_TIMER_HANDLER)
}
