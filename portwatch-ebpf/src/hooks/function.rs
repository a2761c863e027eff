//! Kernel functions, as the `fentry` and the `kprobe` hook set meet them.

use crate::{
    accounting::{leave, transfer},
    attempt::{self, Failure},
    socket::Socket,
};

const EADDRNOTAVAIL: i32 = 99;

/// `inet_hash_connect` or `inet6_hash_connect` is entered.
#[inline(always)]
pub fn hash_connect(sk: Option<impl Socket>) {
    if let Some(sk) = sk {
        attempt::search_begins(sk);
    }
}

/// One of them returns.
#[inline(always)]
pub fn hash_connect_returned(sk: Option<impl Socket>, ret: i32) {
    let Some(sk) = sk else { return };
    if ret == 0 {
        attempt::search_succeeded(sk);
    } else if ret == -EADDRNOTAVAIL {
        attempt::search_failed(sk, Failure::NoPort);
    } else {
        attempt::search_failed(sk, Failure::NoMemory);
    }
}

/// `tcp_fastopen_defer_connect`, called behind every search that succeeded and by nobody else.
#[inline(always)]
pub fn defer_connect(sk: Option<impl Socket>) {
    if let Some(sk) = sk {
        attempt::search_succeeded(sk);
    }
}

/// `inet_unhash`.
#[inline(always)]
pub fn unhash(sk: Option<impl Socket>) {
    if let Some(sk) = sk {
        attempt::unhash(sk);
    }
}

/// `inet_twsk_hashdance` or `inet_twsk_hashdance_schedule` is entered: at its end, another CPU can
/// already have ended the mini-socket.
#[inline(always)]
pub fn hashdance(mini: u64, sk: u64) {
    transfer(sk, mini);
}

/// `inet_twsk_kill`, `tcp_twsk_destructor`, `tcp_v4_destroy_sock`: whatever it was, it is no more.
/// The destructors come after every reference is gone, that of a walk included.
#[inline(always)]
pub fn gone(socket: u64) {
    leave(socket);
}
