//! Lets the shared records pass through aya's typed maps.

use aya::Pod;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A record of `portwatch-common` as aya wants it.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Plain<T>(pub T);

// SAFETY: zerocopy's derives prove that `T` has no padding and that any bytes make a valid `T`.
unsafe impl<T: FromBytes + IntoBytes + Immutable + Copy + 'static> Pod for Plain<T> {}
