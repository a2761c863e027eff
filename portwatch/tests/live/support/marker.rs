//! A failure that surely is an exhaustion, to know that everything before it was reported.

use std::net::SocketAddr;

use super::{
    event::Event,
    netns::Netns,
    server,
    socket::{self, Family},
    watcher::Watcher,
};

const PORT: u16 = 9999;

/// Exhausts a tuple of its own, waits for the report, and returns every event before it.
///
/// For namespaces whose range is small; IPv4 loopback only.
pub fn events_before(netns: &Netns, watcher: &Watcher) -> Vec<Event> {
    let _server = server::listen(netns, PORT);
    let peer = SocketAddr::from(([127, 0, 0, 1], PORT));
    let open = netns.run(|| socket::exhaust(Family::V4, peer));
    let before = watcher.wait_for("the marker", |events| {
        let is_marker = |event: &Event| event.is("exhausted") && event.peer() == Some(peer);
        Some(events[..events.iter().position(is_marker)?].to_vec())
    });
    open.iter().for_each(socket::disconnect);
    before
        .into_iter()
        .filter(|event| event.peer() != Some(peer))
        .collect()
}
