//! Walks over the kernel's own list of sockets, one namespace at a time.

use std::{
    fs::File,
    io::{self, Read},
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
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

/// Walks at a time, at most: more would only contend for the table.
const WALKERS: usize = 4;

/// Runs an iterator program over every TCP socket of a namespace, one that writes nothing.
///
/// The namespace of an iterator is that of the thread which creates it (`bpf_iter_init_seq_net`),
/// so a thread of its own enters the namespace for that moment.
///
/// # Errors
/// When the namespace can't be entered or the kernel refuses the iterator.
pub(super) fn walk(object: &mut Object, program: &str, netns: &Netns) -> Result<(), TracerError> {
    let mut nothing = Vec::new();
    run(&Mutex::new(object), program, netns, &mut nothing)
}

/// As [`walk`], over several namespaces at a time: each walk passes every bucket of the kernel's
/// table, so that where there are many, one after the other takes seconds. Returns the outcomes, in
/// any order.
pub(super) fn walk_each(
    object: &mut Object,
    program: &str,
    namespaces: &[(u64, &Netns)],
) -> Vec<(u64, Result<(), TracerError>)> {
    let (object, outcomes) = (Mutex::new(object), Mutex::new(Vec::new()));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((cookie, netns)) = namespaces.get(next.fetch_add(1, Relaxed)) {
            let outcome = run(&object, program, netns, &mut Vec::new());
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.push((*cookie, outcome));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 1..threads.min(WALKERS).min(namespaces.len()) {
            scope.spawn(work);
        }
        work();
    });
    outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
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
    run(&Mutex::new(object), program, netns, &mut bytes)?;
    let (rows, _) = bytes.as_chunks::<{ size_of::<PortRow>() }>();
    Ok(rows
        .iter()
        .filter_map(|row| PortRow::read_from_bytes(row).ok())
        .collect())
}

fn run(
    object: &Mutex<&mut Object>,
    program: &str,
    netns: &Netns,
    output: &mut Vec<u8>,
) -> Result<(), TracerError> {
    let what = || format!("walking the sockets of net:[{}]", netns.inum);
    let aya = |error: &(dyn std::error::Error + 'static)| TracerError::from_aya(&what(), error);
    let link = {
        let mut object = object.lock().unwrap_or_else(PoisonError::into_inner);
        let iterator = object.program::<Iter>(program)?;
        let id = iterator.attach().map_err(|error| aya(&error))?;
        iterator.take_link(id).map_err(|error| aya(&error))?
    };
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
