//! What a port's price depends on, as far as kernels keep it in different shapes.

use portwatch_common::{NO_MEMBER, Offsets};

use super::{Problem, whole};
use crate::kernel::btf::{Btf, BtfError, Kind, Member};

pub(super) type Fault = (&'static str, &'static str, Problem);

const DEATH_ROW: &str = "ipv4.tcp_death_row";
const TW_REUSE: &str = "ipv4.sysctl_tcp_tw_reuse";
const TIMESTAMPS: &str = "ipv4.sysctl_tcp_timestamps";

/// Resolves them.
pub(super) fn resolve(btf: &Btf, offsets: &mut Offsets) -> Result<(), Fault> {
    hashinfo(btf, offsets).map_err(|problem| ("net", DEATH_ROW, problem))?;
    offsets.inet_bind_hashbucket_size = btf
        .struct_size("inet_bind_hashbucket")
        .map_err(|error| ("inet_bind_hashbucket", "(size)", error.into()))?;
    let setting = |name| small(btf, name).map_err(|problem| ("net", name, problem));
    offsets.net_sysctl_tcp_tw_reuse = setting(TW_REUSE)?;
    offsets.net_sysctl_tcp_timestamps = setting(TIMESTAMPS)?;
    let word = |structure, member| {
        optional(btf, structure, member)
            .and_then(|found| match found {
                None => Ok(NO_MEMBER),
                Some(found) => whole(&found, 4).map(|()| found.byte_offset),
            })
            .map_err(|problem| (structure, member, problem))
    };
    offsets.net_sysctl_tcp_tw_reuse_delay = word("net", "ipv4.sysctl_tcp_tw_reuse_delay")?;
    offsets.inet_timewait_sock_tw_entry_stamp = word("inet_timewait_sock", "tw_entry_stamp")?;
    local_port_range(btf, offsets).map_err(|problem| ("inet_sock", "local_port_range", problem))
}

/// Part of `struct net` in every kernel tried; for a while between 5.15 and 6.1 it was a pointer.
fn hashinfo(btf: &Btf, offsets: &mut Offsets) -> Result<(), Problem> {
    let pointer = |found: Member| match found.kind {
        Kind::Ptr => Ok(found.byte_offset),
        _ => Err(Problem::Shape("a pointer")),
    };
    let row = btf.member("net", DEATH_ROW)?;
    if row.kind == Kind::Ptr {
        offsets.net_tcp_death_row = row.byte_offset;
        let inner = btf.member("inet_timewait_death_row", "hashinfo")?;
        offsets.inet_timewait_death_row_hashinfo = pointer(inner)?;
    } else {
        offsets.net_tcp_death_row = pointer(btf.member("net", "ipv4.tcp_death_row.hashinfo")?)?;
        offsets.inet_timewait_death_row_hashinfo = NO_MEMBER;
    }
    Ok(())
}

/// A setting that was `int`, later `u8`: its values 0 to 2 stand in the first byte of either.
fn small(btf: &Btf, name: &str) -> Result<u32, Problem> {
    let found = btf.member("net", name)?;
    whole(&found, if found.size == 4 { 4 } else { 1 })?;
    Ok(found.byte_offset)
}

/// Two halves at first, since 6.8 one word; that change also ended the rounding of a socket's own
/// range to an even number of ports (`__inet_hash_connect`).
fn local_port_range(btf: &Btf, offsets: &mut Offsets) -> Result<(), Problem> {
    offsets.inet_sock_local_port_range = NO_MEMBER;
    offsets.inet_sock_local_port_range_is_struct = 0;
    if let Some(found) = optional(btf, "inet_sock", "local_port_range")? {
        whole(&found, 4)?;
        offsets.inet_sock_local_port_range = found.byte_offset;
        offsets.inet_sock_local_port_range_is_struct = (found.kind == Kind::Struct).into();
    }
    Ok(())
}

fn optional(btf: &Btf, structure: &str, member: &str) -> Result<Option<Member>, Problem> {
    match btf.member(structure, member) {
        Err(BtfError::NoSuchMember { .. }) => Ok(None),
        found => Ok(Some(found?)),
    }
}

#[cfg(test)]
mod tests {
    use portwatch_common::{NO_MEMBER, Offsets};

    use super::{TW_REUSE, hashinfo, local_port_range, small};
    use crate::kernel::btf::{Btf, fixture::Fixture};

    /// `struct net` with `tcp_death_row` in it, or behind a pointer.
    fn net(behind_a_pointer: bool) -> Btf {
        let mut fixture = Fixture::new();
        let int = fixture.int("int", 4);
        let pointer = fixture.pointer(0);
        let members = [("tw_refcount", int, 0), ("hashinfo", pointer, 64)];
        let row = fixture.structure("inet_timewait_death_row", 16, &members);
        let to_row = fixture.pointer(row);
        let row = if behind_a_pointer { to_row } else { row };
        let members = [
            ("sysctl_tcp_tw_reuse", int, 32),
            ("tcp_death_row", row, 128),
        ];
        let ipv4 = fixture.structure("netns_ipv4", 64, &members);
        fixture.structure("net", 128, &[("ipv4", ipv4, 256)]);
        let word = fixture.int("u32", 4);
        fixture.structure("inet_sock", 8, &[("local_port_range", word, 32)]);
        fixture.build()
    }

    #[test]
    fn the_table_is_found_in_either_place() {
        let mut offsets = Offsets::default();
        hashinfo(&net(false), &mut offsets).unwrap();
        assert_eq!(offsets.net_tcp_death_row, 32 + 16 + 8);
        assert_eq!(offsets.inet_timewait_death_row_hashinfo, NO_MEMBER);
        hashinfo(&net(true), &mut offsets).unwrap();
        assert_eq!(offsets.net_tcp_death_row, 32 + 16);
        assert_eq!(offsets.inet_timewait_death_row_hashinfo, 8);
    }

    #[test]
    fn settings_of_either_size() {
        let btf = net(false);
        assert_eq!(small(&btf, TW_REUSE).unwrap(), 32 + 4);
        let mut offsets = Offsets::default();
        local_port_range(&btf, &mut offsets).unwrap();
        assert_eq!(offsets.inet_sock_local_port_range, 4);
        assert_eq!(offsets.inet_sock_local_port_range_is_struct, 0);
    }
}
