use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
        netlink::{SOCK_DIAG, SocketAddrNetlink},
        recv, sendto, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
};
use zerocopy::{FromBytes, IntoBytes};

use super::{
    LISTEN, Socket, Which,
    opened::INFO,
    wire::{Header, Request, Response, SocketId},
};
use crate::model::state;

/// Larger than the kernel makes a dump's messages (32 KiB, `netlink_dump`).
const BUFFER: usize = 1 << 16;
/// Bound of the wait for the next part of a dump, which the kernel makes within the call.
const PATIENCE: Duration = Duration::from_secs(10);
/// States 1 to 12 of include/net/tcp_states.h.
const ALL_STATES: u32 = 0b1_1111_1111_1110;
const SEQUENCE: u32 = 1;
/// include/uapi/linux/sock_diag.h.
const SOCK_DIAG_BY_FAMILY: i32 = 20;

/// How a dump ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Complete,
    /// What was dumped changed meanwhile (`NLM_F_DUMP_INTR`).
    Interrupted,
}

impl Outcome {
    pub fn or(self, other: Self) -> Self {
        if self == Self::Complete { other } else { self }
    }
}

/// A dump in progress.
pub(super) struct Dump {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl Dump {
    /// Asks for the sockets of a family.
    pub fn start(family: AddressFamily, which: Which) -> io::Result<Self> {
        let fd = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(SOCK_DIAG),
        )?;
        set_socket_timeout(&fd, Timeout::Recv, Some(PATIENCE))?;
        let states = match which {
            Which::Connections => ALL_STATES & !(1 << LISTEN),
            Which::Listeners => 1 << LISTEN,
            Which::All => ALL_STATES,
            // Kernels that don't know the last one ignore it.
            Which::Holders => ALL_STATES | 1 << state::BOUND_INACTIVE,
        };
        let extensions = match which {
            Which::Holders => 1 << (INFO - 1),
            _ => 0,
        };
        let request = Request {
            header: Header {
                len: (size_of::<Request>() as u32).into(),
                kind: (SOCK_DIAG_BY_FAMILY as u16).into(),
                flags: ((libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16).into(),
                sequence: SEQUENCE.into(),
                port: 0.into(),
            },
            family: family.as_raw() as u8,
            protocol: libc::IPPROTO_TCP as u8,
            extensions,
            padding: 0,
            states: states.into(),
            id: SocketId::default(),
        };
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&fd, request.as_bytes(), SendFlags::empty(), &kernel)?;
        Ok(Self {
            fd,
            buffer: vec![0; BUFFER],
        })
    }

    /// Takes the dump in, socket by socket.
    pub fn run(&mut self, mut step: impl FnMut(Socket)) -> io::Result<Outcome> {
        let mut outcome = Outcome::Complete;
        loop {
            let len = self.receive()?;
            let mut rest = self.buffer.get(..len).unwrap_or_default();
            if rest.is_empty() {
                return Err(malformed("an empty message"));
            }
            while !rest.is_empty() {
                let (message, next) = split(rest)?;
                rest = next;
                if message.header.flags.get() & libc::NLM_F_DUMP_INTR as u16 != 0 {
                    outcome = Outcome::Interrupted;
                }
                match message.read()? {
                    Message::Socket(socket) => step(socket),
                    Message::Other => {}
                    Message::Done => return Ok(outcome),
                }
            }
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        loop {
            match recv(&self.fd, self.buffer.as_mut_slice(), RecvFlags::TRUNC) {
                Ok((_, len)) if len > self.buffer.len() => {
                    return Err(malformed("a message larger than the buffer"));
                }
                Ok((len, _)) => return Ok(len),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

struct Raw<'a> {
    header: &'a Header,
    payload: &'a [u8],
}

enum Message {
    Socket(Socket),
    Done,
    Other,
}

/// Splits the first message off; messages begin at multiples of 4 bytes.
fn split(bytes: &[u8]) -> io::Result<(Raw<'_>, &[u8])> {
    let cut = || malformed("a message cut short");
    let (header, behind) = Header::ref_from_prefix(bytes).map_err(|_| cut())?;
    let len = header.len.get() as usize;
    let payload_len = len.checked_sub(size_of::<Header>()).ok_or_else(cut)?;
    let payload = behind.get(..payload_len).ok_or_else(cut)?;
    let next = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    Ok((Raw { header, payload }, next))
}

impl Raw<'_> {
    fn read(&self) -> io::Result<Message> {
        match i32::from(self.header.kind.get()) {
            libc::NLMSG_ERROR => {
                self.status()?;
                Err(malformed("an error message without an error"))
            }
            libc::NLMSG_DONE => {
                self.status()?;
                Ok(Message::Done)
            }
            SOCK_DIAG_BY_FAMILY => {
                let (response, attributes) = Response::ref_from_prefix(self.payload)
                    .map_err(|_| malformed("a socket cut short"))?;
                Ok(response
                    .socket(attributes)
                    .map_or(Message::Other, Message::Socket))
            }
            _ => Ok(Message::Other),
        }
    }

    /// The error number, negative, that `NLMSG_ERROR` and `NLMSG_DONE` begin with.
    fn status(&self) -> io::Result<()> {
        match self
            .payload
            .first_chunk()
            .map(|word| i32::from_ne_bytes(*word))
        {
            Some(error) if error < 0 => Err(io::Error::from_raw_os_error(error.saturating_neg())),
            _ => Ok(()),
        }
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("netlink sent {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Message, split};

    proptest! {
        #[test]
        fn any_bytes_end_in_messages_or_an_error(
            mut bytes in prop::collection::vec(any::<u8>(), 0..256),
            len in 0_u32..100,
        ) {
            if let Some(first) = bytes.first_chunk_mut() {
                *first = len.to_ne_bytes();
            }
            let mut rest = bytes.as_slice();
            while let Ok((raw, next)) = split(rest) {
                prop_assert!(next.len() < rest.len());
                let _ = raw.read();
                rest = next;
            }
        }
    }

    #[test]
    fn errors_and_ends_are_told_apart() {
        let message = |kind: u16, payload: i32| {
            let mut bytes = 20_u32.to_ne_bytes().to_vec();
            bytes.extend(kind.to_ne_bytes());
            bytes.extend([0; 10]);
            bytes.extend(payload.to_ne_bytes());
            split(&bytes).unwrap().0.read()
        };
        assert!(matches!(message(3, 0), Ok(Message::Done)));
        let error = |result: std::io::Result<Message>| result.err().unwrap().raw_os_error();
        assert_eq!(error(message(3, -libc::ENOMEM)), Some(libc::ENOMEM));
        assert_eq!(error(message(2, -libc::EPERM)), Some(libc::EPERM));
        assert_eq!(error(message(2, 0)), None);
    }
}
