//! The tests' own tools do what they promise, on this kernel, without portwatch.

use std::{net::SocketAddr, path::Path, process::Command};

use rustix::io::Errno;

use crate::support::{
    bystander::Bystander,
    crowd::Crowd,
    kernel_list::{self, Count, Counts, SYN_SENT},
    netns::Netns,
    process::finish,
    sandbox,
    server::{self, FullListener},
    socket::{self, Family},
    ss, traffic, veth, wait,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_009;

#[test]
fn a_namespace_is_gone_with_its_value() {
    let netns = Netns::named(RANGE);
    let path = Path::new("/run/netns").join(netns.name().expect("a name"));
    assert!(path.exists());
    drop(netns);
    assert!(!path.exists());

    let netns = Netns::held_by_a_process(RANGE);
    let here = std::fs::read_link("/proc/self/ns/net").unwrap();
    let there = netns.run(|| std::fs::read_link("/proc/thread-self/ns/net").unwrap());
    assert_ne!(here, there);
    assert_eq!(there, Path::new(&format!("net:[{}]", netns.inum())));
}

#[test]
fn the_kernels_list_tells_tuples_and_time_wait() {
    let netns = Netns::named(RANGE);
    let listener = server::listen(&netns, 8080);
    let peer = |family: Family| SocketAddr::from((family.loopback(), 8080));
    traffic::leave_time_wait(&netns, &listener, peer(Family::V4), 3);
    let _open = [Family::V4, Family::Mapped, Family::V6]
        .map(|family| netns.run(|| family.connect(peer(family)).expect("connect")));
    let tuple = |family: Family| (family.loopback(), peer(family));
    let count = |used, time_wait| Count { used, time_wait };
    let expected = [
        (tuple(Family::V4), count(5, 3)),
        (tuple(Family::V6), count(1, 0)),
    ];
    assert_eq!(kernel_list::counts(&netns, &RANGE), Counts::from(expected));
}

#[test]
fn a_full_listener_leaves_clients_waiting() {
    let netns = Netns::named(RANGE);
    let _full = FullListener::start(&netns, 8080);
    let client = netns.run(|| Family::V4.socket());
    client.set_nonblocking(true).unwrap();
    let result = client.connect(&SocketAddr::from(([127, 0, 0, 1], 8080)).into());
    assert_eq!(socket::errno(&result), Some(Errno::INPROGRESS));
    let sockets = kernel_list::sockets(&netns);
    assert_eq!(
        sockets.iter().filter(|s| s.state == SYN_SENT).count(),
        1,
        "{sockets:?}"
    );
}

#[test]
fn a_bystander_keeps_a_connection_until_it_ends() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, 8080);
    let used = || {
        kernel_list::counts(&netns, &RANGE)
            .values()
            .map(|c| c.used)
            .sum::<u32>()
    };
    let peer = SocketAddr::from(([127, 0, 0, 1], 8080));
    let client = netns.run(|| Family::V4.connect(peer).expect("connect"));
    client.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    let bystander = Bystander::take(client);
    assert_eq!(used(), 1);
    drop(bystander);
    wait::until("the port's release", wait::SOON, || {
        (used() == 0).then_some(())
    });
}

#[test]
fn a_cable_carries_connections() {
    let (near, far) = (Netns::named(RANGE), Netns::named(RANGE));
    veth::connect(&near, &far);
    let _server = server::listen(&far, 8080);
    let client = near.run(|| {
        Family::V4
            .connect((veth::FAR, 8080).into())
            .expect("connect")
    });
    assert_eq!(
        client.local_addr().unwrap().as_socket().unwrap().ip(),
        veth::NEAR
    );
}

#[test]
fn a_crowd_is_as_large_as_it_says() {
    let range = 30_000..=30_499;
    let netns = Netns::named(range.clone());
    let crowd = Crowd::gather(&netns, 8080);
    let counts = kernel_list::counts(&netns, &range);
    assert!(
        counts.values().all(|c| c.used as usize == crowd.per_tuple),
        "{counts:?}"
    );
    assert_eq!(counts.len() * crowd.per_tuple, crowd.size());
    let states = ss::states(&netns, &range);
    assert!(
        states
            .values()
            .all(|s| s.values().sum::<u64>() as usize == crowd.per_tuple)
    );
}

#[test]
fn sandboxes_take_away_what_they_say() {
    let btf = finish(sandbox::without_btf(
        Command::new("ls").arg("/sys/kernel/btf"),
    ));
    assert_eq!((btf.code(), btf.stdout.as_str()), (0, ""));
    let status = ["Seccomp:", "/proc/self/status"];
    let seccomp = finish(sandbox::without_program_load(
        Command::new("grep").args(status),
    ));
    assert_eq!(seccomp.stdout.trim(), "Seccomp:\t2");
}
