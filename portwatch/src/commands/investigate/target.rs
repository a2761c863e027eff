use anyhow::{Context, Result};

use crate::{
    cli::AskArgs,
    commands::ask::{netns, question, refused, usage},
    kernel::netns::{Discovery, Netns, Selector},
    model::Tuple,
    tracer::Question,
};

/// A tuple in its namespace.
pub(in crate::commands) struct Target {
    pub netns: Netns,
    pub question: Question,
}

impl Target {
    /// Finds the namespace of a tuple that the tracer knows.
    ///
    /// # Errors
    /// When it is gone, or the tuple has no local address.
    pub fn of(tuple: &Tuple) -> Result<Self> {
        let mut found = Discovery::new().context("cannot look for network namespaces")?;
        let inum = Selector::Inum(tuple.netns.inum)
            .resolve(&mut found)
            .map_err(usage)?;
        let netns = found.namespaces.remove(&inum);
        Ok(Self {
            netns: netns.context("the network namespace is gone")?,
            question: Question {
                local: tuple.local_ip.context("the tuple has no local address")?,
                peer: tuple.peer_ip,
                peer_port: tuple.peer_port,
                bound_dev: tuple.bound_dev,
                own_range: None,
            },
        })
    }

    /// Finds what somebody asked for in words of their own.
    ///
    /// # Errors
    /// When there is no such namespace, or it makes no sense there.
    pub fn asked(ask: &AskArgs) -> Result<Self> {
        let mut found = Discovery::default();
        let inum = netns(ask, &mut found)?.inum;
        let netns = found.namespaces.remove(&inum);
        let netns = netns.context("the network namespace is gone")?;
        let question = netns
            .run(|| question(ask))
            .map_err(|error| refused("entering the network namespace", error))??;
        Ok(Self { netns, question })
    }

    /// The tuple, as far as it is known without a tracer.
    pub fn tuple(&self) -> Tuple {
        self.question.tuple(&self.netns)
    }
}
