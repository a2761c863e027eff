use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};
use jiff::tz::TimeZone;

use crate::{
    cli::Color,
    model::{Event, EventKind, Filter, Ratios, Screen},
    output::{
        ColorChoice, EventWriter,
        json::JsonWriter,
        text::{TextOptions, TextWriter},
        use_color,
    },
};

/// How events are printed.
pub(super) struct Form {
    /// As JSON instead of text.
    pub json: bool,
    /// When text is coloured.
    pub color: Color,
    /// How many tuples to show at the start.
    pub top: usize,
    /// Thresholds in force.
    pub ratios: Ratios,
}

/// Prints the events that pass the filter, to stdout.
pub(super) struct Printer {
    screen: Screen,
    writer: Box<dyn EventWriter>,
    line: Vec<u8>,
}

impl Printer {
    /// Nothing printed yet.
    pub fn new(filter: Filter, form: &Form) -> Self {
        Self {
            screen: Screen::new(filter),
            writer: writer(form),
            line: Vec::new(),
        }
    }

    /// Prints an event.
    ///
    /// # Errors
    /// When stdout can't be written to.
    pub fn event(&mut self, mut event: Event) -> Result<()> {
        if let EventKind::Started(started) = &mut event.kind {
            self.screen.filter.narrow(started);
        }
        if !self.screen.passes(&event) {
            return Ok(());
        }
        self.line.clear();
        self.writer.event(&mut self.line, &event)?;
        self.flush()
    }

    /// Prints what `write` writes of that which passes the filter.
    ///
    /// # Errors
    /// When stdout can't be written to.
    pub fn write(
        &mut self,
        write: impl FnOnce(&Filter, &mut dyn io::Write) -> io::Result<()>,
    ) -> Result<()> {
        self.line.clear();
        write(&self.screen.filter, &mut self.line)?;
        self.flush()
    }

    /// One write an event, so that lines of several writers to one pipe don't mix.
    fn flush(&self) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(&self.line)
            .and_then(|()| out.flush())
            .context("cannot write to stdout")
    }
}

fn writer(form: &Form) -> Box<dyn EventWriter> {
    if form.json {
        return Box::new(JsonWriter);
    }
    Box::new(TextWriter::new(TextOptions {
        color: color(form.color),
        zone: TimeZone::system(),
        ratios: form.ratios,
        top: form.top,
    }))
}

/// Whether stdout gets colour.
pub(super) fn color(choice: Color) -> bool {
    let choice = match choice {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    let no_color = std::env::var_os("NO_COLOR");
    use_color(choice, io::stdout().is_terminal(), no_color.as_deref())
}
