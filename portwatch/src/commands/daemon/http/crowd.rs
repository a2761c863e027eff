use std::collections::VecDeque;

use tokio::task::AbortHandle;

/// Connections at the same time at most.
const LIMIT: usize = 64;

/// The connections that are open, the oldest first.
#[derive(Default)]
pub(super) struct Crowd(VecDeque<AbortHandle>);

impl Crowd {
    /// Takes one in. Where there are too many, the oldest has to go: an answer takes milliseconds, so
    /// that it is one that does nothing.
    pub fn join(&mut self, connection: AbortHandle) {
        if self.0.len() >= LIMIT {
            self.0.retain(|connection| !connection.is_finished());
        }
        while self.0.len() >= LIMIT
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
        }
        self.0.push_back(connection);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::{Crowd, LIMIT};

    #[tokio::test]
    async fn the_oldest_makes_room() {
        let mut crowd = Crowd::default();
        let mut tasks: Vec<_> = (0..LIMIT + 2)
            .map(|_| tokio::spawn(pending::<()>()))
            .collect();
        for task in &tasks {
            crowd.join(task.abort_handle());
        }
        for task in tasks.drain(..2) {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert!(tasks.iter().all(|task| !task.is_finished()));
        assert_eq!(crowd.0.len(), LIMIT);
    }
}
