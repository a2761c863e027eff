//! A number that forked processes count up.

use std::{
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A counter that this process shares with those that it forks.
pub struct Tally(NonNull<AtomicU64>);

// SAFETY: an atomic may be used from any thread.
unsafe impl Send for Tally {}
// SAFETY: as above.
unsafe impl Sync for Tally {}

impl Tally {
    pub fn new() -> Self {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a mapping at an address that the kernel chooses touches nothing that exists.
        let page = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                size_of::<AtomicU64>(),
                access,
                MapFlags::SHARED,
            )
        };
        Self(NonNull::new(page.expect("mmap").cast()).expect("not the page 0"))
    }

    pub fn add(&self) {
        self.counter().fetch_add(1, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.counter().load(Ordering::Relaxed)
    }

    fn counter(&self) -> &AtomicU64 {
        // SAFETY: zeroed memory is an atomic 0; the mapping lives as long as the value.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        // SAFETY: mapped by this value, which nobody uses any more.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), size_of::<AtomicU64>()) };
    }
}
