//! The bucket that the kernel's walks leave out, from 5.15 to 6.16 (`hooks::bucket` of the kernel side).

use std::collections::BTreeSet;

use portwatch_common::{BucketPage, Look};

use super::{TracerError, object::Object};

/// The program that lists the sockets of a bucket.
pub(super) const BUCKET_SCAN: &str = "bucket_scan";
/// The program that takes a socket into the set.
pub(super) const TRACK_AT: &str = "track_at";
/// The program that looks at a socket.
pub(super) const LOOK_AT: &str = "look_at";

/// Walks along a chain that changes may break; what each has found counts.
const ATTEMPTS: usize = 8;
/// Pages that one walk may have: 65,536 sockets.
const PAGES: usize = 1024;

/// The sockets of a namespace in a bucket of the kernel's table of connections; none on kernels that
/// leave out nothing. The program [`BUCKET_SCAN`] must be loaded.
///
/// # Errors
/// When the program can't run.
fn sockets(object: &mut Object, net: u64, bucket: u32) -> Result<BTreeSet<u64>, TracerError> {
    let mut sockets = BTreeSet::new();
    for _ in 0..ATTEMPTS {
        let mut cursor = 0;
        for _ in 0..PAGES {
            object.run(BUCKET_SCAN, &[net, bucket.into(), cursor])?;
            let page: BucketPage = object.element("BUCKET_PAGE")?;
            let found = page.sockets.iter().take(page.count as usize);
            sockets.extend(found.filter(|socket| **socket != 0));
            if page.broken != 0 {
                break;
            }
            if page.cursor == 0 {
                return Ok(sockets);
            }
            cursor = page.cursor;
        }
    }
    Ok(sockets)
}

/// Takes the sockets of a bucket into the set. The program [`TRACK_AT`] must be loaded too.
///
/// # Errors
/// When a program can't run.
pub(super) fn track(object: &mut Object, net: u64, bucket: u32) -> Result<(), TracerError> {
    sockets(object, net, bucket)?
        .into_iter()
        .try_for_each(|socket| object.run(TRACK_AT, &[socket]))
}

/// Looks at the sockets of a bucket, by what the map `WALK` wants. The program [`LOOK_AT`] must be
/// loaded too.
///
/// # Errors
/// When a program can't run.
pub(super) fn look(object: &mut Object, net: u64, bucket: u32) -> Result<Vec<Look>, TracerError> {
    let mut looks = Vec::new();
    for socket in sockets(object, net, bucket)? {
        object.run(LOOK_AT, &[socket])?;
        let look: Look = object.element("LOOK")?;
        if look.local_port != 0 {
            looks.push(look);
        }
    }
    Ok(looks)
}
