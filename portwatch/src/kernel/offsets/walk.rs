//! Where a walk over the sockets is, on kernels whose walks leave out a bucket.

use portwatch_common::{NO_MEMBER, Offsets};

use super::{Problem, ports::Fault, whole};
use crate::kernel::btf::{Btf, BtfError};

/// The state of an `iter/tcp` program's walk, which begins with the `struct tcp_iter_state`.
const STATE: &str = "bpf_tcp_iter_state";
/// Came with 5.15 and the fault (`bpf_iter_tcp_batch`), went with 6.17 and the fault; so it did in stable
/// kernels that took that change over, as 6.12.117 has it.
const MARK: &str = "st_bucket_done";
/// Pointers alone: the kernel side finds a bucket of the table by its number.
const BUCKET: &str = "inet_ehash_bucket";

/// Resolves it.
pub(super) fn resolve(btf: &Btf, offsets: &mut Offsets) -> Result<(), Fault> {
    let table = |problem| (BUCKET, "(size)", problem);
    match btf
        .struct_size(BUCKET)
        .map_err(|error| table(error.into()))?
    {
        8 => {}
        found => return Err(table(Problem::Size { expected: 8, found })),
    }
    offsets.tcp_iter_state_bucket = match btf.member(STATE, MARK) {
        Err(BtfError::NoSuchStruct(_) | BtfError::NoSuchMember { .. }) => NO_MEMBER,
        Err(error) => return Err((STATE, MARK, error.into())),
        Ok(_) => bucket(btf).map_err(|problem| ("tcp_iter_state", "bucket", problem))?,
    };
    Ok(())
}

fn bucket(btf: &Btf) -> Result<u32, Problem> {
    let found = btf.member("tcp_iter_state", "bucket")?;
    whole(&found, 4)?;
    Ok(found.byte_offset)
}

#[cfg(test)]
mod tests {
    use portwatch_common::{NO_MEMBER, Offsets};

    use super::{MARK, STATE, resolve};
    use crate::kernel::btf::{Btf, fixture::Fixture};

    /// With an iterator whose state has this member.
    fn kernel(member: &str) -> Btf {
        let mut fixture = Fixture::new();
        let int = fixture.int("int", 4);
        let pointer = fixture.pointer(0);
        fixture.structure("inet_ehash_bucket", 8, &[("chain", pointer, 0)]);
        fixture.structure("tcp_iter_state", 32, &[("bucket", int, 192)]);
        fixture.structure(STATE, 48, &[(member, int, 320)]);
        fixture.build()
    }

    #[test]
    fn the_place_is_known_only_where_a_bucket_is_left_out() {
        let bucket = |btf: &Btf| {
            let mut offsets = Offsets::default();
            resolve(btf, &mut offsets).unwrap();
            offsets.tcp_iter_state_bucket
        };
        assert_eq!(bucket(&kernel(MARK)), 24);
        assert_eq!(bucket(&kernel("cur_sk")), NO_MEMBER);
    }
}
