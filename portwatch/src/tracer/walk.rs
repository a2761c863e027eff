//! Walks over the kernel's own list of sockets, one namespace at a time.

use std::{
    fs::File,
    io::{self, Read},
};

use aya::programs::Iter;
use portwatch_common::PortRow;
use zerocopy::FromBytes;

use super::{TracerError, object::Object};
use crate::kernel::netns::Netns;

/// Bytes read at a time: the kernel keeps 32 KiB of an iterator's output (`bpf_seq_read`).
const CHUNK: usize = 32 * 1024;

/// Reads that a walk may be interrupted in: the kernel shows at most a million sockets a read
/// without output (`MAX_ITER_OBJECTS`, kernel/bpf/bpf_iter.c).
const READS: usize = 4096;

/// Runs an iterator program over every TCP socket of a namespace, one that writes nothing.
///
/// The namespace of an iterator is that of the thread which creates it (`bpf_iter_init_seq_net`),
/// so a thread of its own enters the namespace for that moment.
///
/// # Errors
/// When the namespace can't be entered or the kernel refuses the iterator.
pub(super) fn walk(object: &mut Object, program: &str, netns: &Netns) -> Result<(), TracerError> {
    let mut nothing = Vec::new();
    run(object, program, netns, &mut nothing)
}

/// Runs an iterator program over every TCP socket of a namespace and takes the records that it
/// writes.
///
/// # Errors
/// As [`walk`].
pub(super) fn rows(
    object: &mut Object,
    program: &str,
    netns: &Netns,
) -> Result<Vec<PortRow>, TracerError> {
    let mut bytes = Vec::new();
    run(object, program, netns, &mut bytes)?;
    let (rows, _) = bytes.as_chunks::<{ size_of::<PortRow>() }>();
    Ok(rows
        .iter()
        .filter_map(|row| PortRow::read_from_bytes(row).ok())
        .collect())
}

fn run(
    object: &mut Object,
    program: &str,
    netns: &Netns,
    output: &mut Vec<u8>,
) -> Result<(), TracerError> {
    let what = || format!("walking the sockets of net:[{}]", netns.inum);
    let aya = |error: &(dyn std::error::Error + 'static)| TracerError::from_aya(&what(), error);
    let iterator = object.program::<Iter>(program)?;
    let id = iterator.attach().map_err(|error| aya(&error))?;
    let link = iterator.take_link(id).map_err(|error| aya(&error))?;
    let file = netns
        .run(|| link.into_file())
        .map_err(|error| TracerError::from_io(&what(), &error))?
        .map_err(|error| aya(&error))?;
    drain(file, output).map_err(|error| TracerError::from_io(&what(), &error))
}

/// Reads to the end: reading is what drives the program.
fn drain(mut file: File, output: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut idle = 0;
    while idle < READS {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => output.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                idle += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("the walk does not end"))
}
