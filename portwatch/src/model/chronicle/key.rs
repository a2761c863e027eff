use std::net::IpAddr;

use crate::model::{NetnsId, Tuple};

/// A namespace by what stays the same: its name may become known later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::model) enum Netns {
    Cookie(u64),
    Inum(u32),
}

/// A tuple by what stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::model) struct Key {
    netns: Netns,
    bound_dev: u32,
    local_ip: Option<IpAddr>,
    peer_ip: IpAddr,
    peer_port: u16,
}

impl Netns {
    pub fn of(id: &NetnsId) -> Self {
        match id.cookie {
            0 => Self::Inum(id.inum),
            cookie => Self::Cookie(cookie),
        }
    }
}

impl Key {
    pub fn of(tuple: &Tuple) -> Self {
        Self {
            netns: Netns::of(&tuple.netns),
            bound_dev: tuple.bound_dev,
            local_ip: tuple.local_ip,
            peer_ip: tuple.peer_ip,
            peer_port: tuple.peer_port,
        }
    }

    /// The same, whatever device its sockets are bound to.
    pub fn on_any_device(self) -> Self {
        Self {
            bound_dev: 0,
            ..self
        }
    }
}
