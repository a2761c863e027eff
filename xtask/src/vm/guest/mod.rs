//! What is inside a guest.

mod cpio;
mod initramfs;
mod measuring;
mod programs;

pub use initramfs::Contents;
pub use measuring::Measuring;
pub use programs::Programs;
