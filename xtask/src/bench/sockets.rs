//! Connections for the measurements, all on the loopback interface of a private namespace.

use std::{
    ffi::OsString,
    io::{Read as _, Write as _, stdin, stdout},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::support::{child::Guarded, interrupt::Interrupt, limits, netns::Namespace};

/// Opens and closes `count` connections, one after the other, spread over eight tuples. The
/// client closes first, so the whole life of a connection is in it, TIME_WAIT included.
pub fn connect_and_close(count: u32) -> Result<Duration> {
    let server = Server::start()?;
    let begin = Instant::now();
    for connection in 0..count {
        server.connect_and_close(connection)?;
    }
    Ok(begin.elapsed())
}

/// The same at a steady rate. Returns how many there were in that time: fewer where the machine can't
/// do as many.
pub fn churn(a_second: u32, time: Duration, interrupt: &Interrupt) -> Result<u32> {
    let server = Server::start()?;
    let begin = Instant::now();
    let mut connection = 0;
    while begin.elapsed() < time {
        server.connect_and_close(connection)?;
        connection += 1;
        interrupt.sleep_until(begin + Duration::from_secs(1) / a_second * connection)?;
    }
    Ok(connection)
}

/// What connections that come and go are made to, in the namespace of the calling thread.
struct Server {
    listener: TcpListener,
    port: u16,
}

impl Server {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).context("listening")?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    fn connect_and_close(&self, connection: u32) -> Result<()> {
        let peer = Ipv4Addr::new(127, 0, 1, (connection % 8) as u8 + 1);
        let client = TcpStream::connect((peer, self.port)).context("connecting")?;
        let (server, _) = self.listener.accept().context("accepting")?;
        drop(client);
        drop(server);
        Ok(())
    }
}

/// Holds connections for `cargo xtask bench`, which starts it, until its input ends.
#[derive(clap::Args)]
pub struct HoldArgs {
    /// Tells the holders of one namespace apart
    index: u8,
    /// Connections
    connections: u32,
    /// Peer addresses that they are spread over
    peers: u32,
}

/// The hidden subcommand `hold`. One process can't have enough open files for all connections.
pub fn hold(args: HoldArgs) -> Result<()> {
    limits::raise_open_files()?;
    let port = 9000 + u16::from(args.index);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).context("listening")?;
    // Nobody accepts: the kernel holds the server's ends in the queue, without open files.
    rustix::net::listen(&listener, i32::MAX).context("lengthening the queue")?;
    let mut held = Vec::new();
    for connection in 0..args.connections {
        let peer = connection % args.peers;
        let [_, _, high, low] = peer.to_be_bytes();
        let address = SocketAddrV4::new(Ipv4Addr::new(127, 1 + args.index, high, low), port);
        let stream = TcpStream::connect(address).with_context(|| format!("to {address}"))?;
        held.push(stream);
    }
    stdout()
        .write_all(b"held\n")
        .and_then(|()| stdout().flush())?;
    // The parent's end of the pipe closes when it is done, or dead.
    stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Connections held by a process of its own.
pub struct Held {
    /// Ends the connections when it is dropped.
    _process: Guarded,
    /// Connections; the kernel has two sockets for each.
    pub connections: u32,
}

/// Opens connections inside a namespace and holds them; `index` has to be new each time.
pub fn open(namespace: &Namespace, index: u8, connections: u32, peers: u32) -> Result<Held> {
    let program = std::env::current_exe().context("where this program is")?;
    let arguments = [u32::from(index), connections, peers].map(|n| OsString::from(n.to_string()));
    let mut process = Guarded::spawn(
        namespace
            .command(&program.to_string_lossy())
            .arg("hold")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped()),
    )?;
    let mut word = [0; 5];
    let mut output = process.stdout()?;
    output
        .read_exact(&mut word)
        .context("a holder of connections ended early")?;
    if word != *b"held\n" {
        bail!("a holder of connections said something else");
    }
    Ok(Held {
        _process: process,
        connections,
    })
}

/// Opens very many, in as many processes as that takes. Each of them has `peers` peers of its own.
pub fn open_many(
    namespace: &Namespace,
    connections: u32,
    per_holder: u32,
    peers: u32,
    interrupt: &Interrupt,
) -> Result<Vec<Held>> {
    let mut holders = Vec::new();
    let mut left = connections;
    while left > 0 {
        interrupt.check()?;
        let count = left.min(per_holder);
        let index = u8::try_from(holders.len()).context("too many connections")?;
        holders.push(open(namespace, index, count, peers)?);
        left -= count;
    }
    Ok(holders)
}

/// A namespace whose queues are long enough for [`open`].
pub fn namespace() -> Result<Namespace> {
    let namespace = Namespace::create("bench")?;
    namespace.sysctl("core/somaxconn", "1000000")?;
    namespace.sysctl("ipv4/tcp_max_syn_backlog", "1000000")?;
    Ok(namespace)
}
