//! Many connections that cost few file descriptors.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::Socket;

use super::{
    kernel_list,
    netns::Netns,
    server,
    socket::{self, Family},
    wait,
};

/// Tuples of a crowd: `127.0.0.1` to as many peer addresses, `::1` to itself.
const PEERS_V4: u8 = 49;
/// Connections of a tuple, by what becomes of them.
const TIME_WAIT: usize = 80;
const FIN_WAIT2: usize = 40;
const LIVE: usize = 280;

/// Connections of a crowd.
pub const SIZE: usize = (PEERS_V4 as usize + 1) * (TIME_WAIT + FIN_WAIT2 + LIVE);
/// Connections of one tuple of it.
pub const PER_TUPLE: usize = SIZE / (PEERS_V4 as usize + 1);

/// Connections in a namespace: live ones, and ones closed from the client's side.
pub struct Crowd {
    _live: Vec<Socket>,
    // What it did not accept hangs on it, without a file descriptor.
    _listener: TcpListener,
}

impl Crowd {
    pub fn gather(netns: &Netns, port: u16) -> Self {
        allow_files(16_000);
        netns.sysctl("core/somaxconn", 65_535);
        let listener = server::listen_with(netns, port, 65_535);
        let v4 = (1..=PEERS_V4).map(|n| (Family::V4, SocketAddr::from(([127, 0, 0, n], port))));
        let v6 = (Family::V6, SocketAddr::new(Family::V6.loopback(), port));
        let peers: Vec<_> = v4.chain([v6]).collect();
        let connect = |count: usize| {
            let each = peers
                .iter()
                .flat_map(|peer| std::iter::repeat_n(peer, count));
            let connected = each.map(|(family, peer)| family.connect(*peer).expect("connect"));
            connected.collect::<Vec<_>>()
        };
        let live = netns.run(|| {
            connect(TIME_WAIT).into_iter().for_each(socket::close);
            for _ in 0..TIME_WAIT * peers.len() {
                drop(listener.accept().expect("accept"));
            }
            connect(FIN_WAIT2).into_iter().for_each(socket::close);
            connect(LIVE)
        });
        // FIN_WAIT2 is a mini-socket mostly: one whose FIN was acknowledged while close(2) held it
        // stays a full one (`tcp_rcv_state_process`, net/ipv4/tcp_input.c).
        wait::until("the closed ones to settle", wait::SOON, || {
            let sockets = kernel_list::sockets(netns);
            let ours = sockets.iter().filter(|socket| socket.peer.port() == port);
            let closed = [kernel_list::FIN_WAIT2, kernel_list::TIME_WAIT];
            let closed = ours.filter(|socket| closed.contains(&socket.state)).count();
            (closed == (TIME_WAIT + FIN_WAIT2) * peers.len()).then_some(())
        });
        Self {
            _live: live,
            _listener: listener,
        }
    }
}

/// How long the mini-sockets of a crowd stay at least.
pub const STAYS: Duration = Duration::from_secs(50);

fn allow_files(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    assert!(enough(limit.maximum), "needs ulimit -Hn of {wanted}");
    if !enough(limit.current) {
        let raised = Rlimit {
            current: Some(wanted),
            ..limit
        };
        setrlimit(Resource::Nofile, raised).expect("raise the limit of open files");
    }
}
