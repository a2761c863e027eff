//! TCP states by the kernel's numbers, `include/net/tcp_states.h`; the same since 4.4.

/// Connected.
pub const ESTABLISHED: u8 = 1;
/// connect(2) sent its SYN.
pub const SYN_SENT: u8 = 2;
/// Answered a SYN.
pub const SYN_RECV: u8 = 3;
/// Closed here, not acknowledged yet.
pub const FIN_WAIT1: u8 = 4;
/// Closed here, acknowledged; the peer has not closed.
pub const FIN_WAIT2: u8 = 5;
/// Closed by both; the port stays taken for a minute.
pub const TIME_WAIT: u8 = 6;
/// Not connected.
pub const CLOSE: u8 = 7;
/// Closed by the peer, not here.
pub const CLOSE_WAIT: u8 = 8;
/// Closed by the peer, then here.
pub const LAST_ACK: u8 = 9;
/// Listening.
pub const LISTEN: u8 = 10;
/// Closed by both at once.
pub const CLOSING: u8 = 11;
/// A connection request that waits for its last acknowledgement.
pub const NEW_SYN_RECV: u8 = 12;
/// Bound, neither listening nor connected; since 6.8, in requests to sock_diag only.
pub const BOUND_INACTIVE: u8 = 13;

/// The states of connections, by name.
pub const NAMES: [(u8, &str); 9] = [
    (ESTABLISHED, "established"),
    (SYN_SENT, "syn_sent"),
    (SYN_RECV, "syn_recv"),
    (FIN_WAIT1, "fin_wait1"),
    (FIN_WAIT2, "fin_wait2"),
    (TIME_WAIT, "time_wait"),
    (CLOSE_WAIT, "close_wait"),
    (LAST_ACK, "last_ack"),
    (CLOSING, "closing"),
];
