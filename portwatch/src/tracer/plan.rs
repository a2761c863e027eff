//! What a run of a hook set attaches, and what it can't see.

use aya::programs::Iter;

use super::{
    HookSet, Options, TimeWait, TracerError,
    attachment::{
        Attachment,
        Place::{self, Entry, Probe, Return, Tracepoint},
    },
    left_out::{BUCKET_SCAN, LOOK_AT, TRACK_AT},
    machine::Machine,
    object::Object,
    oracle::SCAN,
};

/// The function that puts a mini-socket into the kernel's list, and since 6.11 arms its timer in
/// the same step. Before, the timer was armed first, when the mini-socket had no bind bucket yet.
const HASHDANCE: &str = "inet_twsk_hashdance";
const HASHDANCE_SCHEDULE: &str = "inet_twsk_hashdance_schedule";

/// The program behind `inet_sock_set_state` that does what that one missed.
pub(super) const STATE_AGAIN: &str = "inet_sock_set_state_again";
/// The program that no count depends on.
pub(super) const SYS_EXIT: &str = "sys_exit";

/// The program that walks over the sockets.
pub(super) const WALK: &str = "walk_track";
/// The programs that are run on demand.
pub(super) const ON_DEMAND: [&str; 7] = [
    "netns_list",
    "netns_reserved",
    SCAN,
    "free_slots",
    "sweep_drop",
    BUCKET_SCAN,
    TRACK_AT,
];
/// Those that a single look at sockets or ports runs.
pub(super) const LOOK: [&str; 5] = ["netns_list", "netns_reserved", SCAN, BUCKET_SCAN, LOOK_AT];

/// What a run attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub hooks: HookSet,
    pub time_wait: TimeWait,
    pub connect_errno: bool,
    /// Address of [`TW_TIMER_HANDLER`], 0 where no timers are followed.
    pub tw_timer_handler: u64,
    /// See `Config::time_wait_at_close`.
    pub time_wait_at_close: bool,
    /// The programs to attach, in this order.
    pub attachments: Vec<Attachment>,
    /// What this plan can't see, a phrase each.
    pub blind_spots: Vec<String>,
}

impl Plan {
    /// Makes a hook set's plan from the options and what this kernel has.
    ///
    /// # Errors
    /// When the kernel lacks what the hook set or the options ask for; names it.
    pub fn new(hooks: HookSet, options: &Options, machine: &Machine) -> Result<Self, TracerError> {
        let mut plan = Self {
            hooks,
            time_wait: options.time_wait.unwrap_or(TimeWait::Events),
            connect_errno: options.connect_errno,
            tw_timer_handler: 0,
            time_wait_at_close: !machine.has_function(HASHDANCE_SCHEDULE),
            attachments: Vec::new(),
            blind_spots: vec![
                "a socket's own port range, and ports bound within the last seconds: a tuple may be exhausted below 100 %".to_owned(),
            ],
        };
        plan.follow_timers(options, machine)?;
        plan.attachments = plan.list(machine);
        plan.name_blind_spots();
        for attachment in &plan.attachments {
            attachment.check(machine)?;
        }
        Ok(plan)
    }

    /// Looks for what tells a mini-socket's timer. The `tracepoint` set follows TIME_WAIT by timers
    /// alone, the `kprobe` set by functions, and by timers because the kernel skips a probe that
    /// interrupts another one.
    fn follow_timers(&mut self, options: &Options, machine: &Machine) -> Result<(), TracerError> {
        if self.time_wait == TimeWait::Sweep {
            self.blind_spots
                .push("TIME_WAIT between two sweeps (--time-wait sweep)".to_owned());
            return Ok(());
        }
        if self.hooks == HookSet::Fentry {
            return Ok(());
        }
        match (machine.tw_timer_handler(), self.hooks) {
            (Ok(address), _) => self.tw_timer_handler = address,
            (Err(reason), HookSet::Kprobe) => self.blind_spots.push(format!(
                "the end of a TIME_WAIT socket inside another probe, until the next sweep ({reason})"
            )),
            (Err(reason), _) if options.time_wait == Some(TimeWait::Events) => {
                return Err(TracerError::Refused {
                    what: "--time-wait events".into(),
                    reason: reason.to_string(),
                });
            }
            (Err(reason), _) => {
                self.blind_spots
                    .push(format!("TIME_WAIT between two sweeps ({reason})"));
                self.time_wait = TimeWait::Sweep;
            }
        }
        Ok(())
    }

    fn list(&self, machine: &Machine) -> Vec<Attachment> {
        let state = "inet_sock_set_state";
        let mut list = Vec::new();
        let mut add = |program, place: Place| list.push(Attachment { program, place });
        let events = self.time_wait == TimeWait::Events;
        let hashdance = if machine.has_function(HASHDANCE_SCHEDULE) {
            HASHDANCE_SCHEDULE
        } else {
            HASHDANCE
        };
        // Ends before begins: what ends unseen would stay.
        match self.hooks {
            HookSet::Fentry => {
                let entry = |function: &'static str| Entry(function);
                add("fentry_tcp_v4_destroy_sock", entry("tcp_v4_destroy_sock"));
                add("fentry_inet_unhash", entry("inet_unhash"));
                add("fentry_inet_unhash_again", entry("inet_unhash"));
                if events {
                    add("fentry_tcp_twsk_destructor", entry("tcp_twsk_destructor"));
                    add("fentry_inet_twsk_kill", entry("inet_twsk_kill"));
                    add("fentry_inet_twsk_hashdance", entry(hashdance));
                    add("fentry_inet_twsk_hashdance_again", entry(hashdance));
                }
                let defer = "tcp_fastopen_defer_connect";
                add("fentry_tcp_fastopen_defer_connect", entry(defer));
                add("fexit_inet_hash_connect", Return("inet_hash_connect", 2));
                add("fexit_inet6_hash_connect", Return("inet6_hash_connect", 2));
                add("fentry_inet_hash_connect", entry("inet_hash_connect"));
                add("fentry_inet6_hash_connect", entry("inet6_hash_connect"));
                add("fexit_inet_csk_get_port", Return("inet_csk_get_port", 2));
                add("fexit_inet_bind", Return("__inet_bind", 4));
                add("fexit_inet6_bind", Return("__inet6_bind", 4));
                add("fexit_inet_autobind", Return("inet_autobind", 1));
                if self.connect_errno {
                    let connect = Return("__sys_connect_file", 4);
                    add("fexit_sys_connect_file", connect);
                }
                add(state, Tracepoint(state));
                return list;
            }
            HookSet::Kprobe => {
                add("kprobe_tcp_v4_destroy_sock", Probe("tcp_v4_destroy_sock"));
                add("kprobe_inet_unhash", Probe("inet_unhash"));
                if events {
                    add("kprobe_tcp_twsk_destructor", Probe("tcp_twsk_destructor"));
                    add("kprobe_inet_twsk_kill", Probe("inet_twsk_kill"));
                    add("kprobe_inet_twsk_hashdance", Probe(hashdance));
                }
                let defer = "tcp_fastopen_defer_connect";
                add("kprobe_tcp_fastopen_defer_connect", Probe(defer));
                add("kprobe_inet_hash_connect", Probe("inet_hash_connect"));
                add("kprobe_inet6_hash_connect", Probe("inet6_hash_connect"));
            }
            HookSet::Tracepoint => {}
        }
        add(state, Tracepoint(state));
        add(STATE_AGAIN, Tracepoint(state));
        if self.tw_timer_handler != 0 {
            add("timer_cancel", Tracepoint("timer_cancel"));
            add("timer_start", Tracepoint("timer_start"));
        }
        if self.connect_errno {
            add(SYS_EXIT, Tracepoint("sys_exit"));
        }
        list
    }

    fn name_blind_spots(&mut self) {
        let mut blind = |text: &str| self.blind_spots.push(text.to_owned());
        if self.hooks == HookSet::Tracepoint {
            blind("port search latency");
        }
        if !self.connect_errno {
            blind("missing source addresses (--connect-errno off)");
        } else if self.hooks != HookSet::Fentry {
            blind("missing source addresses of connects through io_uring");
        }
        if self.hooks != HookSet::Fentry {
            blind(if self.connect_errno {
                "binds and UDP sends without a free port through io_uring, or of the kernel's own sockets"
            } else {
                "binds and UDP sends without a free port (--connect-errno off)"
            });
        }
    }

    /// Loads the programs that are attached, and those that are run on demand.
    ///
    /// # Errors
    /// When the kernel refuses one; nothing is attached then.
    pub fn load(&self, object: &mut Object, machine: &Machine) -> Result<(), TracerError> {
        for attachment in &self.attachments {
            attachment.load(object, machine)?;
        }
        load_walk(object, machine, WALK)?;
        for name in ON_DEMAND {
            object.load_on_demand(name)?;
        }
        Ok(())
    }

    /// Attaches the programs. They are detached when the object goes.
    ///
    /// # Errors
    /// When the kernel refuses one.
    pub fn attach(&self, object: &mut Object) -> Result<(), TracerError> {
        self.attachments
            .iter()
            .try_for_each(|attachment| attachment.attach(object))
    }
}

/// Loads a program that walks over the sockets.
///
/// # Errors
/// When the kernel refuses it.
pub(super) fn load_walk(
    object: &mut Object,
    machine: &Machine,
    name: &str,
) -> Result<(), TracerError> {
    let program = object.program::<Iter>(name)?;
    program
        .load("tcp", &machine.btf)
        .map_err(|error| TracerError::from_aya(&format!("loading {name}"), &error))
}
