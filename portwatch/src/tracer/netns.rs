//! Every network namespace of the kernel, without entering any: a program walks the kernel's list.

use std::collections::HashMap;

use aya::maps::Array;
use portwatch_common::{NetnsPage, NetnsRow, ReservedPorts};

use super::{TracerError, object::Object, pod::Plain};
use crate::{kernel::sysctl::reserved_in_range, model::PortRange};

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
}

impl Found {
    /// Capacity of every tuple in it.
    pub fn capacity(&self) -> u32 {
        self.range.len().saturating_sub(self.reserved)
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
        } = read(object, "NETNS_PAGE")?;
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
    let reserved = match known.filter(|known| known.range == range) {
        Some(known) => known.reserved,
        None => reserved(object, row.net, range)?,
    };
    Ok(Found {
        cookie: row.cookie,
        inum: row.inum,
        range,
        reserved,
    })
}

/// Counts the reserved ports of a range. A namespace that has just gone has none.
fn reserved(object: &mut Object, net: u64, range: PortRange) -> Result<u32, TracerError> {
    object.run("netns_reserved", &[net])?;
    let reserved: ReservedPorts = read(object, "RESERVED")?;
    Ok(if reserved.net == net {
        reserved_in_range(&reserved.bitmap, range)
    } else {
        0
    })
}

/// The one element of an array.
fn read<T>(object: &mut Object, name: &str) -> Result<T, TracerError>
where
    T: zerocopy::FromBytes + zerocopy::IntoBytes + zerocopy::Immutable + Copy + 'static,
{
    let map = object.map(name)?;
    let array: Array<_, Plain<T>> = map
        .try_into()
        .map_err(|error| TracerError::from_aya(&format!("map {name}"), &error))?;
    let Plain(value) = array
        .get(&0, 0)
        .map_err(|error| TracerError::from_aya(&format!("reading map {name}"), &error))?;
    Ok(value)
}
