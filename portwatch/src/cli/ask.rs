use std::net::IpAddr;

use clap::Args;

use crate::{
    kernel::netns::Selector,
    model::{Ask, PortRange, parse_ip, parse_port_range},
};

/// Which tuple, and for what sockets.
#[derive(Args, Clone, Debug)]
pub struct AskArgs {
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
}
