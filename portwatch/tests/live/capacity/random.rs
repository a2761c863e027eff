//! Everything at once: namespaces in which random things happened, and one question each.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr, TcpListener},
    ops::RangeInclusive,
    thread,
    time::Duration,
};

use fastrand::Rng;
use socket2::Socket;

use super::room::{Client, holds};
use crate::support::{
    environment,
    netns::Netns,
    server,
    socket::{self, Family},
};

const PORTS: [u16; 2] = [8080, 8081];
const LOW: u16 = 30_000;

#[test]
fn two_hundred_predictions_of_random_mixtures() {
    let seed = match std::env::var("PORTWATCH_SEED") {
        Ok(seed) => seed.parse().expect("PORTWATCH_SEED is a number"),
        Err(_) => fastrand::u64(..),
    };
    // The harness hides what println prints.
    let _ = writeln!(std::io::stderr(), "predictions: PORTWATCH_SEED={seed}");
    let trials = environment::scaled(200, 30);
    for trial in 0..trials {
        let mut mixture = Mixture::new(Rng::with_seed(seed.wrapping_add(trial as u64)));
        for _ in 0..mixture.rng.usize(5..40) {
            mixture.step();
        }
        mixture.settle();
        let client = mixture.client();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            holds(&mixture.netns, &client);
        }));
        if let Err(panic) = outcome {
            let done = &mixture.done;
            let _ = writeln!(
                std::io::stderr(),
                "trial {trial}, PORTWATCH_SEED={}: {done:?}",
                seed.wrapping_add(trial as u64)
            );
            std::panic::resume_unwind(panic);
        }
    }
}

/// A namespace and everything open in it.
struct Mixture {
    netns: Netns,
    rng: Rng,
    range: RangeInclusive<u16>,
    /// `tcp_tw_reuse` when the question is asked.
    tw_reuse: u8,
    servers: Vec<TcpListener>,
    open: Vec<Socket>,
    bound: Vec<Socket>,
    accepted: Vec<std::net::TcpStream>,
    done: Vec<String>,
}

impl Mixture {
    fn new(mut rng: Rng) -> Self {
        let range = LOW..=LOW + rng.u16(0..40);
        let netns = Netns::named(range.clone());
        let tw_reuse = if rng.usize(0..20) == 0 {
            rng.u8(1..=2)
        } else {
            0
        };
        let servers = PORTS.map(|port| server::listen(&netns, port)).into();
        Self {
            netns,
            rng,
            range,
            tw_reuse,
            servers,
            open: Vec::new(),
            bound: Vec::new(),
            accepted: Vec::new(),
            done: Vec::new(),
        }
    }

    fn client(&mut self) -> Client {
        let families = [Family::V4, Family::V6, Family::Mapped];
        let family = families[self.rng.usize(0..3)];
        let mut client = Client::local(family, PORTS[self.rng.usize(0..2)]);
        if family != Family::V6 {
            client.local = [None, Some(5), Some(6)][self.rng.usize(0..3)]
                .map(|host| IpAddr::from([127, 0, 0, host]));
            if self.rng.bool() {
                client.peer.set_ip([127, 0, 0, 9].into());
            }
        }
        client
    }

    fn port(&mut self) -> u16 {
        self.rng.u16(self.range.clone())
    }

    fn step(&mut self) {
        let what = self.rng.usize(0..13);
        let port = self.port();
        let done = match what {
            0..=3 => self.connect(),
            4 => take(&mut self.rng, &mut self.open).map(|s| {
                socket::reset(s);
                "reset".to_owned()
            }),
            5 => self.leave_time_wait(),
            6 => self.half_close(),
            7 => self.bind(SocketAddr::from(([127, 0, 0, 1], 0)), false),
            8 => self.bind(SocketAddr::from(([127, 0, 0, 7], port)), true),
            9 => self.join(),
            10 => self.listen(port),
            11 => self.settings(),
            _ => take(&mut self.rng, &mut self.bound).map(|s| {
                drop(s);
                "unbind".to_owned()
            }),
        };
        self.done.extend(done);
    }

    fn connect(&mut self) -> Option<String> {
        let client = self.client();
        let connected = self.netns.run(|| client.connect());
        let said = format!("connect {client:?}: {}", connected.is_ok());
        self.open.extend(connected);
        Some(said)
    }

    /// Both ends close, the client first.
    fn leave_time_wait(&mut self) -> Option<String> {
        let client = self.client();
        let connected = self.netns.run(|| client.connect()).ok()?;
        let local = connected.local_addr().ok()?.as_socket()?;
        let wanted = SocketAddr::new(local.ip().to_canonical(), local.port());
        let listener = self.servers.iter().find(|listener| {
            let at = listener.local_addr().expect("an address");
            at.port() == client.peer.port()
        })?;
        // Those that came before have to wait for nobody.
        loop {
            let (server, from) = listener.accept().expect("accept");
            if SocketAddr::new(from.ip().to_canonical(), from.port()) == wanted {
                socket::close(connected);
                drop(server);
                break;
            }
            self.accepted.push(server);
        }
        Some(format!("time wait {client:?}"))
    }

    /// The client closes, the server does not: FIN_WAIT2.
    fn half_close(&mut self) -> Option<String> {
        // 5.10 takes such a port back, against its own later judgement.
        if self.tw_reuse != 0 {
            return None;
        }
        drop(take(&mut self.rng, &mut self.open)?);
        Some("half close".to_owned())
    }

    fn bind(&mut self, local: SocketAddr, reuse: bool) -> Option<String> {
        let peer = self.client();
        let connect = self.rng.bool() && peer.family == Family::V4 && !reuse;
        let bound = self.netns.run(|| {
            let socket = Family::V4.socket();
            socket.set_reuse_address(reuse).expect("SO_REUSEADDR");
            socket.bind(&local.into()).ok()?;
            let connected = connect && socket.connect(&peer.peer.into()).is_ok();
            Some((socket, connected))
        });
        let (socket, connected) = bound?;
        self.bound.push(socket);
        Some(format!(
            "bind {local}, reuse {reuse}, connected {connected}"
        ))
    }

    /// Binds a port that a connection uses, at another address.
    fn join(&mut self) -> Option<String> {
        let index = self.rng.usize(0..self.open.len().max(1));
        let socket = self.open.get(index)?;
        let port = socket.local_addr().ok()?.as_socket()?.port();
        self.bind(SocketAddr::from(([127, 0, 0, 8], port)), false)
    }

    /// Listens inside the range; sometimes accepts, and closes the listener.
    fn listen(&mut self, port: u16) -> Option<String> {
        let v6 = self.rng.bool();
        let ip: IpAddr = if v6 { "::1" } else { "127.0.0.1" }
            .parse()
            .expect("an address");
        let listener = self.netns.run(|| TcpListener::bind((ip, port))).ok()?;
        if self.rng.bool() {
            self.servers.push(listener);
            return Some(format!("listen {ip} {port}"));
        }
        let family = if v6 { Family::V6 } else { Family::V4 };
        let from = self.rng.u16(20_000..29_000);
        let peer = self.netns.run(|| {
            let peer = family.bound(SocketAddr::new(family.loopback(), from));
            peer.connect(&SocketAddr::new(ip, port).into()).ok()?;
            Some(peer)
        })?;
        self.accepted.push(listener.accept().expect("accept").0);
        self.bound.push(peer);
        Some(format!("child {ip} {port}"))
    }

    fn settings(&mut self) -> Option<String> {
        if self.rng.bool() {
            let (low, len) = (self.rng.u16(0..40), self.rng.u16(0..10));
            let list = format!("{},{}-{}", LOW + low, LOW + low / 2, LOW + low / 2 + len);
            self.netns.reserve(&list);
            return Some(format!("reserve {list}"));
        }
        let low = LOW + self.rng.u16(0..20);
        self.range = low..=low + self.rng.u16(0..40);
        self.netns.set_range(self.range.clone());
        Some(format!("range {:?}", self.range))
    }

    fn settle(&mut self) {
        if self.tw_reuse != 0 {
            thread::sleep(Duration::from_millis(2100));
            self.netns.sysctl("ipv4/tcp_tw_reuse", self.tw_reuse);
        }
    }
}

/// Takes any one out.
fn take<T>(rng: &mut Rng, from: &mut Vec<T>) -> Option<T> {
    if from.is_empty() {
        return None;
    }
    let index = rng.usize(0..from.len());
    Some(from.swap_remove(index))
}
