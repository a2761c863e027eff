use std::{pin::pin, time::Duration};

use anyhow::{Context, Result, anyhow, bail, ensure};
use tokio::time::{Instant, sleep_until};

use super::{filter, worst};
use crate::{
    cli::{ExplainArgs, Whom},
    commands::{
        ask::own_netns,
        end::end,
        served::{Served, Told, netns},
    },
    model::{Ask, Chronicle, Inquiry, Item, Reply, Report, Request, Tuple, Wanted, Watched},
};

/// How long the first look at the counters may take: a daemon takes one each `--interval`.
const FIRST: Duration = Duration::from_secs(30);
/// How much longer than asked for to wait for the second one, which a trend needs.
const SECOND: Duration = Duration::from_secs(3);
/// Namespaces that may be gone when it comes to a closer look.
const GONE: usize = 8;

/// The report, by what a daemon tells and answers; none where no connection holds an ephemeral port.
pub(super) async fn explain(args: &ExplainArgs, mut served: Served) -> Result<Option<Report>> {
    let filter = filter(args)?;
    let mut session = Session::default();
    let asked = match args.whom {
        Some(Whom::Tuple(ask)) => Some(find(args, ask, &mut served, &mut session).await?),
        _ => None,
    };
    session.watch(&mut served, args.look).await?;
    let (mut gone, mut last) = (Vec::new(), None);
    loop {
        let is_wanted = |tuple: &Tuple| filter.tuple(tuple) && !gone.contains(&tuple.netns.inum);
        let worst = || worst(&session.chronicle, is_wanted).cloned();
        let Some(tuple) = asked.clone().or_else(worst) else {
            return last.map_or(Ok(None), Err);
        };
        let inum = tuple.netns.inum;
        let inquiry = Inquiry {
            range: args.range,
            watched: Watched::of(&tuple, &session.chronicle),
            asked: args.whom.is_some(),
            tuple,
        };
        match served.ask(&Request::Report(Box::new(inquiry)), drop).await {
            Ok(Reply::Report(report)) => return Ok(Some(*report)),
            Ok(_) => bail!("the daemon answered another question"),
            Err(error) if asked.is_some() || gone.len() >= GONE => return Err(error),
            Err(error) => {
                gone.push(inum);
                last = Some(anyhow!("the worst tuple can't be looked at: {error:#}"));
            }
        }
    }
}

/// The tuple that was asked for, as the daemon knows it.
async fn find(
    args: &ExplainArgs,
    ask: Ask,
    served: &mut Served,
    session: &mut Session,
) -> Result<Tuple> {
    let request = Request::Find(Wanted {
        ask,
        netns: netns(args.netns.as_ref().unwrap_or(&own_netns()))?,
        local: args.local,
        device: args.device.clone(),
    });
    match served.ask(&request, |item| session.take(&item)).await? {
        Reply::Found(tuple) => Ok(tuple),
        _ => bail!("the daemon answered another question"),
    }
}

/// What was told so far.
#[derive(Default)]
struct Session {
    chronicle: Chronicle,
    intervals: u32,
}

impl Session {
    fn take(&mut self, item: &Item) {
        self.intervals += u32::from(matches!(item, Item::Interval(_)));
        self.chronicle.take(item);
    }

    /// Watches for so long, and longer where that was not enough.
    async fn watch(&mut self, served: &mut Served, look: Duration) -> Result<()> {
        let mut asked_to_end = pin!(end(None));
        let enough = Instant::now() + look;
        loop {
            let more = match self.intervals {
                0 => FIRST,
                1 => SECOND,
                _ => Duration::ZERO,
            };
            tokio::select! {
                biased;
                ending = &mut asked_to_end => {
                    ending.context("cannot wait for signals")?;
                    break;
                }
                () = sleep_until(enough + more) => break,
                told = served.next() => {
                    if let Told::Item(item) = told? {
                        self.take(&item);
                    }
                }
            }
        }
        ensure!(
            self.intervals > 0,
            "the daemon has told no counts yet; look again later"
        );
        Ok(())
    }
}
