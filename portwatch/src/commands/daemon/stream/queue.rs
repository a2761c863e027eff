use std::{cell::Cell, rc::Rc};

use hyper::body::Bytes;
use tokio::sync::mpsc::{
    UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel,
};

/// Bytes that wait, of one client or of one kind.
pub(super) type Waiting = Rc<Cell<usize>>;

/// Bytes that wait for a client, and are counted while they do.
pub(super) struct Queued {
    bytes: Bytes,
    waiting: Waiting,
}

impl Queued {
    fn new(bytes: Bytes, waiting: &Waiting) -> Self {
        waiting.set(waiting.get().saturating_add(bytes.len()));
        Self {
            bytes,
            waiting: Rc::clone(waiting),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let left = self.waiting.get().saturating_sub(self.bytes.len());
        self.waiting.set(left);
    }
}

/// Where bytes for a client go.
pub(super) struct Queue(UnboundedSender<Queued>);

impl Queue {
    /// An empty one, and its other end.
    pub fn new() -> (Self, UnboundedReceiver<Queued>) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), receiver)
    }

    /// Queues bytes, counted there. False where nobody takes them any more.
    pub fn push(&self, bytes: &Bytes, waiting: &Waiting) -> bool {
        self.0.send(Queued::new(bytes.clone(), waiting)).is_ok()
    }

    /// A way to it that does not keep it open.
    pub fn downgrade(&self) -> WeakQueue {
        WeakQueue(self.0.downgrade())
    }
}

/// A way to a [`Queue`] while there is one.
pub(super) struct WeakQueue(WeakUnboundedSender<Queued>);

impl WeakQueue {
    /// As [`Queue::push`].
    pub fn push(&self, bytes: &Bytes, waiting: &Waiting) -> bool {
        let queue = self.0.upgrade().map(Queue);
        queue.is_some_and(|queue| queue.push(bytes, waiting))
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Queue, Waiting};

    #[test]
    fn what_was_taken_or_dropped_waits_no_more() {
        let (queue, mut queued) = Queue::new();
        let (waiting, others) = (Waiting::default(), Waiting::default());
        let bytes = Bytes::from_static(b"four");
        for _ in 0..3 {
            assert!(queue.push(&bytes, &waiting) && queue.push(&bytes, &others));
        }
        assert_eq!((waiting.get(), others.get()), (12, 12));
        drop(queued.try_recv());
        assert_eq!((waiting.get(), others.get()), (8, 12));
        let weak = queue.downgrade();
        assert!(weak.push(&bytes, &waiting));
        drop(queued);
        assert!(!queue.push(&bytes, &waiting) && !weak.push(&bytes, &waiting));
        assert_eq!((waiting.get(), others.get()), (0, 0));
        drop(queue);
        assert!(!weak.push(&bytes, &waiting));
    }
}
