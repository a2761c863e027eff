use crate::{
    commands::{lookups::Lookups, served::Asker},
    model::{Chronicle, Inquiry, Request, Tuple, Watched},
};

/// Who looks things up.
pub(super) enum Looks {
    /// We do.
    Own(Lookups),
    /// A daemon.
    Served(Asker),
}

impl Looks {
    /// Has a tuple looked at closely. False where another one is still looked at.
    pub fn report(&self, tuple: &Tuple, chronicle: &Chronicle) -> bool {
        match self {
            Self::Own(lookups) => lookups.report(tuple, chronicle),
            Self::Served(asker) => {
                let inquiry = Inquiry {
                    tuple: tuple.clone(),
                    range: None,
                    watched: Watched::of(tuple, chronicle),
                    asked: false,
                };
                ask(asker, &Request::Report(Box::new(inquiry)))
            }
        }
    }

    /// Has everybody named who opened connections. False where that is under way.
    pub fn openers(&self) -> bool {
        match self {
            Self::Own(lookups) => lookups.openers(),
            Self::Served(asker) => ask(asker, &Request::Openers),
        }
    }
}

fn ask(asker: &Asker, request: &Request) -> bool {
    if asker.waits_for(request) {
        return false;
    }
    let asked = asker.ask(request);
    if let Err(error) = &asked {
        log::warn!("{error:#}");
    }
    asked.is_ok()
}
