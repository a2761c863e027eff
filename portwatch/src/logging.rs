//! The log, on stderr; held back while a screen is drawn there.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use env_logger::{Builder, Target};
use log::LevelFilter;

/// Lines that are held back at most; the latest are kept.
const MOST: usize = 1000;

static HELD: Mutex<Option<Lines>> = Mutex::new(None);

/// Lines held back.
#[derive(Default)]
struct Lines {
    lines: VecDeque<Vec<u8>>,
    /// The last line, until somebody has looked at it.
    latest: Option<String>,
}

/// Begins to log. The kernel side's log has the same module as ours; of the libraries only errors
/// are told.
pub fn init(level: LevelFilter) {
    Builder::new()
        .filter_level(LevelFilter::Error)
        .filter_module("portwatch", level)
        .target(Target::Pipe(Box::new(Output)))
        .format(|out, record| {
            let level = record.level().as_str().to_lowercase();
            writeln!(out, "portwatch: {level}: {}", record.args())
        })
        .init();
}

/// Holds lines back until the value is dropped, where stderr is a terminal.
#[must_use]
pub fn hold() -> Hold {
    if io::stderr().is_terminal() {
        held().get_or_insert_default();
    }
    Hold(())
}

/// Holds the log back; dropped, it lets all of it out.
#[derive(Debug)]
pub struct Hold(());

impl Hold {
    /// The latest line, once.
    #[must_use]
    pub fn latest(&self) -> Option<String> {
        held().as_mut()?.latest.take()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let lines = held().take().unwrap_or_default().lines;
        let mut stderr = io::stderr().lock();
        for line in lines {
            // There is nobody to tell.
            let _ = stderr.write_all(&line);
        }
    }
}

fn held() -> MutexGuard<'static, Option<Lines>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the logger writes, a line at a time.
struct Output;

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Some(held) = &mut *held() else {
            return io::stderr().write(line);
        };
        if held.lines.len() >= MOST {
            held.lines.pop_front();
        }
        held.latest = Some(String::from_utf8_lossy(line).trim_end().to_owned());
        held.lines.push_back(line.to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
