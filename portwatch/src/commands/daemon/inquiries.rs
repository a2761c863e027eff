//! Answers to what those ask who read along.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};

use super::scout::Scout;
use crate::{
    cli::AskArgs,
    commands::{
        ask::usage,
        investigate::{Target, investigate},
        lookups::{Before, name_openers},
    },
    exit::Exit,
    kernel::netns::{Discovery, Selector},
    model::{Inquiry, NetnsFilter, NetnsId, Reply, Request, Wanted},
    tracer::{Loader, Observer, Ports, Surveyor, TracerError},
};

/// Programs for a closer look. They are loaded at the start: nothing can be loaded later.
pub(super) struct Instruments {
    ports: Ports,
    surveyor: Surveyor,
}

impl Instruments {
    /// Loads them.
    ///
    /// # Errors
    /// [`TracerError`].
    pub fn load(loader: &Loader) -> Result<Self, TracerError> {
        Ok(Self {
            ports: loader.ports()?,
            surveyor: loader.surveyor()?,
        })
    }
}

/// Who answers: a thread that may look at other processes and into their namespaces.
pub(super) struct Office {
    scout: Scout,
    clerk: Arc<Mutex<Clerk>>,
}

struct Clerk {
    instruments: Instruments,
    observer: Observer,
    before: Before,
}

impl Office {
    /// Beside a tracer.
    pub fn new(scout: Scout, instruments: Instruments, observer: Observer) -> Self {
        let clerk = Clerk {
            instruments,
            observer,
            before: Before::default(),
        };
        Self {
            scout,
            clerk: Arc::new(Mutex::new(clerk)),
        }
    }

    /// Answers, in a form that is made over there, too.
    pub async fn ask<T: Send + 'static>(&self, request: Request, form: fn(&Reply) -> T) -> T {
        let clerk = Arc::clone(&self.clerk);
        let errand = move || {
            let mut clerk = clerk.lock().unwrap_or_else(PoisonError::into_inner);
            form(&told(clerk.answer(request)))
        };
        let answer = self.scout.ask(errand).await;
        answer.unwrap_or_else(|error| form(&told(Err(error))))
    }
}

fn told(answer: Result<Reply>) -> Reply {
    answer.unwrap_or_else(|error| Reply::Refused {
        usage: Exit::of_error(&error) == Exit::Usage,
        reason: format!("{error:#}"),
    })
}

impl Clerk {
    fn answer(&mut self, request: Request) -> Result<Reply> {
        match request {
            Request::Survey { netns } => self.survey(&netns),
            Request::Find(wanted) => self.find(wanted),
            Request::Report(inquiry) => self.report(&inquiry),
            Request::Openers => name_openers(&self.observer, &mut self.before).map(Reply::Openers),
        }
    }

    fn survey(&mut self, netns: &[NetnsFilter]) -> Result<Reply> {
        let surveyor = &mut self.instruments.surveyor;
        if netns.is_empty() {
            return Ok(Reply::Survey(surveyor.survey(|_| true)?));
        }
        let mut found = Discovery::new().context("cannot look for network namespaces")?;
        let inums = netns.iter().map(|netns| {
            let inum = selector(netns).resolve(&mut found);
            inum.map_err(usage)
        });
        let inums: HashSet<u32> = inums.collect::<Result<_>>()?;
        let is_wanted = |id: &NetnsId| inums.contains(&id.inum);
        Ok(Reply::Survey(surveyor.survey(is_wanted)?))
    }

    fn find(&self, wanted: Wanted) -> Result<Reply> {
        let Wanted {
            ask,
            netns,
            local,
            device,
        } = wanted;
        let target = Target::asked(&AskArgs {
            tuple: ask,
            netns: Some(selector(&netns)),
            local,
            device,
            range: None,
        })?;
        let mut tuple = target.tuple();
        let known = self.observer.namespaces().into_iter();
        // As the stream has it: by its cookie, where that is known.
        let same = known.filter(|known| known.id.inum == tuple.netns.inum);
        if let Some(namespace) = same.max_by_key(|known| known.id.cookie) {
            tuple.netns = namespace.id;
        }
        Ok(Reply::Found(tuple))
    }

    fn report(&mut self, inquiry: &Inquiry) -> Result<Reply> {
        let mut target = Target::of(&inquiry.tuple)?;
        target.question.own_range = inquiry.range.map(|range| (range.low, range.high));
        let report = investigate(
            &target,
            &inquiry.watched,
            &self.observer,
            &mut self.instruments.ports,
            inquiry.asked,
        )?;
        Ok(Reply::Report(Box::new(report)))
    }
}

/// Never a path: whoever asks may not have the right to open it.
fn selector(netns: &NetnsFilter) -> Selector {
    match netns {
        NetnsFilter::Inum(inum) => Selector::Inum(*inum),
        NetnsFilter::Name(name) => Selector::Name(name.clone()),
    }
}
