//! What portwatch promises is what happens: it states how many more connections a tuple can open,
//! then the test opens connections until one fails, and counts.
//!
//! `PORTWATCH_SEED=n` repeats a randomised run.

mod bound;
mod check;
mod joined;
mod places;
mod random;
mod ranges;
mod room;
mod time_wait;
mod usage;
mod watch;
