//! The kernel side's own log (`--bpf-log`), passed on to ours.

use std::{
    io,
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
};

use aya_log::EbpfLogger;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{TracerError, object::Object};

/// Longest wait between two looks at whether to end.
const WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// A thread that reads the log: aya-log reads without bound while there is something, so it must
/// not share a thread with the events.
pub(super) struct BpfLog {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BpfLog {
    /// Starts to read.
    ///
    /// # Errors
    /// When the log's map can't be read, or the system has no thread left.
    pub fn start(object: &mut Object) -> Result<Self, TracerError> {
        let logger = EbpfLogger::init(&mut object.ebpf)
            .map_err(|error| TracerError::from_aya("reading the kernel side's log", &error))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("bpf-log".into())
            .spawn(move || read(logger, &stopped))
            .map_err(|error| TracerError::from_io("starting a thread", &error))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for BpfLog {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(mut logger: EbpfLogger<&'static dyn log::Log>, stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        let fd = logger.as_fd();
        let waited = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&WAIT));
        match waited.map_err(io::Error::from) {
            Ok(_) => logger.flush(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                log::warn!("the kernel side's log ends: {error}");
                return;
            }
        }
    }
}
