use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The offset of a member that the running kernel does not have.
pub const NO_MEMBER: u32 = u32::MAX;

/// Bytes that the kernel side copies from the start of a `struct sock_common`, and what it reads
/// from the copy must lie inside: the user side checks that before it loads.
pub const SOCK_COMMON_COPY: usize = 96;

/// Bytes that the kernel side copies from the start of a `struct inet_timewait_sock`. Every member
/// that it reads from the copy must lie inside; the user side checks that before it loads.
pub const TIME_WAIT_COPY: usize = 168;

/// Byte offsets of structure members, resolved from the running kernel's BTF and frozen at load.
/// Named `structure_member`, nested members by their last names.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[expect(missing_docs, reason = "the names are the kernel's own")]
pub struct Offsets {
    pub sock_common_skc_daddr: u32,
    pub sock_common_skc_rcv_saddr: u32,
    pub sock_common_skc_dport: u32,
    pub sock_common_skc_num: u32,
    pub sock_common_skc_family: u32,
    pub sock_common_skc_state: u32,
    pub sock_common_skc_bound_dev_if: u32,
    pub sock_common_skc_net: u32,
    pub sock_common_skc_v6_daddr: u32,
    pub sock_common_skc_v6_rcv_saddr: u32,
    pub sock_sk_protocol: u32,
    /// [`NO_MEMBER`] where it is a bit-field (up to 6.1).
    pub sock_sk_userlocks: u32,
    pub inet_sock_inet_sport: u32,
    pub tcp_sock_write_seq: u32,
    pub inet_connection_sock_icsk_bind_hash: u32,
    pub inet_bind_bucket_fastreuse: u32,
    pub inet_bind_bucket_fastreuseport: u32,
    pub inet_timewait_sock_tw_substate: u32,
    pub inet_timewait_sock_tw_timer: u32,
    pub inet_timewait_sock_tw_tb: u32,
    /// Byte and bit of `tw_connect_bind`; [`NO_MEMBER`] before 6.17.13.
    pub inet_timewait_sock_tw_connect_bind: u32,
    pub inet_timewait_sock_tw_connect_bind_bit: u32,
    pub timer_list_function: u32,
    pub net_ns_inum: u32,
    pub net_net_cookie: u32,
    pub net_list: u32,
    pub net_ip_local_ports_range: u32,
    /// 1 where the range is `int[2]` (up to 6.1), 0 where it is `u32`, `high << 16 | low`.
    pub net_ip_local_ports_range_is_array: u32,
    pub net_sysctl_local_reserved_ports: u32,
    pub task_struct_nsproxy: u32,
    pub nsproxy_net_ns: u32,
    /// Number of the system call in the saved registers (`orig_ax`, `syscallno`).
    pub pt_regs_syscall: u32,
    /// Its second argument (`si`, `regs[1]`).
    pub pt_regs_argument1: u32,
    /// The first argument of a function or system call (`di`, `regs[0]`).
    pub pt_regs_argument0: u32,
    /// `timer_list.entry.pprev`: null when the timer is not armed.
    pub timer_list_entry_pprev: u32,
    pub net_ns_ops: u32,
    /// Null while the socket is in none of the kernel's lists of connections.
    pub sock_common_skc_nulls_node_pprev: u32,
    /// The first argument of a system call, still there when it returns (`di`, `orig_x0`).
    pub pt_regs_syscall_argument0: u32,
    pub task_struct_files: u32,
    pub files_struct_fdt: u32,
    pub fdtable_max_fds: u32,
    pub fdtable_fd: u32,
    pub file_private_data: u32,
    pub socket_sk: u32,
    pub net_hash_mix: u32,
    /// From the start of `struct net` to the pointer `hashinfo`; where `tcp_death_row` is a pointer
    /// (for a while between 5.15 and 6.1), to that pointer.
    pub net_tcp_death_row: u32,
    /// [`NO_MEMBER`] where `tcp_death_row` lies in `struct net`.
    pub inet_timewait_death_row_hashinfo: u32,
    pub net_sysctl_tcp_tw_reuse: u32,
    pub net_sysctl_tcp_timestamps: u32,
    /// Milliseconds; [`NO_MEMBER`] before 6.14.
    pub net_sysctl_tcp_tw_reuse_delay: u32,
    pub inet_hashinfo_bhash: u32,
    pub inet_hashinfo_bhash_size: u32,
    pub inet_hashinfo_ehash: u32,
    pub inet_hashinfo_ehash_mask: u32,
    pub seq_file_private: u32,
    /// Number of the bucket that a walk is at, from the start of the iterator's state;
    /// [`NO_MEMBER`] where a walk leaves out no bucket (before 5.15, and since 6.17).
    pub tcp_iter_state_bucket: u32,
    pub inet_bind_hashbucket_chain: u32,
    /// Bytes of a `struct inet_bind_hashbucket`, of which `bhash` is an array.
    pub inet_bind_hashbucket_size: u32,
    pub inet_bind_bucket_ib_net: u32,
    pub inet_bind_bucket_l3mdev: u32,
    pub inet_bind_bucket_port: u32,
    pub inet_bind_bucket_node: u32,
    pub tcp_timewait_sock_tw_ts_recent_stamp: u32,
    /// [`NO_MEMBER`] before 6.14.
    pub inet_timewait_sock_tw_entry_stamp: u32,
    /// [`NO_MEMBER`] before 6.3, but for those who took it over (6.1.192 has it).
    pub inet_sock_local_port_range: u32,
    /// 1 where that is two halves (up to 6.7), 0 where it is one word.
    pub inet_sock_local_port_range_is_struct: u32,
}

impl Offsets {
    /// All zero: the value before the loader writes the real one.
    pub const ZERO: Self = zerocopy::transmute!([0_u8; size_of::<Self>()]);
}

/// What a run of the kernel side is told at load; frozen, so that the verifier takes every value
/// as a constant and removes what is switched off.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
pub struct Config {
    /// Address of the function `tw_timer_handler`.
    pub tw_timer_handler: u64,
    /// Warning threshold, thousandths of the capacity.
    pub warning_permille: u32,
    /// Critical threshold, thousandths of the capacity.
    pub critical_permille: u32,
    /// Number of the system call connect(2).
    pub connect_syscall: u32,
    /// A port search that takes longer is slow, nanoseconds; 0 for never.
    pub slow_search_ns: u32,
    /// 1 where a mini-socket's timer is armed before the mini-socket is complete (up to 6.10): it
    /// then enters the set when its connection closes.
    pub time_wait_at_close: u32,
    /// Number of the system call bind(2).
    pub bind_syscall: u32,
    /// Number of the system call listen(2).
    pub listen_syscall: u32,
    /// Number of the system call sendto(2).
    pub sendto_syscall: u32,
    /// Number of the system call sendmsg(2).
    pub sendmsg_syscall: u32,
    /// Number of the system call sendmmsg(2).
    pub sendmmsg_syscall: u32,
}

impl Config {
    /// All zero: the value before the loader writes the real one.
    pub const ZERO: Self = zerocopy::transmute!([0_u8; size_of::<Self>()]);
}

/// What the user side changes while the programs run: the one element of the array `CONTROL`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct Control {
    /// Generation that the current walk marks sockets with.
    pub generation: u32,
    /// Tuples of the census so far; counted by the kernel side.
    pub census_tuples: u32,
    /// The present second of `CLOCK_MONOTONIC`, late by up to a few: for ages, which need no more,
    /// it spares every connection a look at the clock.
    pub second: u32,
}
