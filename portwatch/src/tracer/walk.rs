//! Walks over the kernel's own list of sockets, one namespace at a time.

use std::{
    fs::File,
    io::{self, Read},
};

use aya::programs::Iter;

use super::{TracerError, object::Object};
use crate::kernel::netns::Netns;

/// Reads that a walk may be interrupted in: the kernel shows at most a million sockets a read
/// without output (`MAX_ITER_OBJECTS`, kernel/bpf/bpf_iter.c).
const READS: usize = 4096;

/// Runs an iterator program over every TCP socket of a namespace.
///
/// The namespace of an iterator is that of the thread which creates it (`bpf_iter_init_seq_net`),
/// so a thread of its own enters the namespace for that moment.
///
/// # Errors
/// When the namespace can't be entered or the kernel refuses the iterator.
pub(super) fn walk(object: &mut Object, program: &str, netns: &Netns) -> Result<(), TracerError> {
    let what = || format!("walking the sockets of net:[{}]", netns.inum);
    let aya = |error: &(dyn std::error::Error + 'static)| TracerError::from_aya(&what(), error);
    let iterator = object.program::<Iter>(program)?;
    let id = iterator.attach().map_err(|error| aya(&error))?;
    let link = iterator.take_link(id).map_err(|error| aya(&error))?;
    let file = netns
        .run(|| link.into_file())
        .map_err(|error| TracerError::from_io(&what(), &error))?
        .map_err(|error| aya(&error))?;
    drain(file).map_err(|error| TracerError::from_io(&what(), &error))
}

/// Reads to the end: the programs write nothing, reading is what drives them.
fn drain(mut file: File) -> io::Result<()> {
    let mut buffer = [0; 64];
    for _ in 0..READS {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("the walk does not end"))
}
