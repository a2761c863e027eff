//! Where the members are that the kernel side reads, for the running kernel.
//!
//! Rust emits no CO-RE relocations and the layout differs between builds of one release, so the
//! offsets are resolved from the kernel's own type information at every start. A member of another
//! size than the kernel side reads is an error, never a guess.

mod ports;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use portwatch_common::{NO_MEMBER, Offsets};

use super::btf::{Btf, BtfError, Kind, Member};
use table::{ENTRIES, Entry, Shape};

/// A structure of the running kernel is not as the kernel side needs it.
#[derive(Debug, thiserror::Error)]
#[error("kernel {kernel}: {structure}.{member}: {problem}")]
pub struct OffsetsError {
    /// Kernel release.
    pub kernel: String,
    /// The structure's name.
    pub structure: &'static str,
    /// The member's path in it.
    pub member: &'static str,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a member.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It can't be found.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// It is of another size.
    #[error("{found} bytes, not {expected}")]
    Size {
        /// Size that the kernel side reads, bytes.
        expected: u32,
        /// Size in the running kernel, bytes.
        found: u32,
    },
    /// It is a different thing.
    #[error("not {0}")]
    Shape(&'static str),
}

/// Resolves every member that the kernel side reads.
///
/// # Errors
/// When a member is missing or not of the shape that the kernel side reads.
pub fn resolve(btf: &Btf, kernel_release: &str) -> Result<Offsets, OffsetsError> {
    let mut offsets = Offsets::default();
    let fail = |structure, member, problem| OffsetsError {
        kernel: kernel_release.to_owned(),
        structure,
        member,
        problem,
    };
    for entry in ENTRIES {
        let offset = entry
            .resolve(btf)
            .map_err(|problem| fail(entry.structure, entry.member, problem))?;
        *(entry.field)(&mut offsets) = offset;
    }
    net_cookie(btf, &mut offsets).map_err(|problem| fail("net", "net_cookie", problem))?;
    sk_userlocks(btf, &mut offsets).map_err(|problem| fail("sock", "sk_userlocks", problem))?;
    tw_connect_bind(btf, &mut offsets)
        .map_err(|problem| fail("inet_timewait_sock", "tw_connect_bind", problem))?;
    local_ports(btf, &mut offsets).map_err(|problem| fail("net", LOCAL_PORTS, problem))?;
    ports::resolve(btf, &mut offsets)
        .map_err(|(structure, member, problem)| fail(structure, member, problem))?;
    walk::resolve(btf, &mut offsets)
        .map_err(|(structure, member, problem)| fail(structure, member, problem))?;
    Ok(offsets)
}

impl Entry {
    fn resolve(&self, btf: &Btf) -> Result<u32, Problem> {
        let member = btf.member(self.structure, self.member)?;
        let expected = match self.shape {
            Shape::Pointer if member.kind != Kind::Ptr => return Err(Problem::Shape("a pointer")),
            Shape::Pointer => size_of::<u64>() as u32,
            Shape::Struct if member.kind != Kind::Struct => {
                return Err(Problem::Shape("a structure"));
            }
            Shape::Struct => member.size,
            Shape::Words { index }
                if member.kind != Kind::Array || member.size < 8 * (index + 1) =>
            {
                return Err(Problem::Shape("an array that long"));
            }
            Shape::Words { index } => {
                whole(&member, member.size)?;
                return Ok(member.byte_offset.saturating_add(8 * index));
            }
            Shape::Bytes(size) => size,
        };
        whole(&member, expected)?;
        Ok(member.byte_offset)
    }
}

/// A member that is no bit-field and has the size expected.
fn whole(member: &Member, expected: u32) -> Result<(), Problem> {
    if member.bitfield_size.is_some() {
        return Err(Problem::Shape("a whole number of bytes"));
    }
    if member.size != expected {
        return Err(Problem::Size {
            expected,
            found: member.size,
        });
    }
    Ok(())
}

/// Before 5.12 the cookie was made at its first use (`net_gen_cookie`) and kept in an `atomic64_t`:
/// a namespace that has none at first and one later would be two. The kernel side does without it
/// there.
fn net_cookie(btf: &Btf, offsets: &mut Offsets) -> Result<(), Problem> {
    let member = btf.member("net", "net_cookie")?;
    whole(&member, 8)?;
    offsets.net_net_cookie = if member.kind == Kind::Struct {
        NO_MEMBER
    } else {
        member.byte_offset
    };
    Ok(())
}

/// A bit-field up to 6.1, which the kernel side does without.
fn sk_userlocks(btf: &Btf, offsets: &mut Offsets) -> Result<(), Problem> {
    let member = btf.member("sock", "sk_userlocks")?;
    offsets.sock_sk_userlocks = if member.bitfield_size.is_some() {
        NO_MEMBER
    } else {
        whole(&member, 1)?;
        member.byte_offset
    };
    Ok(())
}

/// New in 6.18, and in 6.17.13.
fn tw_connect_bind(btf: &Btf, offsets: &mut Offsets) -> Result<(), Problem> {
    let member = match btf.member("inet_timewait_sock", "tw_connect_bind") {
        Err(BtfError::NoSuchMember { .. }) => {
            offsets.inet_timewait_sock_tw_connect_bind = NO_MEMBER;
            return Ok(());
        }
        found => found?,
    };
    if member.bitfield_size != Some(1) {
        return Err(Problem::Shape("a bit-field of one bit"));
    }
    offsets.inet_timewait_sock_tw_connect_bind = member.byte_offset;
    offsets.inet_timewait_sock_tw_connect_bind_bit = member.bit_offset.into();
    Ok(())
}

const LOCAL_PORTS: &str = "ipv4.ip_local_ports.range";

/// `int range[2]` up to 6.1, later one word.
fn local_ports(btf: &Btf, offsets: &mut Offsets) -> Result<(), Problem> {
    let member = btf.member("net", LOCAL_PORTS)?;
    let is_array = member.kind == Kind::Array;
    whole(&member, if is_array { 8 } else { 4 })?;
    offsets.net_ip_local_ports_range = member.byte_offset;
    offsets.net_ip_local_ports_range_is_array = is_array.into();
    Ok(())
}
