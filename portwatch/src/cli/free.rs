use std::net::IpAddr;

use clap::Args;

use super::LogArgs;
use crate::{
    kernel::netns::Selector,
    model::{Ask, PortRange, parse_ip, parse_port_range},
};

const EXAMPLES: &str = "\
Examples:
  portwatch free 10.0.0.2:443                        from the address that the route takes
  portwatch free --local 10.0.0.7 10.0.0.2:443       from another address
  portwatch free -N web1 '127.0.0.1 -> 127.0.0.1:8080'
  portwatch free --range 40000-40999 10.0.0.2:443    for a socket with IP_LOCAL_PORT_RANGE

The headroom is the number of connections that can be opened before connect(2) fails with
EADDRNOTAVAIL, if nothing else happens meanwhile. \"6 or 7\": a range of an odd number of ports is
searched all but one, and the kernel's choice decides whether the last one is found.

Blocked ports can't be had whatever the peer, because somebody holds them through bind. Who, and what
to do, by the way they are held:
  listener               reserve its port (ip_local_reserved_ports), or move it out of the range
  bound before connect   IP_BIND_ADDRESS_NO_PORT, or no bind, in that process
  bound and idle         a socket that its process bound and does not use
  accepted               connections of a listener that is closed; the port is free when they end
  in TIME_WAIT           of a socket that was bound; it passes in a minute

Not known: ports bound inside a VRF, to sockets inside that VRF.

Exit codes: 0 answered, 1 unexpected failure, 2 bad usage, 3 missing privileges, 4 this kernel
can't run it.";

/// `portwatch free`
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct FreeArgs {
    /// The tuple: PEER:PORT, or as portwatch prints it, LOCAL -> PEER:PORT
    #[arg(value_name = "TUPLE")]
    pub tuple: Ask,
    /// In this network namespace: name, container id, inode number or path [default: this one]
    #[arg(short = 'N', long, value_name = "NETNS")]
    pub netns: Option<Selector>,
    /// Local address [default: the one that the route to the peer takes]
    #[arg(long, value_name = "IP", value_parser = parse_ip)]
    pub local: Option<IpAddr>,
    /// For sockets bound to this device (SO_BINDTODEVICE): name or index
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// For sockets with a port range of their own (IP_LOCAL_PORT_RANGE)
    #[arg(long, value_name = "LOW-HIGH", value_parser = parse_port_range)]
    pub range: Option<PortRange>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub log: LogArgs,
}
