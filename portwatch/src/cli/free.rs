use clap::Args;

use super::{AskArgs, LogArgs};

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
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's help"
    )]
    pub ask: AskArgs,
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
