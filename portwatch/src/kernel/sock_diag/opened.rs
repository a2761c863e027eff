//! Which end opened a connection, by what the kernel counts of its bytes.

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    byteorder::{NativeEndian, U16, U32, U64},
};

use crate::model::{Opened, state};

/// `INET_DIAG_INFO` of include/uapi/linux/inet_diag.h.
pub(super) const INFO: u16 = 2;

type Half = U16<NativeEndian>;
type Word = U32<NativeEndian>;
type Long = U64<NativeEndian>;

/// `struct nlattr`; attributes begin at multiples of 4 bytes.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Attribute {
    len: Half,
    kind: Half,
}

/// The beginning of `struct tcp_info`, as far as 4.19 and later have it.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct TcpInfo {
    _before: [u8; 120],
    bytes_acked: Long,
    _between: [u8; 16],
    notsent_bytes: Word,
    _further: [u8; 52],
    bytes_sent: Long,
    bytes_retrans: Long,
}

/// Reads it from the attributes behind a socket in this state, with so many bytes in its write queue.
pub(super) fn opened(state: u8, write_queue: u32, attributes: &[u8]) -> Option<Opened> {
    let info = attribute(attributes, INFO)?;
    let (info, _) = TcpInfo::ref_from_prefix(info).ok()?;
    info.opened(state, write_queue)
}

impl TcpInfo {
    /// `bytes_acked` counts how far `snd_una` has moved, from the SYN for the end that sent it
    /// (`tcp_rcv_synsent_state_process`), and from behind the SYN for the end that was accepted
    /// (`tcp_create_openreq_child`); `bytes_sent` counts data only (`__tcp_transmit_skb`). So what
    /// was acknowledged or is under way is one more than the data sent for the end that connected.
    /// 5.10 to 6.18. One that moves while it is read may tell something else: then nobody can tell.
    fn opened(&self, state: u8, write_queue: u32) -> Option<Opened> {
        let not_sent = self.notsent_bytes.get();
        let data = self.bytes_sent.get().wrapping_sub(self.bytes_retrans.get());
        let under_way = u64::from(write_queue).wrapping_sub(not_sent.into());
        let moved = self.bytes_acked.get().wrapping_add(under_way);
        // A FIN takes a number of the sequence, too, once it is sent.
        let fin = match state {
            state::FIN_WAIT1 | state::FIN_WAIT2 | state::LAST_ACK | state::CLOSING => {
                u64::from(not_sent == 0)
            }
            state::ESTABLISHED | state::CLOSE_WAIT => 0,
            _ => return None,
        };
        match moved.wrapping_sub(data).wrapping_sub(fin) {
            0 => Some(Opened::There),
            1 => Some(Opened::Here),
            _ => None,
        }
    }
}

/// The first attribute of a kind.
fn attribute(mut bytes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let (attribute, behind) = Attribute::ref_from_prefix(bytes).ok()?;
        let len = usize::from(attribute.len.get());
        let value = behind.get(..len.checked_sub(size_of::<Attribute>())?)?;
        if attribute.kind.get() == kind {
            return Some(value);
        }
        bytes = bytes.get(len.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{INFO, Opened, opened, state};

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(value.len() + 4)
            .unwrap()
            .to_ne_bytes()
            .to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn info(acked: u64, not_sent: u32, sent: u64, again: u64) -> Vec<u8> {
        let mut info = vec![0; 240];
        info[120..128].copy_from_slice(&acked.to_ne_bytes());
        info[144..148].copy_from_slice(&not_sent.to_ne_bytes());
        info[200..208].copy_from_slice(&sent.to_ne_bytes());
        info[208..216].copy_from_slice(&again.to_ne_bytes());
        [attribute(8, &[0]), attribute(INFO, &info)].concat()
    }

    #[test]
    fn tells_the_ends_apart_as_the_kernel_counts() {
        let here = |state, queue, info: Vec<u8>| opened(state, queue, &info);
        // As getsockopt(TCP_INFO) showed them on 6.18.
        let full = info(127_977, 3_723_776, 184_296, 56_320);
        assert_eq!(
            here(state::ESTABLISHED, 3_723_776, full),
            Some(Opened::Here)
        );
        let server = info(77, 0, 77, 0);
        assert_eq!(here(state::ESTABLISHED, 0, server), Some(Opened::There));
        let closed = info(78, 0, 77, 0);
        assert_eq!(here(state::FIN_WAIT2, 0, closed), Some(Opened::There));
        let closing = info(1, 0, 0, 0);
        assert_eq!(here(state::FIN_WAIT1, 1, closing), Some(Opened::Here));
    }

    #[test]
    fn what_makes_no_sense_tells_nothing() {
        assert_eq!(opened(state::ESTABLISHED, 0, &info(500, 0, 77, 0)), None);
        assert_eq!(
            opened(state::ESTABLISHED, 0, &info(0, 9, 0, u64::MAX)),
            None
        );
        assert_eq!(opened(state::LISTEN, 0, &info(0, 0, 0, 0)), None);
        assert_eq!(opened(state::ESTABLISHED, 0, &[]), None);
        assert_eq!(
            opened(state::ESTABLISHED, 0, &attribute(INFO, &[0; 104])),
            None
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            state in 0_u8..14,
            queue: u32,
        ) {
            let _ = opened(state, queue, &bytes);
            let _ = opened(state, queue, &attribute(INFO, &bytes));
        }
    }
}
