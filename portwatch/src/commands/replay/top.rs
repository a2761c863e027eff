use std::io::Read;

use anyhow::Result;
use jiff::tz::TimeZone;

use super::ending;
use crate::{
    cli::{ReplayArgs, Speed, ViewArgs},
    commands::top::{Recorded, replay, require_terminal},
    exit::Exit,
    model::{Filter, Item, Ratios},
    output::tui::{Column, GroupBy},
    recording::{Header, Reader},
};

/// Shows the table as `top` did or would have.
pub(super) fn run(
    args: &ReplayArgs,
    header: Header,
    mut reader: Reader<impl Read>,
    filter: Filter,
) -> Result<Exit> {
    require_terminal()?;
    let items: Vec<Item> = reader.by_ref().collect();
    let last = items.last().map(Item::time);
    let recorded = Recorded {
        items,
        host: header.host,
        ratios: Ratios::new(header.warning, header.critical).unwrap_or_default(),
        speed: args.speed.map_or(1.0, Speed::times),
    };
    let view = ViewArgs {
        sort: Column::default(),
        group: GroupBy::default(),
        freeze: false,
        color: args.color,
    };
    replay(recorded, &view, filter)?;
    Ok(ending::tell(reader.end(), last, &TimeZone::system()))
}
