//! The array of counters, mapped into this process: reading it costs no system call.

use std::{
    os::fd::{AsFd, OwnedFd},
    ptr::NonNull,
    sync::{
        OnceLock,
        atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use portwatch_common::{Level, Stats, Thresholds, TupleEntry};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use zerocopy::transmute;

/// Words of one entry.
const WORDS: usize = size_of::<TupleEntry>() / size_of::<u64>();
/// Slots of a part. Slots are taken from the lowest on, so that a machine of few tuples never maps
/// more than one part; the kernel makes every page of a mapping resident at once
/// (`array_map_mmap`). A part is a whole number of pages, whatever the size of a page.
const PART: u32 = 4096;
const PART_BYTES: usize = PART as usize * size_of::<TupleEntry>();

/// The map `TUPLES`.
pub(super) struct Table {
    fd: OwnedFd,
    slots: u32,
    parts: Vec<OnceLock<Option<Part>>>,
}

/// A mapping of some consecutive slots.
struct Part {
    base: NonNull<TupleEntry>,
    bytes: usize,
}

// SAFETY: the memory is shared with the kernel and with other threads by design: every access goes
// through atomics.
unsafe impl Send for Part {}
// SAFETY: as above.
unsafe impl Sync for Part {}

impl Table {
    /// The array of `slots` entries behind a descriptor. Its first part is mapped at once.
    ///
    /// # Errors
    /// When the kernel refuses the mapping (it takes `BPF_F_MMAPABLE`, since 5.5).
    pub fn map(fd: impl AsFd, slots: u32) -> std::io::Result<Self> {
        let fd = fd.as_fd().try_clone_to_owned()?;
        let mut parts = Vec::new();
        parts.resize_with(slots.div_ceil(PART) as usize, OnceLock::new);
        let table = Self { fd, slots, parts };
        let first = Part::map(&table.fd, 0, slots)?;
        if let Some(part) = table.parts.first() {
            let _ = part.set(Some(first));
        }
        Ok(table)
    }

    /// Copies the entry of a slot. Each counter is whole; together they may be of slightly
    /// different moments.
    pub fn entry(&self, slot: u32) -> Option<TupleEntry> {
        let first = self.slot(slot)?.cast::<AtomicU64>();
        let mut words = [0_u64; WORDS];
        for (index, word) in words.iter_mut().enumerate() {
            // SAFETY: the slot is inside the mapping, which is aligned to a page, and an entry is
            // `WORDS` words long.
            *word = unsafe { first.add(index).as_ref() }.load(Relaxed);
        }
        Some(transmute!(words))
    }

    /// The slots that were ever taken, as far as `stats` says, and the entries of those that hold a
    /// tuple.
    pub fn slots(&self, stats: &Stats) -> impl Iterator<Item = (u32, Option<TupleEntry>)> {
        let taken = u32::try_from(stats.tuple_high_water).unwrap_or(u32::MAX);
        (0..taken.min(self.slots)).map(|slot| {
            let entry = self.entry(slot);
            (slot, entry.filter(|entry| entry.created_ns != 0))
        })
    }

    /// The slots that hold a tuple, and their entries.
    pub fn held(&self, stats: &Stats) -> impl Iterator<Item = (u32, TupleEntry)> {
        self.slots(stats)
            .filter_map(|(slot, entry)| Some((slot, entry?)))
    }

    /// Gives a tuple its capacity and thresholds.
    pub fn set_capacity(&self, slot: u32, capacity: u32, thresholds: Thresholds) {
        self.store(slot, std::mem::offset_of!(TupleEntry, capacity), capacity);
        let at = std::mem::offset_of!(TupleEntry, thresholds);
        let Thresholds {
            warning,
            critical,
            recovered,
        } = thresholds;
        self.store(
            slot,
            at + std::mem::offset_of!(Thresholds, warning),
            warning,
        );
        self.store(
            slot,
            at + std::mem::offset_of!(Thresholds, critical),
            critical,
        );
        self.store(
            slot,
            at + std::mem::offset_of!(Thresholds, recovered),
            recovered,
        );
    }

    /// Notes the alert level that has been told.
    pub fn set_level(&self, slot: u32, level: Level) {
        if let Some(entry) = self.slot(slot) {
            let at = std::mem::offset_of!(TupleEntry, level);
            // SAFETY: `at` is that of a `u16` member of the entry.
            unsafe { entry.byte_add(at).cast::<AtomicU16>().as_ref() }.store(level as u16, Relaxed);
        }
    }

    /// Forgets sockets that once found no room.
    pub fn clear_untracked(&self, slot: u32) {
        self.store(slot, std::mem::offset_of!(TupleEntry, untracked), 0);
    }

    /// Marks a slot as holding no tuple.
    pub fn vacate(&self, slot: u32) {
        if let Some(entry) = self.slot(slot) {
            let at = std::mem::offset_of!(TupleEntry, created_ns);
            // SAFETY: inside the entry, and `created_ns` is a `u64`.
            unsafe { entry.byte_add(at).cast::<AtomicU64>().as_ref() }.store(0, Relaxed);
        }
    }

    fn store(&self, slot: u32, offset: usize, value: u32) {
        if let Some(entry) = self.slot(slot) {
            // SAFETY: `offset` is that of a `u32` member of the entry.
            unsafe { entry.byte_add(offset).cast::<AtomicU32>().as_ref() }.store(value, Relaxed);
        }
    }

    /// Where a slot is; none beyond the array, or where the system refused to map its part.
    fn slot(&self, slot: u32) -> Option<NonNull<TupleEntry>> {
        if slot >= self.slots {
            return None;
        }
        let index = slot / PART;
        let part = self.parts.get(index as usize)?;
        let mapped = part.get_or_init(|| {
            let mapped = Part::map(&self.fd, index, self.slots);
            mapped
                .inspect_err(|error| log::warn!("cannot map counters: {error}"))
                .ok()
        });
        let base = mapped.as_ref()?.base;
        // SAFETY: inside the part by the division, and the last part ends with the array.
        Some(unsafe { base.add((slot % PART) as usize) })
    }
}

impl Part {
    fn map(fd: &OwnedFd, index: u32, slots: u32) -> rustix::io::Result<Self> {
        let count = (slots - index * PART).min(PART);
        let bytes = count as usize * size_of::<TupleEntry>();
        let bytes = bytes.next_multiple_of(rustix::param::page_size());
        // SAFETY: a new mapping at an address of the kernel's choice.
        let base = unsafe {
            mmap(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                fd,
                u64::from(index) * PART_BYTES as u64,
            )?
        };
        let base = NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        Ok(Self { base, bytes })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nobody can hold a pointer into it any more.
        // A failure would leave the mapping behind, which harms nobody.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}
