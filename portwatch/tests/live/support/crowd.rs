//! Many connections that cost few file descriptors.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::Socket;

use super::{
    environment, kernel_list,
    netns::Netns,
    server,
    socket::{self, Family},
    wait,
};

/// Tuples of a crowd: `127.0.0.1` to as many peer addresses, `::1` to itself.
const PEERS_V4: u8 = 49;
const TUPLES: usize = PEERS_V4 as usize + 1;
/// Connections of a tuple in tenths, by what becomes of them.
const TIME_WAIT: usize = 2;
const FIN_WAIT2: usize = 1;
const LIVE: usize = 7;

/// Connections in a namespace: live ones, and ones closed from the client's side.
pub struct Crowd {
    /// Connections of each tuple.
    pub per_tuple: usize,
    _live: Vec<Socket>,
    // What it did not accept hangs on it, without a file descriptor.
    _listener: TcpListener,
    _alone: MutexGuard<'static, ()>,
}

/// Two crowds of this process would have more files open than it may.
static ALONE: Mutex<()> = Mutex::new(());

/// Connections of each tuple of a crowd of 20,000, or of a smaller one where less was asked for.
pub fn per_tuple() -> usize {
    tenth() * (TIME_WAIT + FIN_WAIT2 + LIVE)
}

fn tenth() -> usize {
    environment::scaled(40, 2)
}

impl Crowd {
    pub fn gather(netns: &Netns, port: u16) -> Self {
        let tenth = tenth();
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        allow_files(30_000);
        netns.sysctl("core/somaxconn", 65_535);
        let listener = server::listen_with(netns, port, 65_535);
        let v4 = (1..=PEERS_V4).map(|n| (Family::V4, SocketAddr::from(([127, 0, 0, n], port))));
        let v6 = (Family::V6, SocketAddr::new(Family::V6.loopback(), port));
        let peers: Vec<_> = v4.chain([v6]).collect();
        let connect = |tenths: usize| {
            let each = peers
                .iter()
                .flat_map(|peer| std::iter::repeat_n(peer, tenths * tenth));
            let connected = each.map(|(family, peer)| family.connect(*peer).expect("connect"));
            connected.collect::<Vec<_>>()
        };
        let live = netns.run(|| {
            let closing = connect(TIME_WAIT);
            let count = closing.len();
            closing.into_iter().for_each(socket::close);
            for _ in 0..count {
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
            (closed == (TIME_WAIT + FIN_WAIT2) * tenth * TUPLES).then_some(())
        });
        Self {
            per_tuple: per_tuple(),
            _live: live,
            _listener: listener,
            _alone: alone,
        }
    }

    /// All connections.
    pub fn size(&self) -> usize {
        self.per_tuple * TUPLES
    }
}

/// How long the mini-sockets of a crowd stay at least.
pub const STAYS: Duration = Duration::from_secs(50);

/// Raises the limit of open files, as far as the system lets it.
fn allow_files(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if enough(limit.current) {
        return;
    }
    let raised = |maximum| Rlimit {
        current: maximum,
        maximum,
    };
    if !enough(limit.maximum) && setrlimit(Resource::Nofile, raised(Some(wanted))).is_ok() {
        return;
    }
    setrlimit(Resource::Nofile, raised(limit.maximum)).expect("raise the limit of open files");
}
