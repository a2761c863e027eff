//! A cable between two namespaces, where loopback will not do.

use std::net::Ipv4Addr;

use super::{netns::Netns, process::ip};

/// Address of the first namespace.
pub const NEAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Address of the second namespace.
pub const FAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// An address on the cable that nobody has.
pub const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);

/// Connects two named namespaces: [`NEAR`] in `near`, [`FAR`] in `far`.
pub fn connect(near: &Netns, far: &Netns) {
    let name = |netns: &Netns| netns.name().expect("a named namespace").to_owned();
    let far_name = name(far);
    let peer = ["peer", "name", "veth0", "netns", &far_name];
    ip(&[
        &["-n", &name(near), "link", "add", "veth0", "type", "veth"][..],
        &peer,
    ]
    .concat());
    for (netns, address) in [(near, NEAR), (far, FAR)] {
        netns.command(
            "ip",
            &["address", "add", &format!("{address}/24"), "dev", "veth0"],
        );
        netns.command("ip", &["link", "set", "veth0", "up"]);
    }
}
