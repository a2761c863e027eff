use std::{cell::Cell, io, rc::Rc, time::Duration};

use hyper::body::Bytes;
use tokio::{
    net::UnixStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::{JoinHandle, spawn_local},
    time::timeout,
};

/// Bytes that wait for one client at most, beyond its picture.
const LIMIT: usize = 1 << 20;
/// A client that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(30);

/// One who reads. Ends when dropped.
pub(super) struct Client {
    queue: UnboundedSender<Bytes>,
    waiting: Rc<Cell<usize>>,
    limit: usize,
    task: JoinHandle<()>,
}

impl Client {
    /// Of a connection.
    pub fn new(stream: UnixStream) -> Self {
        let (queue, queued) = unbounded_channel();
        let waiting = Rc::new(Cell::new(0));
        let task = spawn_local(serve(stream, queued, Rc::clone(&waiting)));
        Self {
            queue,
            waiting,
            limit: LIMIT,
            task,
        }
    }

    /// Queues what the stream begins with, whatever its size.
    pub fn begin(&mut self, picture: &Bytes) -> bool {
        self.limit = LIMIT.saturating_add(picture.len());
        self.send(picture)
    }

    /// Queues bytes. False for a client that is gone or reads too slowly.
    pub fn send(&self, bytes: &Bytes) -> bool {
        let waiting = self.waiting.get().saturating_add(bytes.len());
        if waiting > self.limit {
            return false;
        }
        self.waiting.set(waiting);
        self.queue.send(bytes.clone()).is_ok()
    }

    /// Whether it is still there.
    pub fn is_there(&self) -> bool {
        !self.task.is_finished()
    }

    /// Waits until it has read the last bytes.
    pub async fn end(mut self, last: &Bytes) {
        self.send(last);
        self.queue = unbounded_channel().0;
        // It may be gone, which is as good an end.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: UnixStream, mut queued: UnboundedReceiver<Bytes>, waiting: Rc<Cell<usize>>) {
    let write = async {
        while let Some(bytes) = queued.recv().await {
            write(&stream, &bytes).await?;
            waiting.set(waiting.get().saturating_sub(bytes.len()));
        }
        Ok(())
    };
    let ended: io::Result<()> = tokio::select! {
        ended = write => ended,
        ended = hung_up(&stream) => ended,
    };
    if let Err(error) = ended {
        log::debug!("a reader is gone: {error}");
    }
}

async fn write(stream: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        timeout(STUCK, stream.writable())
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        match stream.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Until the client closes its side, or says anything: there is nothing for it to say.
async fn hung_up(stream: &UnixStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 1]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other.map(drop),
        }
    }
}
