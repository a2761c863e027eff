use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener, TcpStream},
    ops::RangeInclusive,
    os::unix::net::UnixDatagram,
    time::Duration,
};

use fastrand::Rng;
use socket2::{SockRef, Socket};

use crate::support::{
    bystander::Bystander,
    kernel_list::Tuple,
    netns::Netns,
    server::{self, FullListener},
    socket::Family,
};

/// Open connections of a place: bounds file descriptors.
pub const MOST_OPEN: usize = 400;

/// A namespace and everything open in it. One thread at a time works on it, so that a seed
/// repeats what happens.
pub struct Place {
    pub netns: Netns,
    pub range: RangeInclusive<u16>,
    pub rng: Rng,
    /// Chance of a close that leaves a TIME_WAIT, in a hundred.
    pub time_wait_chance: u8,
    pub operations: u64,
    /// Attempts that needed the port search, by tuple.
    pub attempts: BTreeMap<Tuple, u64>,
    /// Those whose search found nothing.
    pub exhausted: BTreeMap<Tuple, u64>,

    /// First of the ports that clients go to.
    first_port: u16,
    pub listeners: [TcpListener; 2],
    pub open: Vec<Connection>,
    /// Clients in SYN_SENT.
    pub waiting: Vec<(Family, Socket)>,
    /// Sockets that were connected once and are free to use again.
    pub spare: Vec<(Family, Socket)>,
    /// Server sides whose client is gone: the client side is FIN_WAIT2.
    pub widowed: Vec<TcpStream>,
    /// Connections whose client end is with somebody else.
    pub passed: Vec<Passed>,
    pub next_bound_port: u16,
    _full: FullListener,
}

pub struct Connection {
    pub family: Family,
    pub client: Socket,
    pub server: TcpStream,
}

/// Who holds the client end.
pub enum Passed {
    /// A forked process.
    Child {
        _client: Bystander,
        _server: TcpStream,
    },
    /// A message under way in a Unix socket.
    Message {
        _to: UnixDatagram,
        from: UnixDatagram,
        _server: TcpStream,
    },
}

impl Place {
    /// Clients of the place go to four ports from `first_port` on.
    pub fn new(netns: Netns, range: RangeInclusive<u16>, first_port: u16, seed: u64) -> Self {
        let listeners = [first_port, first_port + 1].map(|port| {
            let listener = server::listen(&netns, port);
            let bound = Some(Duration::from_secs(20));
            SockRef::from(&listener)
                .set_read_timeout(bound)
                .expect("SO_RCVTIMEO");
            listener
        });
        let full = FullListener::start(&netns, first_port + 2);
        Self {
            netns,
            range,
            rng: Rng::with_seed(seed),
            time_wait_chance: 1,
            operations: 0,
            attempts: BTreeMap::new(),
            exhausted: BTreeMap::new(),
            first_port,
            listeners,
            open: Vec::new(),
            waiting: Vec::new(),
            spare: Vec::new(),
            widowed: Vec::new(),
            passed: Vec::new(),
            next_bound_port: 20_000,
            _full: full,
        }
    }

    /// Lets connect take ports back from TIME_WAIT, soon where the kernel can be told to.
    pub fn reuse_time_wait(&mut self) {
        self.netns.sysctl("ipv4/tcp_tw_reuse", 1);
        self.netns.try_sysctl("ipv4/tcp_tw_reuse_delay", 20);
        self.time_wait_chance = 30;
    }

    /// Ends FIN_WAIT2 and SYN_SENT within seconds.
    pub fn hurry(&mut self) {
        self.netns.sysctl("ipv4/tcp_fin_timeout", 1);
        self.netns.sysctl("ipv4/tcp_syn_retries", 1);
        self.time_wait_chance = 2;
    }

    /// Lets few connections become TIME_WAIT at a time: the others' ports are free at once.
    pub fn few_time_waits(&mut self) {
        self.netns.sysctl("ipv4/tcp_max_tw_buckets", 20);
        self.time_wait_chance = 40;
    }

    /// All four ports that clients go to.
    pub fn all_ports(&self) -> RangeInclusive<u16> {
        self.first_port..=self.first_port + 3
    }

    /// Ports that accept.
    pub fn ports(&self) -> [u16; 2] {
        [self.first_port, self.first_port + 1]
    }

    /// A port whose listener's queue is full.
    pub fn full_port(&self) -> u16 {
        self.first_port + 2
    }

    /// A port where nobody listens.
    pub fn closed_port(&self) -> u16 {
        self.first_port + 3
    }

    /// Does random things.
    pub fn run(&mut self, operations: u64) {
        self.netns.enter();
        for _ in 0..operations {
            self.operations += 1;
            match self.rng.u8(..100) {
                0..20 => self.open_one(),
                // By turns they become more and fewer.
                20..40 if (self.operations / 500).is_multiple_of(2) => self.open_one(),
                20..42 => self.close_one(),
                42..52 => self.reset_one(),
                52..60 => self.half_close(),
                60..66 => self.refused(),
                66..72 => self.leave_in_syn_sent(),
                72..78 => self.end_syn_sent(),
                78..84 => self.disconnect(),
                84..86 => self.abandon(),
                86..88 => self.end_abandoned(),
                88..91 => self.pass(),
                91..94 => self.end_passed(),
                _ => self.reuse_spare(),
            }
        }
    }

    /// A random destination: most go to one tuple, so that it fills.
    pub fn destination(&mut self) -> (Family, SocketAddr) {
        let family = match self.rng.u8(..10) {
            0..5 => Family::V4,
            5..8 => Family::V6,
            _ => Family::Mapped,
        };
        let port = self.ports()[usize::from(self.rng.u8(..10) == 0)];
        let other = family != Family::V6 && self.rng.u8(..10) == 0;
        let ip = if other {
            [127, 0, 0, 2].into()
        } else {
            family.loopback()
        };
        (family, SocketAddr::new(ip, port))
    }

    /// Whether this close may leave a TIME_WAIT.
    pub fn may_leave_time_wait(&mut self) -> bool {
        self.rng.u8(..100) < self.time_wait_chance
    }

    /// Takes a random element out.
    pub fn pick<T>(rng: &mut Rng, from: &mut Vec<T>) -> Option<T> {
        (!from.is_empty()).then(|| from.swap_remove(rng.usize(..from.len())))
    }
}
