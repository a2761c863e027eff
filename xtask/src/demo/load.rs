//! Both ends of the traffic: the servers behind HAProxy and the clients before it.

use std::{
    io::ErrorKind,
    net::{SocketAddrV4, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, poll},
    time::Timespec,
};

use crate::support::interrupt::Interrupt;

/// How often accepting threads look whether to stop.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Servers that accept connections and hold them.
pub struct Backends {
    sessions: Arc<Mutex<Vec<TcpStream>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Backends {
    /// Listens on all addresses, in the namespace of the calling thread.
    ///
    /// # Errors
    /// When an address is taken.
    pub fn listen(addresses: &[SocketAddrV4]) -> Result<Self> {
        let mut backends = Self {
            sessions: Arc::default(),
            stop: Arc::default(),
            threads: Vec::new(),
        };
        for address in addresses {
            let listener = TcpListener::bind(address)
                .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
                .with_context(|| format!("listening on {address}"))?;
            let sessions = Arc::clone(&backends.sessions);
            let stop = Arc::clone(&backends.stop);
            backends.threads.push(thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    accept_all(&listener, &sessions);
                }
            }));
        }
        Ok(backends)
    }

    /// Ends every session, evenly over `time`. The servers close first, so TIME_WAIT stays with
    /// them and HAProxy's ports come back at once.
    ///
    /// # Errors
    /// When somebody interrupts.
    pub fn end_sessions(&self, time: Duration, interrupt: &Interrupt) -> Result<()> {
        let mut sessions = std::mem::take(&mut *lock(&self.sessions));
        end_evenly(&mut sessions, time, interrupt)
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has printed why.
            let _ = thread.join();
        }
    }
}

/// Accepts what is waiting, after waiting a little for it.
fn accept_all(listener: &TcpListener, sessions: &Mutex<Vec<TcpStream>>) {
    let mut ready = [PollFd::new(listener, PollFlags::IN)];
    // An interrupted wait is a short one.
    let _ = poll(&mut ready, Some(&PATIENCE));
    while let Ok((session, _)) = listener.accept() {
        lock(sessions).push(session);
    }
}

fn lock(sessions: &Mutex<Vec<TcpStream>>) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Clients with a connection each.
#[derive(Default)]
pub struct Clients(Vec<TcpStream>);

impl Clients {
    /// So many more connect to `address`, at that rate, from the namespace of the calling thread.
    ///
    /// # Errors
    /// When one is refused for more than five seconds, or somebody interrupts.
    pub fn arrive(
        &mut self,
        count: u32,
        per_second: u32,
        address: SocketAddrV4,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let gap = Duration::from_secs(1) / per_second;
        let start = Instant::now();
        for client in 0..count {
            interrupt.sleep_until(start + gap * client)?;
            self.0.push(connect(address, interrupt)?);
        }
        Ok(())
    }

    /// All leave, evenly over `time`.
    ///
    /// # Errors
    /// When somebody interrupts.
    pub fn leave(&mut self, time: Duration, interrupt: &Interrupt) -> Result<()> {
        end_evenly(&mut self.0, time, interrupt)
    }
}

fn end_evenly(sockets: &mut Vec<TcpStream>, time: Duration, interrupt: &Interrupt) -> Result<()> {
    let gap = time / u32::try_from(sockets.len()).unwrap_or(u32::MAX).max(1);
    let mut next = Instant::now();
    for socket in sockets.drain(..) {
        drop(socket);
        next += gap;
        interrupt.sleep_until(next)?;
    }
    Ok(())
}

/// Connects; a server that is only just starting is given five seconds.
fn connect(address: SocketAddrV4, interrupt: &Interrupt) -> Result<TcpStream> {
    let mut connection = None;
    interrupt.wait_for(
        &format!("{address} to accept"),
        Duration::from_secs(5),
        || {
            match TcpStream::connect(address) {
                Ok(stream) => connection = Some(stream),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("connecting to {address}"));
                }
            }
            Ok(connection.is_some())
        },
    )?;
    connection.context("no connection")
}
