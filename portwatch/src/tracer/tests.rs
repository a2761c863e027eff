//! Loaded programs are asked more than once: no answer may hold anything of one before.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, TcpListener, TcpStream},
    thread::sleep,
    time::Duration,
};

use super::{Answer, Options, Ports, Question, Surveyor};
use crate::{
    kernel::netns::{Netns, fixture::TestNetns, loopback_up},
    model::{Snapshot, TupleSample},
};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What connections go to, all outside of the range.
const SERVICES: [u16; 3] = [8080, 8081, 8082];

/// A connection: the end that connected, and the one that was accepted.
type Pair = (TcpStream, TcpStream);

/// A namespace with 100 ports, none of which comes back from TIME_WAIT, and the services.
struct Site {
    netns: Netns,
    services: [TcpListener; 3],
}

impl Site {
    fn new() -> Self {
        let netns = TestNetns::new().into_inner();
        let set_up = || {
            loopback_up().unwrap();
            fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40099").unwrap();
            fs::write("/proc/sys/net/ipv4/tcp_tw_reuse", "0").unwrap();
            SERVICES.map(|port| TcpListener::bind((LOCAL, port)).unwrap())
        };
        let services = netns.run(set_up).unwrap();
        Self { netns, services }
    }

    fn connect(&self, service: usize, count: usize) -> Vec<Pair> {
        let listener = &self.services[service];
        let pair = |_| {
            let client = TcpStream::connect((LOCAL, SERVICES[service])).unwrap();
            (client, listener.accept().unwrap().0)
        };
        let connect = || (0..count).map(pair).collect();
        self.netns.run(connect).unwrap()
    }

    fn survey(&self, surveyor: &mut Surveyor) -> Snapshot {
        let snapshot = surveyor.survey(|id| id.inum == self.netns.inum).unwrap();
        assert_eq!(snapshot.namespaces.len(), 1, "{:?}", snapshot.unreachable);
        snapshot
    }

    fn ask(&self, ports: &mut Ports, service: usize) -> Answer {
        let question = Question {
            local: LOCAL,
            peer: LOCAL,
            peer_port: SERVICES[service],
            bound_dev: 0,
            own_range: None,
        };
        ports.of(&self.netns, &question).unwrap()
    }
}

/// Closes so that the ports of the connecting ends stay in TIME_WAIT.
fn close(pairs: impl Iterator<Item = Pair>) {
    pairs.for_each(|(client, server)| {
        drop(client);
        drop(server);
    });
}

/// Closes so that the ports of the connecting ends are free at once.
fn close_from_afar(pairs: impl Iterator<Item = Pair>) {
    pairs.for_each(|(client, server)| {
        drop(server);
        drop(client);
    });
}

/// Peer port, and ports used, in TIME_WAIT and left, of each tuple.
fn counts(snapshot: Snapshot) -> Vec<(u16, u32, u32, u32)> {
    let row = |sample: TupleSample| {
        let usage = sample.usage;
        let (room, states) = (usage.room.unwrap(), sample.states.unwrap());
        assert_eq!(states.0.iter().sum::<u32>(), usage.used);
        assert_eq!(usage.reclaimable, Some(0));
        let peer_port = sample.tuple.peer_port;
        (peer_port, usage.used, usage.time_wait, room.sure)
    };
    let mut rows: Vec<_> = snapshot.tuples.into_iter().map(row).collect();
    rows.sort_unstable();
    rows
}

/// Looks until there is what should be, or no longer: the last segments may take a moment.
fn settled<T: PartialEq>(expected: &T, mut look: impl FnMut() -> T) -> T {
    for _ in 0..100 {
        let found = look();
        if found == *expected {
            return found;
        }
        sleep(Duration::from_millis(20));
    }
    look()
}

#[test]
fn a_survey_holds_nothing_of_the_one_before() {
    let site = Site::new();
    let mut surveyor = Surveyor::load(&Options::default()).unwrap();
    assert_eq!(counts(site.survey(&mut surveyor)), []);
    let mut first = site.connect(0, 10);
    let second = site.connect(1, 4);
    let expected = vec![(8080, 10, 0, 90), (8081, 4, 0, 96)];
    for _ in 0..2 {
        assert_eq!(counts(site.survey(&mut surveyor)), expected);
    }

    close(first.drain(..3));
    close_from_afar(first.drain(..2));
    close_from_afar(second.into_iter());
    let _third = site.connect(2, 6);
    let expected = vec![(8080, 8, 3, 92), (8082, 6, 0, 94)];
    let look = || counts(site.survey(&mut surveyor));
    assert_eq!(settled(&expected, look), expected);
    assert_eq!(counts(site.survey(&mut surveyor)), expected);
}

#[test]
fn each_survey_tells_what_it_had_no_room_for_itself() {
    let site = Site::new();
    let mut surveyor = Surveyor::load(&Options {
        max_tuples: 1,
        ..Options::default()
    })
    .unwrap();
    let _first = site.connect(0, 4);
    let second = site.connect(1, 4);
    for _ in 0..2 {
        let snapshot = site.survey(&mut surveyor);
        assert_eq!((snapshot.tuples.len(), snapshot.uncounted), (1, 4));
    }

    close_from_afar(second.into_iter());
    let expected = (vec![(8080, 4, 0, 96)], 0);
    let look = || {
        let snapshot = site.survey(&mut surveyor);
        let uncounted = snapshot.uncounted;
        (counts(snapshot), uncounted)
    };
    assert_eq!(settled(&expected, look), expected);
}

#[test]
fn an_answer_holds_nothing_of_the_one_before() {
    let site = Site::new();
    let mut ports = Ports::load().unwrap();
    let mut used = |service| {
        let room = site.ask(&mut ports, service).room;
        assert_eq!((room.capacity, room.blocked, room.reclaimable), (100, 0, 0));
        (room.used, room.headroom.sure)
    };
    let mut first = site.connect(0, 10);
    for _ in 0..2 {
        assert_eq!(used(0), (10, 90));
        assert_eq!(used(1), (0, 100));
    }

    close(first.drain(..3));
    close_from_afar(first.drain(..2));
    let _second = site.connect(1, 4);
    assert_eq!(settled(&(8, 92), || used(0)), (8, 92));
    assert_eq!(used(1), (4, 96));
    assert_eq!(used(2), (0, 100));

    // Another namespace has its own.
    let other = Site::new();
    assert_eq!(other.ask(&mut ports, 0).room.used, 0);
    assert_eq!(site.ask(&mut ports, 0).room.used, 8);
}
