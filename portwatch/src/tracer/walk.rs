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

use super::{TracerError, left_out, netns::Found, object::Object, plan::WALK};
use crate::kernel::netns::Netns;

/// Bytes read at a time: the kernel keeps 32 KiB of an iterator's output (`bpf_seq_read`).
const CHUNK: usize = 32 * 1024;

/// Reads that a walk may be interrupted in: the kernel shows at most a million sockets a read
/// without output (`MAX_ITER_OBJECTS`, kernel/bpf/bpf_iter.c).
const READS: usize = 4096;

/// Walks at a time, at most: more would only contend for the table.
const WALKERS: usize = 4;

/// What a walk wrote.
pub(super) struct Walked {
    /// A record for each connection that it wrote of.
    pub rows: Vec<PortRow>,
    /// The number of the bucket that it may have left out, see [`super::left_out`].
    pub left_out: u32,
}

impl Walked {
    fn of(bytes: &[u8]) -> Self {
        let (rows, _) = bytes.as_chunks::<{ size_of::<PortRow>() }>();
        let mut left_out = 0;
        let mut rows: Vec<PortRow> = rows
            .iter()
            .filter_map(|row| PortRow::read_from_bytes(row).ok())
            .collect();
        rows.retain(|row| match row.listener_bucket() {
            Some(bucket) => {
                left_out = left_out.max(bucket.saturating_add(1));
                false
            }
            None => true,
        });
        Self { rows, left_out }
    }
}

/// Has every TCP socket of a namespace taken into the set.
///
/// The namespace of an iterator is that of the thread which creates it (`bpf_iter_init_seq_net`),
/// so a thread of its own enters the namespace for that moment.
///
/// # Errors
/// When the namespace can't be entered or the kernel refuses the iterator.
pub(super) fn track(object: &mut Object, found: &Found, netns: &Netns) -> Result<(), TracerError> {
    track_on(&Mutex::new(object), found, netns)
}

/// As [`track`], in several namespaces at a time: each walk passes every bucket of the kernel's
/// table, so that where there are many, one after the other takes seconds. Returns the outcomes, in
/// any order.
pub(super) fn track_each(
    object: &mut Object,
    namespaces: &[(&Found, &Netns)],
) -> Vec<(u64, Result<(), TracerError>)> {
    let (object, outcomes) = (Mutex::new(object), Mutex::new(Vec::new()));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((found, netns)) = namespaces.get(next.fetch_add(1, Relaxed)) {
            let outcome = track_on(&object, found, netns);
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.push((found.cookie, outcome));
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

fn track_on(object: &Mutex<&mut Object>, found: &Found, netns: &Netns) -> Result<(), TracerError> {
    let walked = run(object, WALK, netns)?;
    let mut object = object.lock().unwrap_or_else(PoisonError::into_inner);
    left_out::track(&mut object, found.net, walked.left_out)
}

/// Runs an iterator program over every TCP socket of a namespace.
///
/// # Errors
/// As [`track`].
pub(super) fn walk(
    object: &mut Object,
    program: &str,
    netns: &Netns,
) -> Result<Walked, TracerError> {
    run(&Mutex::new(object), program, netns)
}

fn run(object: &Mutex<&mut Object>, program: &str, netns: &Netns) -> Result<Walked, TracerError> {
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
    let mut output = Vec::new();
    drain(file, &mut output).map_err(|error| TracerError::from_io(&what(), &error))?;
    Ok(Walked::of(&output))
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
