//! The compiled kernel side: embedded, sized, told the kernel's offsets, loaded.

use aya::{
    Ebpf,
    maps::{Array, Map, MapData},
    programs::{Program, ProgramError, RawTracePoint, RawTracePointRunOptions, TestRun},
};
use portwatch_common::{
    BIND_BUCKET_COPY, Config, NO_MEMBER, Offsets, SOCK_COMMON_COPY, TIME_WAIT_COPY,
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Options, TracerError, machine::Machine, plan::Plan, pod::Plain};
use crate::kernel::host::{self, syscall};

/// The kernel side as `cargo xtask build-ebpf` compiled it.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../ebpf/portwatch.bpf.o");

/// Maps that only a trace fills, and entries of those that stay empty: there may be none without any.
const FOLLOWING: [&str; 4] = ["NETNS", "FAILED", "OPENERS", "BINDS"];
const FEW: u32 = 64;

/// The kernel side in the kernel. Dropping it detaches every program.
pub(super) struct Object {
    pub ebpf: Ebpf,
}

/// Which maps the run needs at full size: the others are made as small as they can be.
pub(super) enum Purpose<'a> {
    /// Following every socket, by this plan.
    Trace(&'a Plan),
    /// One walk over the sockets that are there.
    Census,
    /// The ports of one tuple.
    Tuple,
}

impl Object {
    /// Creates the maps and prepares the programs; none is loaded yet.
    ///
    /// # Errors
    /// [`TracerError`]: an unfitting kernel, no privileges, or a refusal.
    pub fn new(
        purpose: &Purpose<'_>,
        options: &Options,
        machine: &Machine,
    ) -> Result<Self, TracerError> {
        check_copy(&machine.offsets)?;
        let config = config(purpose, options);
        let (sockets, tuples, census) = match purpose {
            Purpose::Trace(_) => (options.max_sockets, options.max_tuples, 1),
            Purpose::Census => (1, 1, options.max_tuples),
            Purpose::Tuple => (1, 1, 1),
        };
        let mut loader = machine.loader();
        loader
            .btf(Some(&machine.btf))
            .override_global("OFFSETS", machine.offsets.as_bytes(), true)
            .override_global("CONFIG", config.as_bytes(), true)
            .override_global("AYA_LOG_LEVEL", &options.bpf_log, true)
            .map_max_entries("SOCKETS", sockets)
            .map_max_entries("TUPLES", tuples)
            .map_max_entries("TUPLE_SLOTS", tuples)
            .map_max_entries("FREE_SLOTS", tuples)
            .map_max_entries("CENSUS", census)
            .map_max_entries("EVENTS", options.ring_bytes);
        if !matches!(purpose, Purpose::Trace(_)) {
            for name in FOLLOWING {
                loader.map_max_entries(name, FEW);
            }
        }
        let ebpf = loader
            .load(OBJECT)
            .map_err(|error| TracerError::from_aya("creating the BPF maps", &error))?;
        Ok(Self { ebpf })
    }

    /// A program of the object by its own type.
    ///
    /// # Errors
    /// When the object does not hold it, or as another type: object and loader differ.
    pub fn program<'a, P>(&'a mut self, name: &str) -> Result<&'a mut P, TracerError>
    where
        &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
    {
        <&mut P>::try_from(self.any_program(name)?)
            .map_err(|error| TracerError::from_aya(&format!("program {name}"), &error))
    }

    /// A program of the object, whatever its type.
    ///
    /// # Errors
    /// When the object does not hold it: object and loader differ.
    pub fn any_program(&mut self, name: &str) -> Result<&mut Program, TracerError> {
        self.ebpf
            .program_mut(name)
            .ok_or_else(|| missing("program", name))
    }

    /// A map of the object.
    ///
    /// # Errors
    /// When the object does not hold it: object and loader differ.
    pub fn map(&mut self, name: &str) -> Result<&mut Map, TracerError> {
        self.ebpf.map_mut(name).ok_or_else(|| missing("map", name))
    }

    /// Takes a map out of the object. The programs that use it must have been loaded before the
    /// map is dropped.
    ///
    /// # Errors
    /// When the object does not hold it, or as another type.
    pub fn take_map<M: TryFrom<Map, Error = aya::maps::MapError>>(
        &mut self,
        name: &str,
    ) -> Result<M, TracerError> {
        let map = self
            .ebpf
            .take_map(name)
            .ok_or_else(|| missing("map", name))?;
        M::try_from(map).map_err(|error| TracerError::from_aya(&format!("map {name}"), &error))
    }

    /// Takes a hash map or an array out of the object as aya's untyped form, for what its typed
    /// forms do not offer.
    ///
    /// # Errors
    /// When the object does not hold it, or as another type.
    pub fn take_data(&mut self, name: &str) -> Result<MapData, TracerError> {
        match self.ebpf.take_map(name) {
            Some(Map::HashMap(data) | Map::LruHashMap(data) | Map::Array(data)) => Ok(data),
            _ => Err(missing("map", name)),
        }
    }

    /// The one element of an array.
    ///
    /// # Errors
    /// When the object does not hold it, or the kernel refuses.
    pub fn element<T>(&mut self, name: &str) -> Result<T, TracerError>
    where
        T: FromBytes + IntoBytes + Immutable + Copy + 'static,
    {
        let array: Array<_, Plain<T>> = self.array(name)?;
        let Plain(value) = array
            .get(&0, 0)
            .map_err(|error| TracerError::from_aya(&format!("reading map {name}"), &error))?;
        Ok(value)
    }

    /// Writes the one element of an array.
    ///
    /// # Errors
    /// As [`Self::element`].
    pub fn set_element<T>(&mut self, name: &str, value: T) -> Result<(), TracerError>
    where
        T: FromBytes + IntoBytes + Immutable + Copy + 'static,
    {
        let mut array: Array<_, Plain<T>> = self.array(name)?;
        array
            .set(0, Plain(value), 0)
            .map_err(|error| TracerError::from_aya(&format!("writing map {name}"), &error))
    }

    fn array<T>(&mut self, name: &str) -> Result<Array<&mut MapData, Plain<T>>, TracerError>
    where
        T: FromBytes + IntoBytes + Immutable + Copy + 'static,
    {
        let map = self.map(name)?;
        map.try_into()
            .map_err(|error| TracerError::from_aya(&format!("map {name}"), &error))
    }

    /// Loads a program that is run on demand.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn load_on_demand(&mut self, name: &str) -> Result<(), TracerError> {
        let program = self.program::<RawTracePoint>(name)?;
        program
            .load()
            .map_err(|error| TracerError::from_aya(&format!("loading {name}"), &error))
    }

    /// Runs a program that is attached nowhere.
    ///
    /// # Errors
    /// When it is not loaded, or the kernel refuses the run.
    pub fn run(&mut self, name: &str, arguments: &[u64]) -> Result<(), TracerError> {
        let mut options = RawTracePointRunOptions::new();
        for (slot, argument) in options.args.iter_mut().zip(arguments) {
            *slot = *argument;
        }
        let program = self.program::<RawTracePoint>(name)?;
        program
            .test_run(options)
            .map(drop)
            .map_err(|error| TracerError::from_aya(&format!("running {name}"), &error))
    }
}

fn config(purpose: &Purpose<'_>, options: &Options) -> Config {
    let (tw_timer_handler, time_wait_at_close) = match purpose {
        Purpose::Trace(plan) => (plan.tw_timer_handler, plan.time_wait_at_close),
        Purpose::Census | Purpose::Tuple => (0, false),
    };
    let slow_search = options.slow_search.unwrap_or_default().as_nanos();
    Config {
        tw_timer_handler,
        warning_permille: options.ratios.warning().permille(),
        critical_permille: options.ratios.critical().permille(),
        connect_syscall: syscall::CONNECT,
        slow_search_ns: u32::try_from(slow_search).unwrap_or(u32::MAX),
        time_wait_at_close: time_wait_at_close.into(),
        bind_syscall: syscall::BIND,
        listen_syscall: syscall::LISTEN,
        sendto_syscall: syscall::SENDTO,
        sendmsg_syscall: syscall::SENDMSG,
        sendmmsg_syscall: syscall::SENDMMSG,
    }
}

fn missing(kind: &str, name: &str) -> TracerError {
    TracerError::Refused {
        what: format!("{kind} {name}"),
        reason: "not in the embedded BPF object; rebuild it with cargo xtask build-ebpf".into(),
    }
}

/// Refuses a kernel whose sockets or bind buckets have a member beyond what the kernel side copies.
fn check_copy(offsets: &Offsets) -> Result<(), TracerError> {
    let flag = offsets.inet_timewait_sock_tw_connect_bind;
    let flag = if flag == NO_MEMBER { 0 } else { flag };
    let (common, mini, bucket) = (SOCK_COMMON_COPY, TIME_WAIT_COPY, BIND_BUCKET_COPY);
    let o = offsets;
    let members = [
        (
            "skc_v6_rcv_saddr",
            o.sock_common_skc_v6_rcv_saddr,
            16,
            common,
        ),
        ("skc_v6_daddr", o.sock_common_skc_v6_daddr, 16, common),
        ("skc_net", o.sock_common_skc_net, 8, common),
        ("skc_rcv_saddr", o.sock_common_skc_rcv_saddr, 4, common),
        ("skc_daddr", o.sock_common_skc_daddr, 4, common),
        ("skc_num", o.sock_common_skc_num, 2, common),
        ("tw_substate", o.inet_timewait_sock_tw_substate, 1, mini),
        ("tw_connect_bind", flag, 1, mini),
        ("ib_net", o.inet_bind_bucket_ib_net, 8, bucket),
        ("l3mdev", o.inet_bind_bucket_l3mdev, 4, bucket),
        ("port", o.inet_bind_bucket_port, 2, bucket),
        ("fastreuse", o.inet_bind_bucket_fastreuse, 1, bucket),
        ("fastreuseport", o.inet_bind_bucket_fastreuseport, 1, bucket),
        ("node", o.inet_bind_bucket_node, 8, bucket),
    ];
    let beyond = members
        .iter()
        .find(|(_, offset, size, copied)| (offset + size) as usize > *copied);
    match beyond {
        None => Ok(()),
        Some((name, offset, _, copied)) => Err(TracerError::Refused {
            what: format!("kernel {}", host::kernel_release()),
            reason: format!(
                "the {name} of a socket or bind bucket at {offset} lies beyond the {copied} bytes that portwatch reads"
            ),
        }),
    }
}
