//! SIGKILL.

use std::sync::atomic::Ordering::Relaxed;

use rustix::process::Signal;

use super::{PORT, PORTS, RANGE, peer};
use crate::support::{
    bpf_objects::{held_by, wait_for_end},
    daemon::Daemon,
    load::Load,
    netns::Netns,
    server,
    socket::{self, Family},
    wait::{self, SOON},
};

const TIMES: usize = 3;
const FEW: u32 = 7;

#[test]
fn under_load_leaves_nothing_and_the_next_one_has_the_counts_at_once() {
    let netns = Netns::named(RANGE);
    let listener = server::listen(&netns, PORT);
    listener.set_nonblocking(true).expect("O_NONBLOCK");
    let other = |last| std::net::SocketAddr::from(([127, 0, 0, last], PORT));
    let _all = [peer(), other(4)].map(|peer| netns.run(|| socket::exhaust(Family::V4, peer)));
    let _few: Vec<_> = netns.run(|| {
        (0..FEW)
            .map(|_| Family::V4.connect(other(2)).expect("connect"))
            .collect()
    });
    let load = Load {
        netns: &netns,
        listener: &listener,
        coming: other(3),
        // Not one of those whose counts are looked at: an attempt under way counts, too.
        full: other(4),
    };
    load.during(|connects| {
        for _ in 0..TIMES {
            let daemon = Daemon::start(&netns, &[]);
            // What the first page says: nothing has to settle.
            let metrics = daemon.metrics();
            for (peer, used) in [("127.0.0.1", PORTS), ("127.0.0.2", FEW)] {
                let series = format!(
                    "portwatch_tuple_ports_used{{netns=\"{}\",local_ip=\"127.0.0.1\",peer_ip=\"{peer}\",peer_port=\"{PORT}\"}}",
                    netns.selector()
                );
                assert_eq!(metrics.of(&series), f64::from(used), "{series}");
            }
            let before = connects.load(Relaxed);
            wait::until("more load", SOON, || {
                (connects.load(Relaxed) > before + 1000).then_some(())
            });
            let objects = held_by(daemon.pid());
            assert!(objects.len() > 10, "{objects:?}");
            daemon.signal(Signal::KILL);
            drop(daemon);
            // A pin in a file system would keep one as well.
            wait_for_end(&objects);
        }
    });
}
