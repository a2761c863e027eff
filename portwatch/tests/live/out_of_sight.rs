//! Sockets that the kernel's iterator leaves out of every walk: from 5.15 to 6.16 those of one bucket
//! of its table.

use crate::support::{
    check::{SOURCES, check, report, rows},
    event::Event,
    netns::Netns,
    process::{portwatch, succeed},
    server,
    socket::{Family, close, reset},
    ticks, veth, wait,
    watcher::Watcher,
};

const PORT: u16 = 8080;
/// Some in each bucket of the small table.
const CONNECTIONS: u32 = 100;
/// Of which so many are closed by their own end, and live on as mini-sockets.
const CLOSED: u32 = 50;

/// A namespace with a small table of its own, where the kernel can do that (since 6.1). Without a
/// listener the bucket that is left out is the first.
fn with_small_table() -> Netns {
    let outer = Netns::named(30_000..=30_199);
    outer.try_sysctl("ipv4/tcp_child_ehash_entries", 16);
    let netns = outer.run(|| Netns::named(30_000..=30_199));
    // Half of the table's size, else.
    netns.sysctl("ipv4/tcp_max_tw_buckets", CONNECTIONS);
    netns
}

#[test]
fn all_of_them_are_counted() {
    let (near, far) = (with_small_table(), Netns::named(40_000..=40_199));
    veth::connect(&near, &far);
    let _listener = server::listen(&far, PORT);
    let peer = (veth::FAR, PORT).into();
    let connect = |_| Family::V4.connect(peer).expect("connect");
    let open = || near.run(|| (0..CONNECTIONS / 2).map(connect).collect::<Vec<_>>());
    let first = open();
    let watcher = Watcher::start(&[&near], &["--counts", "-vv", "--sweep-interval", "300ms"]);
    let counted = || -> u32 {
        let counts = ticks::fresh(&watcher).counts(&near);
        counts.values().map(|count| count.used).sum()
    };
    assert_eq!(counted(), CONNECTIONS / 2, "by the walk at the start");
    let second = open();
    assert_eq!(counted(), CONNECTIONS);

    let sweeps = |tick: &Event| tick.number("sweeps");
    let before = sweeps(&ticks::fresh(&watcher).tick);
    let after = watcher.wait_within(wait::SWEEPS, "three sweeps", |events| {
        let tick = events.iter().rfind(|event| event.is("tick"))?;
        (sweeps(tick) >= before + 3).then(|| tick.clone())
    });
    assert_eq!(after.number("corrections"), 0);
    assert_eq!(counted(), CONNECTIONS);

    let mut open: Vec<_> = first.into_iter().chain(second).collect();
    open.drain(..CLOSED as usize).for_each(close);
    let name = near.selector();
    let by = |source| {
        let arguments = ["--json", "--netns", &name, "--source", source];
        rows(&report(&check(&arguments)))
    };
    let listed = wait::until("mini-sockets", wait::SOON, || {
        let [walked, listed] = SOURCES.map(by);
        let minis: u64 = listed.values().map(|row| row.time_wait).sum();
        eprintln!("walked {walked:?}, listed {listed:?}");
        (minis == u64::from(CLOSED) && walked == listed).then_some(listed)
    });
    let used: u64 = listed.values().map(|row| row.used).sum();
    assert_eq!(used, u64::from(CONNECTIONS));
    let peer = peer.to_string();
    let mut free = portwatch(&["free", "--json", "--netns", &name, &peer]);
    let free: serde_json::Value = serde_json::from_str(&succeed(&mut free)).expect("json");
    assert_eq!(free["used"], CONNECTIONS, "{free}");

    open.into_iter().for_each(reset);
    wait::until("only mini-sockets", wait::SOON, || {
        (counted() == CLOSED).then_some(())
    });
    watcher.stop();
}
