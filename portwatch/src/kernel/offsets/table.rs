use portwatch_common::Offsets;

/// A member, the shape that the kernel side reads it in, and where its offset goes.
pub(super) struct Entry {
    pub structure: &'static str,
    pub member: &'static str,
    pub shape: Shape,
    pub field: fn(&mut Offsets) -> &mut u32,
}

/// What the kernel side takes a member for.
pub(super) enum Shape {
    /// A pointer.
    Pointer,
    /// An embedded structure, of which only the place is used.
    Struct,
    /// A value of so many bytes.
    Bytes(u32),
    /// One element of an array of 64-bit words.
    #[cfg_attr(
        target_arch = "x86_64",
        expect(dead_code, reason = "arm64 keeps its registers in an array")
    )]
    Words { index: u32 },
}

use Shape::{Bytes, Pointer, Struct};

const fn entry(
    structure: &'static str,
    member: &'static str,
    shape: Shape,
    field: fn(&mut Offsets) -> &mut u32,
) -> Entry {
    Entry {
        structure,
        member,
        shape,
        field,
    }
}

/// Every member that all supported kernels have in one shape.
#[rustfmt::skip]
pub(super) const ENTRIES: &[Entry] = &[
    entry("sock_common", "skc_daddr", Bytes(4), |o| &mut o.sock_common_skc_daddr),
    entry("sock_common", "skc_rcv_saddr", Bytes(4), |o| &mut o.sock_common_skc_rcv_saddr),
    entry("sock_common", "skc_dport", Bytes(2), |o| &mut o.sock_common_skc_dport),
    entry("sock_common", "skc_num", Bytes(2), |o| &mut o.sock_common_skc_num),
    entry("sock_common", "skc_family", Bytes(2), |o| &mut o.sock_common_skc_family),
    entry("sock_common", "skc_state", Bytes(1), |o| &mut o.sock_common_skc_state),
    entry("sock_common", "skc_bound_dev_if", Bytes(4), |o| &mut o.sock_common_skc_bound_dev_if),
    entry("sock_common", "skc_net.net", Pointer, |o| &mut o.sock_common_skc_net),
    entry("sock_common", "skc_v6_daddr", Bytes(16), |o| &mut o.sock_common_skc_v6_daddr),
    entry("sock_common", "skc_v6_rcv_saddr", Bytes(16), |o| &mut o.sock_common_skc_v6_rcv_saddr),
    entry("sock_common", "skc_nulls_node.pprev", Pointer, |o| &mut o.sock_common_skc_nulls_node_pprev),
    entry("sock", "sk_protocol", Bytes(2), |o| &mut o.sock_sk_protocol),
    entry("inet_sock", "inet_sport", Bytes(2), |o| &mut o.inet_sock_inet_sport),
    entry("tcp_sock", "write_seq", Bytes(4), |o| &mut o.tcp_sock_write_seq),
    entry("inet_connection_sock", "icsk_bind_hash", Pointer, |o| &mut o.inet_connection_sock_icsk_bind_hash),
    entry("inet_bind_bucket", "fastreuse", Bytes(1), |o| &mut o.inet_bind_bucket_fastreuse),
    entry("inet_bind_bucket", "fastreuseport", Bytes(1), |o| &mut o.inet_bind_bucket_fastreuseport),
    entry("inet_timewait_sock", "tw_substate", Bytes(1), |o| &mut o.inet_timewait_sock_tw_substate),
    entry("inet_timewait_sock", "tw_timer", Struct, |o| &mut o.inet_timewait_sock_tw_timer),
    entry("inet_timewait_sock", "tw_tb", Pointer, |o| &mut o.inet_timewait_sock_tw_tb),
    entry("timer_list", "function", Pointer, |o| &mut o.timer_list_function),
    entry("timer_list", "entry.pprev", Pointer, |o| &mut o.timer_list_entry_pprev),
    entry("net", "ns.ops", Pointer, |o| &mut o.net_ns_ops),
    entry("net", "ns.inum", Bytes(4), |o| &mut o.net_ns_inum),
    entry("net", "list", Struct, |o| &mut o.net_list),
    entry("net", "ipv4.sysctl_local_reserved_ports", Pointer, |o| &mut o.net_sysctl_local_reserved_ports),
    entry("net", "hash_mix", Bytes(4), |o| &mut o.net_hash_mix),
    entry("inet_hashinfo", "bhash", Pointer, |o| &mut o.inet_hashinfo_bhash),
    entry("inet_hashinfo", "bhash_size", Bytes(4), |o| &mut o.inet_hashinfo_bhash_size),
    entry("inet_hashinfo", "ehash", Pointer, |o| &mut o.inet_hashinfo_ehash),
    entry("inet_hashinfo", "ehash_mask", Bytes(4), |o| &mut o.inet_hashinfo_ehash_mask),
    entry("seq_file", "private", Pointer, |o| &mut o.seq_file_private),
    entry("inet_bind_hashbucket", "chain", Struct, |o| &mut o.inet_bind_hashbucket_chain),
    entry("inet_bind_bucket", "ib_net.net", Pointer, |o| &mut o.inet_bind_bucket_ib_net),
    entry("inet_bind_bucket", "l3mdev", Bytes(4), |o| &mut o.inet_bind_bucket_l3mdev),
    entry("inet_bind_bucket", "port", Bytes(2), |o| &mut o.inet_bind_bucket_port),
    entry("inet_bind_bucket", "node", Struct, |o| &mut o.inet_bind_bucket_node),
    entry("tcp_timewait_sock", "tw_ts_recent_stamp", Bytes(4), |o| &mut o.tcp_timewait_sock_tw_ts_recent_stamp),
    entry("task_struct", "nsproxy", Pointer, |o| &mut o.task_struct_nsproxy),
    entry("nsproxy", "net_ns", Pointer, |o| &mut o.nsproxy_net_ns),
    entry("task_struct", "files", Pointer, |o| &mut o.task_struct_files),
    entry("files_struct", "fdt", Pointer, |o| &mut o.files_struct_fdt),
    entry("fdtable", "max_fds", Bytes(4), |o| &mut o.fdtable_max_fds),
    entry("fdtable", "fd", Pointer, |o| &mut o.fdtable_fd),
    entry("file", "private_data", Pointer, |o| &mut o.file_private_data),
    entry("socket", "sk", Pointer, |o| &mut o.socket_sk),
    entry("pt_regs", SYSCALL_ARGUMENT0.0, SYSCALL_ARGUMENT0.1, |o| &mut o.pt_regs_syscall_argument0),
    entry("pt_regs", SYSCALL.0, SYSCALL.1, |o| &mut o.pt_regs_syscall),
    entry("pt_regs", ARGUMENT0.0, ARGUMENT0.1, |o| &mut o.pt_regs_argument0),
    entry("pt_regs", ARGUMENT1.0, ARGUMENT1.1, |o| &mut o.pt_regs_argument1),
];

/// Number of the system call and the first two arguments, in the saved registers.
#[cfg(target_arch = "x86_64")]
const SYSCALL: (&str, Shape) = ("orig_ax", Bytes(8));
#[cfg(target_arch = "x86_64")]
const SYSCALL_ARGUMENT0: (&str, Shape) = ARGUMENT0;
#[cfg(target_arch = "x86_64")]
const ARGUMENT0: (&str, Shape) = ("di", Bytes(8));
#[cfg(target_arch = "x86_64")]
const ARGUMENT1: (&str, Shape) = ("si", Bytes(8));
#[cfg(target_arch = "aarch64")]
const SYSCALL: (&str, Shape) = ("syscallno", Bytes(4));
/// The return value takes the place of the first argument (`syscall_set_return_value`).
#[cfg(target_arch = "aarch64")]
const SYSCALL_ARGUMENT0: (&str, Shape) = ("orig_x0", Bytes(8));
#[cfg(target_arch = "aarch64")]
const ARGUMENT0: (&str, Shape) = ("regs", Shape::Words { index: 0 });
#[cfg(target_arch = "aarch64")]
const ARGUMENT1: (&str, Shape) = ("regs", Shape::Words { index: 1 });
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("portwatch knows the saved registers of x86-64 and arm64 only");
