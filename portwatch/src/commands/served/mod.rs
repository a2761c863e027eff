//! A daemon's programs, in place of our own: what it tells, and what it is asked.

mod asker;
mod dial;
mod words;

use std::{path::Path, thread};

use anyhow::{Context, Result, anyhow};
use jiff::tz::TimeZone;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::dial::Dialed;
pub(super) use self::{
    asker::Asker,
    dial::{Line, dial},
    words::netns,
};
use crate::{
    cli::{SOCKET, ServedArgs},
    exit::Refusal,
    model::{Item, Ratios, Reply, Request},
    output::escape,
    recording::{End, Header, Said},
};

/// A daemon that tells what happens.
pub(super) struct Served {
    header: Header,
    said: UnboundedReceiver<Result<Said, End>>,
    asker: Asker,
    /// Its socket.
    name: String,
}

/// What a daemon tells.
pub(super) enum Told {
    /// What happens.
    Item(Item),
    /// The answer to the oldest question that was open.
    Reply(Reply),
}

impl Served {
    /// The daemon whose programs do for a command; none where it is to load its own. `wanted` are the
    /// items that it needs: the others cost it no memory.
    ///
    /// # Errors
    /// When the one that was asked for can't be used.
    pub fn find(args: &ServedArgs, wanted: fn(&Item) -> bool) -> Result<Option<Self>> {
        let Some((path, (stream, header, mut reader))) = reach(args)? else {
            return Ok(None);
        };
        let (sender, said) = unbounded_channel();
        // Whoever looks at the output may be slow; the daemon is not to notice.
        let read = move || {
            while let Some(said) = reader.hear() {
                let needed = !matches!(&said, Said::Item(item) if !wanted(item));
                if needed && sender.send(Ok(said)).is_err() {
                    return;
                }
            }
            let end = reader.end().cloned().unwrap_or(End::Complete);
            let _ = sender.send(Err(end));
        };
        let thread = thread::Builder::new().name("served".to_owned());
        thread.spawn(read).context("cannot start a thread")?;
        Ok(Some(Self {
            header,
            said,
            asker: Asker::new(stream),
            name: path.display().to_string(),
        }))
    }

    /// A sentence on where the counts are from.
    pub fn origin(&self) -> String {
        let since = self.header.started.to_zoned(TimeZone::system());
        format!(
            "by the daemon at {}, which has watched since {}",
            escape(&self.name),
            since.strftime("%F %T")
        )
    }

    /// The thresholds that hold there.
    pub fn ratios(&self) -> Ratios {
        Ratios::new(self.header.warning, self.header.critical).unwrap_or_default()
    }

    /// A way to ask it.
    pub fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// What comes next. Waits until there is something; nothing is lost when the wait is cut short.
    ///
    /// # Errors
    /// When the daemon ends, or ends this.
    pub async fn next(&mut self) -> Result<Told> {
        loop {
            match self.said.recv().await {
                Some(Ok(said)) => {
                    if let Some(told) = self.told(said) {
                        return Ok(told);
                    }
                }
                Some(Err(end)) => return Err(self.ended(&end)),
                None => return Err(self.ended(&End::Complete)),
            }
        }
    }

    /// All that has come and was not taken.
    pub fn left(&mut self) -> Vec<Item> {
        let mut left = Vec::new();
        while let Ok(Ok(said)) = self.said.try_recv() {
            if let Some(Told::Item(item)) = self.told(said) {
                left.push(item);
            }
        }
        left
    }

    /// Asks, and waits for the answer. `meanwhile` is told what happens.
    ///
    /// # Errors
    /// When it is refused, or the daemon ends.
    pub async fn ask(
        &mut self,
        request: &Request,
        mut meanwhile: impl FnMut(Item),
    ) -> Result<Reply> {
        self.asker.ask(request)?;
        loop {
            match self.next().await? {
                Told::Item(item) => meanwhile(item),
                Told::Reply(reply) => return accepted(reply),
            }
        }
    }

    fn told(&self, said: Said) -> Option<Told> {
        match said {
            Said::Item(item) => Some(Told::Item(item)),
            Said::Note(note) => {
                eprintln!("portwatch: {}", escape(&note));
                None
            }
            Said::Reply(reply) => {
                self.asker.answered();
                Some(Told::Reply(reply))
            }
        }
    }

    fn ended(&self, end: &End) -> anyhow::Error {
        let name = escape(&self.name);
        match end {
            End::Complete => {
                anyhow!("the daemon at {name} has ended this; start it again, or use --standalone")
            }
            End::Cut { .. } => anyhow!(
                "the daemon at {name} is gone, or this program was too slow for it; try again, or use \
                 --standalone"
            ),
            End::Damaged { .. } => anyhow!("what the daemon at {name} tells can't be understood"),
            End::Unreadable { reason, .. } => anyhow!("cannot read from {name}: {reason}"),
        }
    }
}

/// Asks the daemon whose programs do for a command a single question; none where there is none.
///
/// # Errors
/// When the one that was asked for can't be used, or any refuses.
pub(super) fn ask_once(args: &ServedArgs, request: &Request) -> Result<Option<Reply>> {
    let Some((path, (stream, _, mut reader))) = reach(args)? else {
        return Ok(None);
    };
    Asker::new(stream).ask(request)?;
    let mut last = None;
    while let Some(said) = reader.hear() {
        match said {
            Said::Reply(reply) => return accepted(reply).map(Some),
            Said::Note(note) => last = Some(note),
            Said::Item(_) => {}
        }
    }
    let last = last.unwrap_or_else(|| "the daemon ended without an answer".to_owned());
    Err(anyhow!("{}: {last}", path.display()))
}

/// Connects to the daemon whose programs do for a command, if there is one.
fn reach(args: &ServedArgs) -> Result<Option<(&Path, Dialed)>> {
    let Some(path) = place(args)? else {
        return Ok(None);
    };
    match dial(path) {
        Ok(dialed) => Ok(Some((path, dialed))),
        Err(error) if args.socket.is_some() => Err(error),
        Err(error) => {
            dial::tell(&error);
            Ok(None)
        }
    }
}

/// The socket to try; none where the command is to load its own programs.
fn place(args: &ServedArgs) -> Result<Option<&Path>> {
    match (&args.own, &args.socket) {
        (Some(own), Some(_)) => Err(Refusal::Usage(format!(
            "{own} takes programs of this command's own, which --socket is instead of: drop one of them"
        ))
        .into()),
        (Some(own), None) => {
            log::info!("{own} takes programs of this command's own");
            Ok(None)
        }
        (None, Some(path)) => Ok(Some(path)),
        (None, None) if args.standalone => Ok(None),
        (None, None) => Ok(Some(Path::new(SOCKET))),
    }
}

/// An answer that is one.
///
/// # Errors
/// When it is a refusal.
fn accepted(reply: Reply) -> Result<Reply> {
    match reply {
        Reply::Refused {
            usage: true,
            reason,
        } => Err(Refusal::Usage(reason).into()),
        Reply::Refused { reason, .. } => Err(anyhow!("the daemon: {reason}")),
        reply => Ok(reply),
    }
}
