use std::{io, time::Duration};

use hyper::body::Bytes;
use tokio::{
    net::UnixStream,
    sync::mpsc::UnboundedReceiver,
    task::{JoinHandle, spawn_local},
    time::timeout,
};

use super::{
    question::{Desk, Questions},
    queue::{Queue, Queued, Waiting},
};

/// Bytes of the stream that wait for one client at most, beyond its picture.
const LIMIT: usize = 1 << 20;
/// A client that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(30);

/// One who reads. Ends when dropped.
pub(super) struct Client {
    queue: Option<Queue>,
    waiting: Waiting,
    task: JoinHandle<()>,
    /// User id of who connected.
    pub uid: Option<u32>,
}

impl Client {
    /// Of a connection; what it asks goes to the desk.
    pub fn new(stream: UnixStream, uid: Option<u32>, beginning: &Bytes, desk: Desk) -> Self {
        let (queue, queued) = Queue::new();
        let waiting = Waiting::default();
        queue.push(beginning, &waiting);
        let questions = Questions::new(desk, queue.downgrade());
        let task = spawn_local(serve(stream, queued, questions));
        Self {
            queue: Some(queue),
            waiting,
            task,
            uid,
        }
    }

    /// Queues what its part of the stream begins with, counted there.
    pub fn begin(&self, picture: &Bytes, pictures: &Waiting) -> bool {
        let queue = self.queue.as_ref();
        queue.is_some_and(|queue| queue.push(picture, pictures))
    }

    /// Queues bytes. False for a client that is gone or reads too slowly.
    pub fn send(&self, bytes: &Bytes) -> bool {
        let queue = self.queue.as_ref();
        self.waiting.get().saturating_add(bytes.len()) <= LIMIT
            && queue.is_some_and(|queue| queue.push(bytes, &self.waiting))
    }

    /// Whether it is still there.
    pub fn is_there(&self) -> bool {
        !self.task.is_finished()
    }

    /// Waits until it has read the last bytes.
    pub async fn end(mut self, last: &Bytes) {
        self.send(last);
        drop(self.queue.take());
        // It may be gone, which is as good an end.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: UnixStream, mut queued: UnboundedReceiver<Queued>, questions: Questions) {
    let write = async {
        while let Some(queued) = queued.recv().await {
            write(&stream, queued.bytes()).await?;
        }
        Ok(())
    };
    let ended: io::Result<()> = tokio::select! {
        ended = write => ended,
        ended = questions.hear(&stream) => ended,
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
