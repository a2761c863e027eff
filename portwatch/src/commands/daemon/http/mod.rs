//! HTTP, for scrapers and for people. Connections share one thread with the tracer: each does little,
//! and there are few of them.

mod answer;
mod crowd;

use std::{
    cell::RefCell, convert::Infallible, io, net::SocketAddr, pin::pin, rc::Rc, time::Duration,
};

use anyhow::{Context, Result};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::spawn_local,
    time::{sleep, timeout},
};

use self::crowd::Crowd;
use super::exposure::Exposure;
use crate::cli::Listen;

/// A request's head has to be complete within this time, and the next one has to begin.
const HEAD: Duration = Duration::from_secs(75);
/// A connection is closed after this time, at the end of a request if there is one.
const LIFETIME: Duration = Duration::from_secs(300);
/// How long an answer may take beyond it.
const GRACE: Duration = Duration::from_secs(10);
/// Bytes of a request's head at most.
const BUFFER: usize = 16 * 1024;
/// Pause after a connection could not be accepted, for want of descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

/// What all connections read from.
pub(super) type Shared = Rc<RefCell<Exposure>>;

/// Binds every address.
///
/// # Errors
/// The first that can't be bound.
pub(super) async fn bind(listen: &[Listen]) -> Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in listen {
        if let Listen::At(address) = address {
            let bound = TcpListener::bind(address).await;
            listeners.push(bound.with_context(|| format!("cannot listen on {address}"))?);
        }
    }
    Ok(listeners)
}

/// Serves on every listener, in tasks of the present `LocalSet`.
pub(super) fn serve(listeners: Vec<TcpListener>, exposure: &Shared) {
    let crowd = Rc::new(RefCell::new(Crowd::default()));
    for listener in listeners {
        if let Ok(address) = listener.local_addr() {
            tell(address);
        }
        spawn_local(accept(listener, Rc::clone(&crowd), Rc::clone(exposure)));
    }
}

fn tell(address: SocketAddr) {
    log::info!("metrics on http://{address}/metrics");
    if !address.ip().is_loopback() {
        log::info!("{address} is open to whoever reaches this host");
    }
}

async fn accept(listener: TcpListener, crowd: Rc<RefCell<Crowd>>, exposure: Shared) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let task = spawn_local(connection(stream, Rc::clone(&exposure)));
                crowd.borrow_mut().join(task.abort_handle());
            }
            Err(error) => {
                refused(&error);
                sleep(PAUSE).await;
            }
        }
    }
}

fn refused(error: &io::Error) {
    log::debug!("cannot accept a connection: {error}");
}

async fn connection(stream: TcpStream, exposure: Shared) {
    let answer = service_fn(move |request| {
        let answer = answer::answer(&request, &mut exposure.borrow_mut());
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), answer);
    let mut served = pin!(served);
    // Whatever goes wrong is the client's affair.
    tokio::select! {
        _ = &mut served => {}
        () = sleep(LIFETIME) => {
            served.as_mut().graceful_shutdown();
            let _ = timeout(GRACE, served).await;
        }
    }
}
