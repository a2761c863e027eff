//! The range, and what is reserved in it.

use std::ops::RangeInclusive;

use super::room::{Client, both_hold, holds};
use crate::support::{netns::Netns, server, socket::Family};

const PORT: u16 = 8080;
const FRESH: u16 = 8081;

fn clients(family: Family) -> (Client, Client) {
    (Client::local(family, PORT), Client::local(family, FRESH))
}

/// Promised, of a tuple that has three connections already.
fn promised(range: RangeInclusive<u16>, reserved: &str) -> RangeInclusive<usize> {
    let netns = Netns::named(range);
    netns.reserve(reserved);
    let _servers = [server::listen(&netns, PORT), server::listen(&netns, FRESH)];
    let (client, fresh) = clients(Family::V4);
    let _some = client.open(&netns, 3);
    let (room, _open) = both_hold(&netns, &client, &fresh);
    assert_eq!(room.used, 3);
    room.headroom
}

#[test]
fn plain() {
    assert_eq!(promised(30_000..=30_039, ""), 37..=37);
    assert_eq!(promised(30_001..=30_040, ""), 37..=37);
}

#[test]
fn reserved_ports_inside_outside_and_across() {
    assert_eq!(promised(30_000..=30_039, "30007"), 36..=36);
    let reserved = "29000,29990-30001,30007,30039-30100,40000";
    assert_eq!(promised(30_000..=30_039, reserved), 33..=33);
}

#[test]
fn an_odd_range_has_two_outcomes() {
    for low in [30_000, 30_001] {
        let headroom = promised(low..=low + 20, "");
        assert!(
            *headroom.end() == 18 && *headroom.start() >= 17,
            "{headroom:?}"
        );
    }
    // Neither end can be what is left.
    assert_eq!(promised(30_000..=30_020, "30000,30020"), 16..=16);
}

#[test]
fn the_smallest_ranges() {
    for (high, expected) in [(30_000, 1), (30_001, 2), (30_002, 2), (30_003, 4)] {
        let netns = Netns::named(30_000..=high);
        let _server = server::listen(&netns, PORT);
        let (room, open) = holds(&netns, &Client::local(Family::V4, PORT));
        assert_eq!(room.headroom, expected..=expected, "up to {high}");
        assert_eq!((room.capacity, open.len()), (expected, expected));
    }
    // The last of three ports is never tried, even as the only one that is left.
    let netns = Netns::named(30_000..=30_002);
    netns.reserve("30000,30001");
    let _server = server::listen(&netns, PORT);
    let (room, _open) = holds(&netns, &Client::local(Family::V4, PORT));
    assert_eq!(room.capacity, 0);
}

#[test]
fn a_range_that_changes_while_connections_are_open() {
    let netns = Netns::named(30_000..=30_039);
    let _servers = [server::listen(&netns, PORT), server::listen(&netns, FRESH)];
    let (client, fresh) = clients(Family::V4);
    let _some = client.open(&netns, 20);
    // Some of the connections are outside now.
    netns.set_range(30_020..=30_059);
    let (room, _open) = both_hold(&netns, &client, &fresh);
    assert_eq!((room.used, room.capacity), (20, 40));
    netns.set_range(30_000..=30_099);
    let (room, _open) = both_hold(&netns, &client, &fresh);
    assert_eq!(
        room.headroom,
        40 + room.used.abs_diff(60)..=40 + room.used.abs_diff(60)
    );
}
