//! Sockets that the kernel's iterator leaves out of every walk: from 5.15 to 6.16 those of one bucket
//! of its table.

use crate::support::{
    check,
    netns::Netns,
    server,
    socket::{Family, reset},
    ticks, veth, wait,
    watcher::Watcher,
};

const PORT: u16 = 8080;
/// Some in each bucket of the small table.
const CONNECTIONS: u32 = 100;

/// A namespace with a small table of its own, where the kernel can do that (since 6.1). Without a
/// listener the bucket that is left out is the first.
fn with_small_table() -> Netns {
    let outer = Netns::named(30_000..=30_199);
    outer.try_sysctl("ipv4/tcp_child_ehash_entries", 16);
    outer.run(|| Netns::named(30_000..=30_199))
}

#[test]
fn they_stay_counted() {
    let (near, far) = (with_small_table(), Netns::named(40_000..=40_199));
    veth::connect(&near, &far);
    let _listener = server::listen(&far, PORT);
    let watcher = Watcher::start(&[&near], &["--counts", "-vv", "--sweep-interval", "300ms"]);
    let peer = (veth::FAR, PORT).into();
    let connect = |_| Family::V4.connect(peer).expect("connect");
    let open: Vec<_> = near.run(|| (0..CONNECTIONS).map(connect).collect());
    let name = near.selector();
    let report = check::report(&check::check(&["--json", "--netns", &name]));
    let walked: u64 = check::rows(&report).values().map(|row| row.used).sum();
    eprintln!("a walk finds {walked} of {CONNECTIONS}");

    let sweeps = ticks::fresh(&watcher).tick.number("sweeps");
    watcher.wait_within(wait::SWEEPS, "four sweeps", |events| {
        let tick = events.iter().rfind(|event| event.is("tick"))?;
        (tick.number("sweeps") >= sweeps + 4).then_some(())
    });
    let now = ticks::fresh(&watcher);
    let used: u32 = now.counts(&near).values().map(|count| count.used).sum();
    assert_eq!(used, CONNECTIONS);

    open.into_iter().for_each(reset);
    wait::until("no connection any more", wait::SOON, || {
        ticks::fresh(&watcher)
            .counts(&near)
            .is_empty()
            .then_some(())
    });
    watcher.stop();
}
