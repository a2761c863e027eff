//! What is inside a guest.

mod cpio;
mod initramfs;
mod programs;

pub use initramfs::Contents;
pub use programs::Programs;
