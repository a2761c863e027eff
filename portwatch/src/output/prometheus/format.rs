use std::fmt::{self, Write as _};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The classic one of Prometheus, version 0.0.4.
    Classic,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

/// A page of metrics that is being written.
pub(super) struct Page {
    format: Format,
    text: String,
}

/// What kind of metric a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// Facts as labels, the value is 1.
    Info,
}

/// Labels of a sample, in order.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Format {
    /// The one that a client asks for in the header `Accept`, the classic one where it asks for
    /// none: OpenMetrics where it is accepted at all, as Prometheus itself decides.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let accepts = accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let mut version = None;
            let mut refused = false;
            for parameter in parts {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                match name.trim() {
                    "version" => version = Some(value.trim().trim_matches('"')),
                    "q" => refused = value.trim().parse::<f32>().is_ok_and(|q| q <= 0.0),
                    _ => {}
                }
            }
            kind.eq_ignore_ascii_case("application/openmetrics-text")
                && matches!(version, None | Some("1.0.0"))
                && !refused
        });
        if accepts {
            Self::OpenMetrics
        } else {
            Self::Classic
        }
    }

    /// The header `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Page {
    /// An empty one.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            text: String::with_capacity(16 * 1024),
        }
    }

    /// Begins a family. `name` is without `_total` and `_info`, which belong to the samples.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let classic = self.format == Format::Classic;
        let (suffix, kind) = match kind {
            Kind::Counter if classic => ("_total", "counter"),
            Kind::Counter => ("", "counter"),
            Kind::Info if classic => ("_info", "gauge"),
            Kind::Info => ("", "info"),
            Kind::Gauge => ("", "gauge"),
            Kind::Histogram => ("", "histogram"),
        };
        self.put(format_args!("# HELP {name}{suffix} {help}\n"));
        self.put(format_args!("# TYPE {name}{suffix} {kind}\n"));
    }

    /// Adds a sample of the family that was begun last, under its full name.
    pub fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl fmt::Display) {
        self.text.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            self.put(format_args!("{before}{label}=\"{}\"", Escaped(value)));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.put(format_args!(" {value}\n"));
    }

    /// A family of one sample without labels.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl fmt::Display) {
        self.family(name, Kind::Gauge, help);
        self.sample(name, &[], value);
    }

    /// The same of a counter; `name` is without `_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, Kind::Counter, help);
        self.sample(&format!("{name}_total"), &[], value);
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = self.text.write_fmt(text);
    }
}

/// A label's value, as both formats escape it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
