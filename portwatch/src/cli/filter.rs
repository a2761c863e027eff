use clap::Args;
use ipnet::IpNet;

use crate::{kernel::netns::Selector, model::parse_peer};

/// Which tuples.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Filters (repeat one for alternatives)")]
pub struct TupleArgs {
    /// Only this network namespace: name, container id, inode number or path
    #[arg(short = 'N', long, value_name = "NETNS", value_delimiter = ',')]
    pub netns: Vec<Selector>,
    /// Only connections to this peer address or block
    #[arg(long, value_name = "IP|CIDR", value_delimiter = ',', value_parser = parse_peer)]
    pub peer: Vec<IpNet>,
    /// Only connections to this peer port
    #[arg(short = 'P', long, value_name = "PORT", value_delimiter = ',')]
    pub port: Vec<u16>,
}
