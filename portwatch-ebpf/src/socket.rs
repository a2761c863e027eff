//! Sockets as the hooks meet them: by a pointer whose type the verifier knows, by an address
//! alone, or as a TIME_WAIT mini-socket.

use core::{ffi::c_void, mem::MaybeUninit};

use aya_ebpf::helpers::generated::bpf_skc_to_tcp_sock;
use portwatch_common::{NO_MEMBER, SOCK_COMMON_COPY, TIME_WAIT_COPY};

use crate::{
    kernel::{connect_owned, netns_key_at, probe, probe_into, read},
    located::{Located, locate, tuple_key},
    settings::offset,
};

/// `include/net/sock.h`, since 6.18 and 6.17.13: connect chose the port.
const SOCK_CONNECT_BIND: u8 = 16;

/// A full TCP socket.
pub trait Socket: Copy {
    /// Its address, which names it.
    fn address(self) -> u64;
    /// A member of its `struct tcp_sock`.
    fn member<T: Copy>(self, offset: u32) -> Option<T>;
    /// Its tuple.
    fn locate(self) -> Option<Located>;

    /// True when connect chose the local port of a connected socket, not bind.
    ///
    /// Since 6.18 the socket says so itself. Before, only its bind bucket can: connect's search
    /// makes buckets with both fields negative (`__inet_hash_connect`), bind never does; a bind
    /// that joined later turns the bucket, and with it this answer.
    #[inline(always)]
    fn autobound(self) -> bool {
        if offset!(inet_timewait_sock_tw_connect_bind) != NO_MEMBER
            && offset!(sock_sk_userlocks) != NO_MEMBER
        {
            return self
                .member::<u8>(offset!(sock_sk_userlocks))
                .is_some_and(|locks| locks & SOCK_CONNECT_BIND != 0);
        }
        self.member(offset!(inet_connection_sock_icsk_bind_hash))
            .is_some_and(connect_owned)
    }
}

/// A `struct tcp_sock` behind a pointer whose type the verifier knows: loads need no helper.
#[derive(Clone, Copy)]
pub struct Typed(*const c_void);

impl Typed {
    /// From a pointer to `struct sock` or `struct sock_common`; none for what is no TCP socket.
    #[inline(always)]
    pub fn new(sk: *const c_void) -> Option<Self> {
        // SAFETY: the helper takes any socket, checks and converts.
        let tcp: *const c_void = unsafe { bpf_skc_to_tcp_sock(sk.cast_mut()).cast() };
        (!tcp.is_null()).then_some(Self(tcp))
    }
}

impl Socket for Typed {
    #[inline(always)]
    fn address(self) -> u64 {
        self.0 as u64
    }

    #[inline(always)]
    fn member<T: Copy>(self, offset: u32) -> Option<T> {
        // SAFETY: the verifier knows the pointer's type; the offsets' sizes were checked.
        Some(unsafe { read(self.0, offset) })
    }

    #[inline(always)]
    fn locate(self) -> Option<Located> {
        // SAFETY: as above.
        unsafe { locate(self.0) }
    }
}

/// A socket of which only the address is known, as a kprobe meets it.
#[derive(Clone, Copy)]
pub struct Probed(pub u64);

impl Socket for Probed {
    #[inline(always)]
    fn address(self) -> u64 {
        self.0
    }

    #[inline(always)]
    fn member<T: Copy>(self, offset: u32) -> Option<T> {
        probe(self.0 + u64::from(offset))
    }

    #[inline(always)]
    fn locate(self) -> Option<Located> {
        Common::at(self.0).read()?.locate()
    }
}

/// A copy of so many words of a socket's start. Filled in place: moved, it would take the stack
/// twice.
pub struct Start<const WORDS: usize> {
    copy: MaybeUninit<[u64; WORDS]>,
    address: u64,
}

/// What every socket begins with.
pub type Common = Start<{ SOCK_COMMON_COPY / 8 }>;
/// A TIME_WAIT mini-socket.
pub type TimeWait = Start<{ TIME_WAIT_COPY / 8 }>;

impl<const WORDS: usize> Start<WORDS> {
    /// Room for the copy of the socket at this address.
    #[inline(always)]
    pub fn at(address: u64) -> Self {
        Self {
            copy: MaybeUninit::uninit(),
            address,
        }
    }

    /// Copies.
    #[inline(always)]
    pub fn read(&mut self) -> Option<&Self> {
        probe_into(&mut self.copy, self.address).then_some(self)
    }

    /// Its tuple.
    #[inline(always)]
    pub fn locate(&self) -> Option<Located> {
        let net: u64 = self.member(offset!(sock_common_skc_net));
        let netns = netns_key_at(net)?;
        // SAFETY: every member that `tuple_key` reads lies inside the copy.
        let key = unsafe { tuple_key(self.copy.as_ptr().cast(), netns)? };
        Some(Located { key, net })
    }

    /// Local port, host order.
    #[inline(always)]
    pub fn local_port(&self) -> u16 {
        self.member(offset!(sock_common_skc_num))
    }

    #[inline(always)]
    fn member<T: Copy>(&self, offset: u32) -> T {
        // SAFETY: the loader checked that the member lies inside the copy.
        unsafe { read(self.copy.as_ptr().cast(), offset) }
    }
}

impl Common {
    /// TCP state.
    #[inline(always)]
    pub fn state(&self) -> u8 {
        self.member(offset!(sock_common_skc_state))
    }
}

impl TimeWait {
    /// True when connect chose its port: by its own flag, else (before 6.17.13) by its bucket.
    #[inline(always)]
    pub fn autobound(&self) -> bool {
        if offset!(inet_timewait_sock_tw_connect_bind) != NO_MEMBER {
            let byte: u8 = self.member(offset!(inet_timewait_sock_tw_connect_bind));
            return byte >> (offset!(inet_timewait_sock_tw_connect_bind_bit) & 7) & 1 == 1;
        }
        mini_autobound(self.address)
    }

    /// FIN_WAIT2 or TIME_WAIT.
    #[inline(always)]
    pub fn substate(&self) -> u8 {
        self.member(offset!(inet_timewait_sock_tw_substate))
    }
}

/// True when connect chose the port of the mini-socket at an address, by its bucket: for kernels
/// where it has no flag of its own.
#[inline(always)]
pub fn mini_autobound(address: u64) -> bool {
    probe(address + u64::from(offset!(inet_timewait_sock_tw_tb))).is_some_and(connect_owned)
}

/// The socket behind a `struct file`: none, or garbage, where it is not a socket's.
#[inline(always)]
pub fn socket_of(file: u64) -> Option<u64> {
    let socket: u64 = probe(file + u64::from(offset!(file_private_data)))?;
    probe(socket.wrapping_add(u64::from(offset!(socket_sk))))
}
