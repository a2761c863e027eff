//! The array of counters, mapped into this process: reading it costs no system call.

use std::{
    os::fd::AsFd,
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use portwatch_common::{Level, Thresholds, TupleEntry};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use zerocopy::transmute;

/// Words of one entry.
const WORDS: usize = size_of::<TupleEntry>() / size_of::<u64>();

/// The map `TUPLES`.
pub(super) struct Table {
    base: NonNull<TupleEntry>,
    slots: u32,
    bytes: usize,
}

// SAFETY: the memory is shared with the kernel and with other threads by design: every access goes
// through atomics.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    /// Maps the array behind a descriptor.
    ///
    /// # Errors
    /// When the kernel refuses the mapping (it takes `BPF_F_MMAPABLE`, since 5.5).
    pub fn map(fd: impl AsFd, slots: u32) -> rustix::io::Result<Self> {
        let page = rustix::param::page_size();
        let bytes = (slots as usize * size_of::<TupleEntry>()).next_multiple_of(page);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let base = unsafe {
            mmap(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                fd,
                0,
            )?
        };
        let base = NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        Ok(Self { base, slots, bytes })
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
        self.store(slot, std::mem::offset_of!(TupleEntry, level), level as u32);
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

    fn slot(&self, slot: u32) -> Option<NonNull<TupleEntry>> {
        // SAFETY: inside the mapping by the comparison.
        (slot < self.slots).then(|| unsafe { self.base.add(slot as usize) })
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nobody can hold a pointer into it any more.
        // A failure would leave the mapping behind, which harms nobody.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}
