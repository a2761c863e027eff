use jiff::Timestamp;

use crate::{
    kernel::host::{host_name, kernel_release},
    model::Ratios,
    recording::Header,
};

/// Of a session on this machine that began then.
pub(super) fn header(started: Timestamp, ratios: Ratios) -> Header {
    Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: kernel_release(),
        host: host_name(),
        started,
        warning: ratios.warning(),
        critical: ratios.critical(),
    }
}
