//! Whether a hook set works here: loaded, attached, and tried on real connections.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use portwatch_common::TupleEntry;

use super::{
    HookSet, Options, TimeWait, TracerError,
    attach::Plan,
    keeper::Shared,
    object::{Object, Purpose},
    slots::Slots,
    start::shared,
    tally::entries,
};
use crate::kernel::netns::{enter_new_netns, loopback_up};

/// How long the hooks may take to be seen at work.
const PATIENCE: Duration = Duration::from_secs(2);
/// The one port of the trial's range, and the listener's beside it.
const PORT: u16 = 40_000;
const LISTENER: u16 = 40_001;

/// Loads and attaches a hook set, and makes it count: in a namespace of its own with a range of
/// one port it opens a connection, fails to open a second one, and closes the first. Nothing
/// stays. Returns what the hook set can't see.
///
/// # Errors
/// When the kernel refuses a program, or a hook does not fire.
pub fn trial(hooks: HookSet, options: &Options) -> Result<Vec<String>, TracerError> {
    let options = Options {
        hooks: Some(hooks),
        max_sockets: 4096,
        max_tuples: 1024,
        ..options.clone()
    };
    let plan = Plan::new(&options)?;
    let (mut object, btf) = Object::new(&Purpose::Trace, &options, plan.tw_timer_handler)?;
    plan.load(&mut object, &btf)?;
    let _slots = Slots::new(&mut object, options.max_tuples, options.interval)?;
    let shared = Arc::new(shared(&mut object, &options)?);
    plan.attach(&mut object)?;
    let failed = |reason: String| TracerError::Refused {
        what: "trying the hooks".into(),
        reason,
    };
    let outcome =
        std::thread::scope(|scope| scope.spawn(|| in_private_netns(&plan, &shared)).join());
    match outcome {
        Ok(Ok(())) => Ok(plan.blind_spots),
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(TracerError::Privileges {
                what: "making a network namespace".into(),
            })
        }
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("the trial's thread panicked".to_owned())),
    }
}

fn in_private_netns(plan: &Plan, shared: &Shared) -> io::Result<()> {
    enter_new_netns()?;
    loopback_up()?;
    std::fs::write(
        "/proc/sys/net/ipv4/ip_local_port_range",
        format!("{PORT} {PORT}"),
    )?;
    // An address of the trial's own tells its tuple from all others.
    let peer = SocketAddr::from(([127, 80, 87, 84], LISTENER));
    let listener = TcpListener::bind(peer)?;
    let client = TcpStream::connect(peer)?;
    let (server, _) = listener.accept()?;
    wait(
        "inet_sock_set_state did not count a connection",
        shared,
        peer,
        |entry| entry.used == 1,
    )?;
    match TcpStream::connect(peer) {
        Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {}
        Ok(_) => {
            return Err(io::Error::other(
                "a second connection found a port in a range of one",
            ));
        }
        Err(error) => return Err(error),
    }
    wait("a failed port search was not seen", shared, peer, |entry| {
        entry.exhausted == 1
    })?;
    if plan.connect_errno && shared.statistics.read().confirmed == 0 {
        return Err(io::Error::other("sys_exit did not tell connect's result"));
    }
    drop(client);
    drop(server);
    if plan.time_wait == TimeWait::Events {
        wait(
            "timer_start did not tell of TIME_WAIT",
            shared,
            peer,
            |entry| entry.used == 1 && entry.time_wait == 1,
        )?;
    }
    Ok(())
}

/// Waits until the trial's tuple is as it should be.
fn wait(
    failure: &str,
    shared: &Shared,
    peer: SocketAddr,
    fits: impl Fn(&TupleEntry) -> bool,
) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let entries = entries(shared, &shared.statistics.read());
        let mut tuples = entries.iter().filter(|(_, entry)| {
            entry.key.peer_port == peer.port()
                && super::directory::address(entry.key.peer_bytes()) == peer.ip()
        });
        if tuples.any(|(_, entry)| fits(entry)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(failure.to_owned()));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
