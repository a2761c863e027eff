//! The compiled kernel side: embedded, sized, told the kernel's offsets, loaded.

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::{Map, MapData},
    programs::{Program, ProgramError, RawTracePoint, RawTracePointRunOptions, TestRun},
};
use portwatch_common::{Config, NO_MEMBER, Offsets, TIME_WAIT_COPY};
use zerocopy::IntoBytes;

use super::{Options, TracerError};
use crate::kernel::{btf, host, offsets};

/// The kernel side as `cargo xtask build-ebpf` compiled it.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../ebpf/portwatch.bpf.o");

/// The kernel side in the kernel. Dropping it detaches every program.
pub(super) struct Object {
    pub ebpf: Ebpf,
}

/// Which maps the run needs at full size: the others are made as small as they can be.
pub(super) enum Purpose {
    /// Following every socket.
    Trace,
    /// One walk over the sockets that are there.
    Census,
}

impl Object {
    /// Creates the maps and prepares the programs; none is loaded yet. What comes beside is the
    /// kernel's type information as loading needs it: tens of megabytes, not to be kept.
    ///
    /// # Errors
    /// [`TracerError`]: no or unfitting type information, no privileges, or a refusal.
    pub fn new(
        purpose: &Purpose,
        options: &Options,
        tw_timer_handler: u64,
    ) -> Result<(Self, Btf), TracerError> {
        let kernel_btf = btf::Btf::from_kernel()?;
        let offsets = offsets::resolve(&kernel_btf, &host::kernel_release())?;
        drop(kernel_btf);
        check_copy(&offsets)?;
        let config = Config {
            tw_timer_handler,
            warning_permille: options.warning_permille,
            critical_permille: options.critical_permille,
            connect_syscall: host::connect_syscall(),
            reserved: 0,
        };
        let btf = Btf::from_sys_fs()
            .map_err(|error| TracerError::from_aya("reading the kernel's BTF", &error))?;
        let (sockets, tuples, census) = match purpose {
            Purpose::Trace => (options.max_sockets, options.max_tuples, 1),
            Purpose::Census => (1, 1, options.max_tuples),
        };
        let ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .override_global("OFFSETS", offsets.as_bytes(), true)
            .override_global("CONFIG", config.as_bytes(), true)
            .override_global("AYA_LOG_LEVEL", &options.bpf_log, true)
            .map_max_entries("SOCKETS", sockets)
            .map_max_entries("TUPLES", tuples)
            .map_max_entries("TUPLE_SLOTS", tuples)
            .map_max_entries("FREE_SLOTS", tuples)
            .map_max_entries("CENSUS", census)
            .map_max_entries("EVENTS", options.ring_bytes)
            .load(OBJECT)
            .map_err(|error| TracerError::from_aya("creating the BPF maps", &error))?;
        Ok((Self { ebpf }, btf))
    }

    /// A program of the object by its own type.
    ///
    /// # Errors
    /// When the object does not hold it, or as another type: object and loader differ.
    pub fn program<'a, P>(&'a mut self, name: &str) -> Result<&'a mut P, TracerError>
    where
        &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
    {
        let program = self.ebpf.program_mut(name);
        <&mut P>::try_from(program.ok_or_else(|| missing("program", name))?)
            .map_err(|error| TracerError::from_aya(&format!("program {name}"), &error))
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
            Some(Map::HashMap(data) | Map::Array(data)) => Ok(data),
            _ => Err(missing("map", name)),
        }
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

fn missing(kind: &str, name: &str) -> TracerError {
    TracerError::Refused {
        what: format!("{kind} {name}"),
        reason: "not in the embedded BPF object; rebuild it with cargo xtask build-ebpf".into(),
    }
}

/// Refuses a kernel whose TIME_WAIT sockets have a member beyond what the kernel side copies.
fn check_copy(offsets: &Offsets) -> Result<(), TracerError> {
    let flag = offsets.inet_timewait_sock_tw_connect_bind;
    let members = [
        ("skc_v6_rcv_saddr", offsets.sock_common_skc_v6_rcv_saddr, 16),
        ("skc_v6_daddr", offsets.sock_common_skc_v6_daddr, 16),
        ("skc_net", offsets.sock_common_skc_net, 8),
        ("skc_rcv_saddr", offsets.sock_common_skc_rcv_saddr, 4),
        ("skc_daddr", offsets.sock_common_skc_daddr, 4),
        ("skc_num", offsets.sock_common_skc_num, 2),
        ("tw_substate", offsets.inet_timewait_sock_tw_substate, 1),
        (
            "tw_connect_bind",
            if flag == NO_MEMBER { 0 } else { flag },
            1,
        ),
    ];
    match members
        .iter()
        .find(|(_, offset, size)| (offset + size) as usize > TIME_WAIT_COPY)
    {
        None => Ok(()),
        Some((name, offset, _)) => Err(TracerError::Refused {
            what: format!("kernel {}", host::kernel_release()),
            reason: format!(
                "inet_timewait_sock.{name} at {offset} lies beyond the {TIME_WAIT_COPY} bytes that portwatch reads"
            ),
        }),
    }
}
