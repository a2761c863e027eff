//! Clients that bind before they connect: each takes its port away from every other connection of
//! the namespace, whatever the peer.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::OwnedFd,
};

use anyhow::{Context as _, Result};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

/// Some of them; they leave when dropped.
pub struct BoundClients {
    _clients: Vec<OwnedFd>,
}

impl BoundClients {
    /// So many connect, in the namespace of the calling thread.
    ///
    /// # Errors
    /// When there are not so many ports.
    pub fn connect(count: u32, server: SocketAddrV4) -> Result<Self> {
        let client = |_| {
            let client = socket(AddressFamily::INET, SocketType::STREAM, None)?;
            bind(&client, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
            connect(&client, &server)?;
            Ok(client)
        };
        let clients: rustix::io::Result<Vec<OwnedFd>> = (0..count).map(client).collect();
        Ok(Self {
            _clients: clients.context("connecting clients that are bound")?,
        })
    }
}
