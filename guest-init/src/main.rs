//! First process of a test guest: prepares the machine, runs the tests, switches it off.

mod machine;
mod processes;
mod serial;
mod work;

use anyhow::Result;
use guest_init::Report;
use serial::Serial;

fn main() {
    // A first process that returned would make the kernel panic, which ends the guest as well.
    let serial = match start() {
        Ok(serial) => serial,
        Err(error) => return eprintln!("guest: {error:#}"),
    };
    if let Err(error) = work::work(&serial) {
        serial.tell(&Report::Failed(format!("{error:#}")));
    }
    if let Err(error) = serial.drain().and_then(|()| machine::switch_off()) {
        eprintln!("guest: {error:#}");
    }
}

/// The serial port has to be there before anything can be told.
fn start() -> Result<Serial> {
    machine::mount_all()?;
    Serial::open()
}
