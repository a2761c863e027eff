//! Socket addresses, as system calls are given them.

use core::{mem::MaybeUninit, ptr};

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use portwatch_common::v4_mapped;

use crate::{
    kernel::probe,
    located::{AF_INET, AF_INET6},
};

/// Where the address of a call lies.
#[derive(Clone, Copy)]
pub enum Address {
    /// In the running task's memory.
    User(u64),
    /// In the kernel's.
    Kernel(u64),
}

/// The beginning that `struct sockaddr_in` and `struct sockaddr_in6` have in common. The next word
/// is the address of the former.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SocketAddress {
    pub family: u16,
    /// Network order.
    pub port: u16,
    address: u32,
}

impl Address {
    /// Its beginning.
    #[inline(always)]
    pub fn start(self) -> Option<SocketAddress> {
        self.value(0)
    }

    /// Its IP address, of this family; `start` is its beginning. None of another family.
    #[inline(always)]
    pub fn ip(self, family: u16, start: &SocketAddress) -> Option<[u64; 2]> {
        match family {
            AF_INET => Some(v4_mapped(start.address)),
            AF_INET6 => self.value(size_of::<SocketAddress>() as u64),
            _ => None,
        }
    }

    /// The value so many bytes behind it.
    #[inline(always)]
    fn value<T: Copy>(self, offset: u64) -> Option<T> {
        match self {
            Self::User(address) => from_user(address.wrapping_add(offset)),
            Self::Kernel(address) => probe(address.wrapping_add(offset)),
        }
    }
}

/// A value of the running task's memory.
#[inline(always)]
fn from_user<T: Copy>(address: u64) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper writes exactly the size of `T`, or fails, whatever the address is.
    let result = unsafe {
        bpf_probe_read_user(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            ptr::with_exposed_provenance(address as usize),
        )
    };
    // SAFETY: filled when the helper returned 0.
    (result == 0).then(|| unsafe { value.assume_init() })
}
