//! Whether the kernel takes programs on the entry of its functions, asked before anything is made
//! for them: the maps of a trace are tens of megabytes, which on a kernel that does not were a good
//! part of the time that a start takes.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd},
};

use super::{
    HookSet, TracerError,
    attachment::{Attachment, Place},
    machine::Machine,
    plan::Plan,
};

/// `enum bpf_cmd`, `enum bpf_prog_type` and `enum bpf_attach_type`, include/uapi/linux/bpf.h.
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_TYPE_RAW_TRACEPOINT: u32 = 17;
const BPF_PROG_TYPE_TRACING: u32 = 26;
const BPF_TRACE_FENTRY: u32 = 24;

/// `r0 = 0; exit`
static NOTHING: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];

/// `union bpf_attr`, the member for loading a program, up to what is used of it.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
}

/// Refuses a plan of the `fentry` set where the kernel does not even take a program that does
/// nothing.
///
/// # Errors
/// As for the plan's first program.
pub(super) fn require(plan: &Plan, machine: &Machine) -> Result<(), TracerError> {
    let entry = |attachment: &Attachment| match attachment.place {
        Place::Entry(function) => Some((attachment.program, machine.function_id(function)?)),
        _ => None,
    };
    let first = plan.attachments.iter().find_map(entry);
    let Some((program, id)) = first.filter(|_| plan.hooks == HookSet::Fentry) else {
        return Ok(());
    };
    let refused = load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id).err();
    // What goes for every program is the business of who loads it.
    match refused.filter(|_| load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0).is_ok()) {
        Some(error) => Err(TracerError::from_io(&format!("loading {program}"), &error)),
        None => Ok(()),
    }
}

fn load(prog_type: u32, expected_attach_type: u32, attach_btf_id: u32) -> io::Result<OwnedFd> {
    let attributes = Attributes {
        prog_type,
        insn_cnt: NOTHING.len() as u32,
        insns: NOTHING.as_ptr().expose_provenance() as u64,
        license: c"GPL".as_ptr().expose_provenance() as u64,
        expected_attach_type,
        attach_btf_id,
        ..Attributes::default()
    };
    // SAFETY: the kernel reads the attributes, so many instructions and the licence, all of which
    // outlive the call, and writes nothing: there is no buffer for a log.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_PROG_LOAD,
            &raw const attributes,
            size_of::<Attributes>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor, which nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(result as i32) })
}
