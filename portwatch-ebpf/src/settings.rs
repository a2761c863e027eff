//! What the loader writes before it freezes these values: to the verifier they are constants.

use aya_ebpf::Global;
use portwatch_common::{Config, Offsets};

#[unsafe(no_mangle)]
static OFFSETS: Global<Offsets> = Global::new(Offsets::ZERO);

#[unsafe(no_mangle)]
static CONFIG: Global<Config> = Global::new(Config::ZERO);

/// The offset named `$member`, read alone: loading the whole structure would copy it to the stack.
macro_rules! offset {
    ($member:ident) => {
        $crate::settings::offset_at(core::mem::offset_of!(portwatch_common::Offsets, $member))
    };
}

/// The setting named `$member`.
macro_rules! config {
    ($member:ident: $kind:ty) => {
        $crate::settings::config_at::<$kind>(core::mem::offset_of!(
            portwatch_common::Config,
            $member
        ))
    };
}

pub(crate) use {config, offset};

#[inline(always)]
pub fn offset_at(position: usize) -> u32 {
    // SAFETY: `position` is the offset of a `u32` member of `Offsets`, which `OFFSETS` holds. The
    // read is volatile because the loader changes the value behind the compiler's back.
    unsafe {
        (&raw const OFFSETS)
            .cast::<u32>()
            .byte_add(position)
            .read_volatile()
    }
}

#[inline(always)]
pub fn config_at<T: Copy>(position: usize) -> T {
    // SAFETY: as in `offset_at`, for a member of `Config` that is a `T`.
    unsafe {
        (&raw const CONFIG)
            .cast::<T>()
            .byte_add(position)
            .read_volatile()
    }
}
