//! `portwatch check` prices what it shows as `portwatch free` does.

use std::net::{SocketAddr, TcpListener};

use serde_json::Value;

use super::room::{Client, ask, holds};
use crate::support::{
    check::{check, report},
    netns::Netns,
    server,
    socket::Family,
    traffic, wait,
};

const PORT: u16 = 8080;

fn tuple(netns: &Netns) -> (Value, Value) {
    let name = netns.selector();
    let report = report(&check(&["--json", "--source", "bpf", "--netns", &name]));
    (report["namespaces"][0].clone(), report["tuples"][0].clone())
}

#[test]
fn says_of_each_tuple_what_can_still_be_opened() {
    let netns = Netns::named(30_000..=30_040);
    let _server = server::listen(&netns, PORT);
    let _listeners = netns.run(|| {
        let listen = |port| TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)));
        [30_000, 30_001, 30_002].map(|port| listen(port).expect("bind"))
    });
    let client = Client::local(Family::V4, PORT);
    let some = client.open(&netns, 20);
    // A port that the tuple holds and that is blocked as well is lost once.
    let port = some[0]
        .local_addr()
        .expect("bound")
        .as_socket()
        .expect("IP")
        .port();
    let _joined = netns.run(|| Family::V4.bound(([127, 0, 0, 2], port).into()));
    let (namespace, tuple) = tuple(&netns);
    assert_eq!(
        (&namespace["blocked"], &namespace["capacity"]),
        (&4.into(), &37.into())
    );
    let room = ask(&netns, &client);
    for (key, value) in [
        ("capacity", room.capacity),
        ("headroom", *room.headroom.start()),
        ("headroom_max", *room.headroom.end()),
        ("reclaimable", 0),
    ] {
        assert_eq!(tuple[key], value, "{key} in {tuple}, {room:?}");
    }
    let (_, open) = holds(&netns, &client);
    assert!(open.len() == 17 || open.len() == 18, "{}", open.len());
    let finished = check(&["--netns", &netns.selector()]);
    assert_eq!(finished.code(), 2);
}

/// TIME_WAIT that connect may take back at once is nothing to be alarmed at.
#[test]
fn what_is_reclaimable_does_not_alarm() {
    let netns = Netns::named(30_000..=30_009);
    let listener = server::listen(&netns, PORT);
    let peer = SocketAddr::from(([127, 0, 0, 1], PORT));
    traffic::leave_time_wait(&netns, &listener, peer, 9);
    let (_, full) = tuple(&netns);
    assert_eq!(
        (&full["used"], &full["reclaimable"]),
        (&9.into(), &0.into())
    );
    let line = check(&["--source", "bpf", "--netns", &netns.selector()]);
    assert_eq!(line.code(), 2, "{}", line.stdout);
    netns.sysctl("ipv4/tcp_tw_reuse", 1);
    wait::until("old TIME_WAIT", wait::SOON, || {
        let (_, tuple) = tuple(&netns);
        (tuple["reclaimable"] == 9 && tuple["headroom"] == 10).then_some(())
    });
    let line = check(&["--source", "bpf", "--netns", &netns.selector()]);
    assert_eq!(line.code(), 0, "{}", line.stdout);
    assert!(
        line.stdout.contains("(9 reclaimable), 10 left"),
        "{}",
        line.stdout
    );
}
