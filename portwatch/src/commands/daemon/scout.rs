//! A thread that may look at other processes, for the one that may not.

use std::{
    io,
    sync::mpsc::{Sender, channel},
    thread::{Builder, JoinHandle},
};

use anyhow::{Context, Result};
use tokio::sync::oneshot;

const ENDED: &str = "the scout's thread has ended";

type Errand = Box<dyn FnOnce() + Send>;

/// The thread; it ends when this is dropped.
pub(super) struct Scout {
    errands: Option<Sender<Errand>>,
    thread: Option<JoinHandle<()>>,
}

impl Scout {
    /// Starts it, with what the calling thread may do at this moment.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start() -> io::Result<Self> {
        let (errands, inbox) = channel::<Errand>();
        let work = move || inbox.into_iter().for_each(|errand| errand());
        let thread = Builder::new().name("scout".to_owned()).spawn(work)?;
        Ok(Self {
            errands: Some(errands),
            thread: Some(thread),
        })
    }

    /// Has a function run there and waits for what it returns.
    ///
    /// # Errors
    /// When the thread has ended: a function before this one panicked, or this one did.
    pub fn send<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = channel();
        self.start_errand(move || drop(answer.send(function())))?;
        answered.recv().context(ENDED)
    }

    /// As [`Scout::send`], for a task that lets others go on meanwhile.
    ///
    /// # Errors
    /// As for [`Scout::send`].
    pub async fn ask<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.start_errand(move || drop(answer.send(function())))?;
        answered.await.context(ENDED)
    }

    fn start_errand(&self, errand: impl FnOnce() + Send + 'static) -> Result<()> {
        let errands = self.errands.as_ref().context(ENDED)?;
        errands.send(Box::new(errand)).ok().context(ENDED)
    }
}

impl Drop for Scout {
    fn drop(&mut self) {
        drop(self.errands.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scout;

    #[test]
    fn it_answers_until_a_function_panics() {
        let scout = Scout::start().unwrap();
        assert_eq!(scout.send(|| 1 + 1).unwrap(), 2);
        assert!(scout.send(|| panic!("on purpose")).is_err());
        assert!(scout.send(|| 1).is_err());
    }
}
