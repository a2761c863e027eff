//! Every network namespace of the kernel, without entering any: a program walks the kernel's list.

use std::{collections::HashMap, time::Duration};

use portwatch_common::{NetnsPage, NetnsRow, ReservedPorts};

use super::{TracerError, object::Object};
use crate::model::{PortRange, PortSet};

/// Walks that a changing list may break before we give up.
const ATTEMPTS: usize = 8;
/// Pages that one walk may have: 131,072 namespaces.
const PAGES: usize = 4096;

/// A namespace as the kernel's own structures tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// See `TupleKey::netns`.
    pub cookie: u64,
    /// Inode number.
    pub inum: u32,
    /// `ip_local_port_range`.
    pub range: PortRange,
    /// Ports of the range in `ip_local_reserved_ports`.
    pub reserved: u32,
    /// Ports of the range that are held through bind and not reserved; none before somebody looked.
    pub blocked: Option<u32>,
    /// Address of its `struct net`.
    pub net: u64,
    /// `tcp_tw_reuse`.
    pub tw_reuse: u8,
    /// `tcp_tw_reuse_delay`, milliseconds.
    pub tw_reuse_delay_ms: u32,
    /// `tcp_timestamps`.
    pub timestamps: bool,
}

impl Found {
    /// Capacity of every tuple in it, as far as it is known.
    pub fn capacity(&self) -> u32 {
        self.range
            .len()
            .saturating_sub(self.reserved)
            .saturating_sub(self.blocked.unwrap_or(0))
    }

    /// `tcp_tw_reuse`, as the model has it.
    pub fn tw_reuse(&self) -> Option<u8> {
        Some(self.tw_reuse)
    }

    /// `tcp_tw_reuse_delay`, as the model has it.
    pub fn tw_reuse_delay(&self) -> Option<Duration> {
        let delay = Duration::from_millis(self.tw_reuse_delay_ms.into());
        (!delay.is_zero()).then_some(delay)
    }
}

/// Lists the namespaces that exist, by cookie. The programs `netns_list` and `netns_reserved` must
/// be loaded. The reserved ports of a namespace that is in `known` with the same range are taken
/// from there: reading them copies 8 KiB.
///
/// # Errors
/// When a program can't run, or the list never held still.
pub(super) fn list(
    object: &mut Object,
    known: &HashMap<u64, Found>,
) -> Result<HashMap<u64, Found>, TracerError> {
    for _ in 0..ATTEMPTS {
        if let Some(rows) = walk(object)? {
            let rows = rows.into_iter();
            return rows
                .map(|row| Ok((row.cookie, complete(object, row, known.get(&row.cookie))?)))
                .collect();
        }
    }
    Err(TracerError::Refused {
        what: "listing the network namespaces".into(),
        reason: format!("the kernel's list changed under {ATTEMPTS} walks"),
    })
}

/// One walk; none when it broke.
fn walk(object: &mut Object) -> Result<Option<Vec<NetnsRow>>, TracerError> {
    let mut rows: HashMap<u64, NetnsRow> = HashMap::new();
    let (mut cursor, mut start) = (0, 0);
    for _ in 0..PAGES {
        object.run("netns_list", &[cursor, start])?;
        let NetnsPage {
            cursor: next,
            start: began,
            count,
            broken,
            rows: page,
        } = object.element("NETNS_PAGE")?;
        if broken != 0 {
            return Ok(None);
        }
        let filled = page.iter().take(count as usize).filter(|row| row.net != 0);
        rows.extend(filled.map(|row| (row.cookie, *row)));
        if next == 0 {
            return Ok(Some(rows.into_values().collect()));
        }
        (cursor, start) = (next, began);
    }
    Ok(None)
}

fn complete(
    object: &mut Object,
    row: NetnsRow,
    known: Option<&Found>,
) -> Result<Found, TracerError> {
    let range = PortRange {
        low: row.low,
        high: row.high,
    };
    let known = known.filter(|known| known.range == range);
    let reserved = match known {
        Some(known) => known.reserved,
        None => reserved_ports(object, row.net)?
            .intersection(&PortSet::of_range(range))
            .len(),
    };
    Ok(Found {
        cookie: row.cookie,
        inum: row.inum,
        range,
        reserved,
        blocked: known.and_then(|known| known.blocked),
        net: row.net,
        tw_reuse: row.tw_reuse as u8,
        tw_reuse_delay_ms: row.tw_reuse_delay_ms,
        timestamps: row.timestamps != 0,
    })
}

/// The reserved ports of the `struct net` at this address. A namespace that has just gone has none.
///
/// # Errors
/// When the program `netns_reserved` can't run.
pub(super) fn reserved_ports(object: &mut Object, net: u64) -> Result<PortSet, TracerError> {
    object.run("netns_reserved", &[net])?;
    let reserved: ReservedPorts = object.element("RESERVED")?;
    Ok(if reserved.net == net {
        PortSet::of_bitmap(&reserved.bitmap)
    } else {
        PortSet::default()
    })
}
