use std::{
    cell::RefCell,
    collections::VecDeque,
    io::Write,
    mem::{Discriminant, discriminant},
    os::unix::net::UnixStream,
    rc::Rc,
};

use anyhow::{Context, Result, anyhow};

use crate::model::Request;

/// Asks a daemon. It answers in the order of the questions.
#[derive(Clone)]
pub(in crate::commands) struct Asker {
    stream: Rc<UnixStream>,
    open: Rc<RefCell<VecDeque<Discriminant<Request>>>>,
}

impl Asker {
    /// Over this connection.
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream: Rc::new(stream),
            open: Rc::default(),
        }
    }

    /// Asks.
    ///
    /// # Errors
    /// When the daemon does not listen any more.
    pub fn ask(&self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_vec(request).context("cannot put the question into words")?;
        line.push(b'\n');
        // In words: a closed pipe is taken for the end of our own output.
        (&*self.stream)
            .write_all(&line)
            .map_err(|error| anyhow!("cannot ask the daemon: {error}"))?;
        self.open.borrow_mut().push_back(discriminant(request));
        Ok(())
    }

    /// Whether a question of this kind waits for its answer.
    pub fn waits_for(&self, request: &Request) -> bool {
        self.open.borrow().contains(&discriminant(request))
    }

    /// The oldest question has its answer.
    pub fn answered(&self) {
        self.open.borrow_mut().pop_front();
    }
}
