//! portwatch's kernel side.
//!
//! [`programs`] are what is loaded, each one line of section, arguments and call; [`hooks`] know
//! what a place in the kernel means; [`attempt`] follows a connection through its life, whichever
//! hooks tell of it; [`accounting`] is the only code that changes counters.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]
#![allow(
    clippy::needless_borrows_for_generic_args,
    reason = "a key passed by value is copied to the small stack once more"
)]
#![allow(
    missing_docs,
    reason = "the program attributes drop the documentation of what they wrap"
)]
#![cfg_attr(
    not(target_arch = "bpf"),
    allow(
        dead_code,
        unused,
        reason = "on other targets this crate is only type-checked"
    )
)]

mod accounting;
mod atomic;
mod attempt;
mod bind;
mod current;
mod emit;
mod hooks;
mod kernel;
mod located;
mod maps;
mod opener;
mod programs;
mod search;
mod settings;
mod slots;
mod socket;
mod unseen;

/// The tracing helpers are offered to programs under a licence compatible with the GPL only.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "bpf", unsafe(link_section = "license"))]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[cfg(not(target_arch = "bpf"))]
fn main() {}
