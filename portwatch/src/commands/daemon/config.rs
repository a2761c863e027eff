//! The daemon's file.

use std::{
    fmt, fs,
    io::ErrorKind,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::cli::{
    DaemonArgs,
    file::{FileOption, Merged, check, keys, merge, shape},
};

/// Where it is when nobody says.
const USUAL: &str = "/etc/portwatch/portwatch.toml";
/// A larger file is none of ours.
const LARGEST: u64 = 1 << 20;

/// What is wrong with a file, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) struct ConfigError {
    file: PathBuf,
    /// Line and column, from 1 on; none where it is the whole.
    place: Option<(usize, usize)>,
    key: Option<String>,
    what: String,
}

/// The file that is read for these options, if any.
pub(super) fn path(args: &DaemonArgs) -> Option<PathBuf> {
    let usual = Path::new(USUAL);
    args.config
        .clone()
        .or_else(|| usual.exists().then(|| usual.to_owned()))
}

/// The directories that hold the file, as it is named and where that leads: an editor puts another file
/// in its place. The usual one where there is no file yet.
pub(super) fn directories(args: &DaemonArgs) -> Vec<PathBuf> {
    let file = path(args).unwrap_or_else(|| PathBuf::from(USUAL));
    let real = fs::canonicalize(&file);
    let parent = |file: &Path| match file.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        parent => parent.unwrap_or(file).to_owned(),
    };
    [Some(file), real.ok()]
        .iter()
        .flatten()
        .map(|file| parent(file))
        .collect()
}

/// All options: those of the command line, and those of the file beside.
///
/// # Errors
/// What is wrong with them.
pub(super) fn load(args: &DaemonArgs) -> Result<Merged, ConfigError> {
    let Some(file) = path(args) else {
        return merge(args, &[]).map_err(|what| ConfigError {
            file: PathBuf::from("options"),
            place: None,
            key: None,
            what,
        });
    };
    let whole = |what: String| ConfigError {
        file: file.clone(),
        place: None,
        key: None,
        what,
    };
    let text = read(&file).map_err(whole)?;
    options(&file, &text)
        .and_then(|options| merge(args, &options).map_err(|what| disagree(&file, &text, what)))
}

fn read(file: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::InvalidData => "not UTF-8 text".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    // A device has no end.
    let meta = fs::metadata(file).map_err(told)?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err("not a file of options".to_owned());
    }
    fs::read_to_string(file).map_err(told)
}

/// The options that a file holds, each of them valid by itself.
fn options(file: &Path, text: &str) -> Result<Vec<FileOption>, ConfigError> {
    let error = |span: Option<Range<usize>>, key: Option<&str>, what: String| ConfigError {
        file: file.to_owned(),
        place: span.map(|span| place(text, span.start)),
        key: key.map(ToOwned::to_owned),
        what,
    };
    let table =
        DeTable::parse(text).map_err(|bad| error(bad.span(), None, bad.message().to_owned()))?;
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut options = Vec::new();
    for (name, value) in entries {
        let key = name.get_ref().as_ref();
        let Some(shape) = shape(key) else {
            let what = format!("no such option; there are {}", keys().join(", "));
            return Err(error(Some(name.span()), Some(key), what));
        };
        let values = match value.get_ref() {
            DeValue::Array(values) if shape.many => values.iter().collect(),
            DeValue::Array(_) => {
                let what = "takes one value, not a list".to_owned();
                return Err(error(Some(value.span()), Some(key), what));
            }
            _ => vec![value],
        };
        let mut texts = Vec::new();
        for value in values {
            let checked = scalar(value, shape.switch).and_then(|text| {
                check(&FileOption {
                    key: key.to_owned(),
                    values: vec![text.clone()],
                })?;
                Ok(text)
            });
            texts.push(checked.map_err(|what| error(Some(value.span()), Some(key), what))?);
        }
        options.push(FileOption {
            key: key.to_owned(),
            values: texts,
        });
    }
    Ok(options)
}

/// A value as it would stand on the command line.
fn scalar(value: &Spanned<DeValue<'_>>, switch: bool) -> Result<String, String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(on) if switch => Ok(if *on { "on" } else { "off" }.to_owned()),
        other => Err(format!(
            "takes a text or a number, not this {}",
            other.type_str()
        )),
    }
}

/// Thresholds that don't agree: told of the file's own, where it has any.
fn disagree(file: &Path, text: &str, what: String) -> ConfigError {
    let table = DeTable::parse(text).ok();
    let span = table.as_ref().and_then(|table| {
        let entry = ["warning", "critical"]
            .iter()
            .find_map(|key| table.get_ref().get(*key));
        entry.map(Spanned::span)
    });
    ConfigError {
        file: file.to_owned(),
        place: span.map(|span| place(text, span.start)),
        key: None,
        what,
    }
}

/// Line and column of a byte, in characters from 1 on.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

impl fmt::Display for ConfigError {
    /// `FILE:LINE:COLUMN: KEY: what is wrong`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        if let Some(key) = &self.key {
            write!(f, " {}:", crate::output::escape(key))?;
        }
        write!(f, " {}", self.what.trim_end().replace('\n', ", "))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::options;

    fn told(text: &str) -> String {
        match options(Path::new("x.toml"), text) {
            Ok(options) => format!("{options:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let text = "# comment\nwarning = 0.4\ncritical = \"90%\"\nport = [443, 8_443]\n\
                    netns = \"web1\"\nconnect_errno = false\ninterval = 2\n";
        let options = options(Path::new("x.toml"), text).unwrap();
        let read: Vec<_> = options
            .iter()
            .map(|option| format!("{}={}", option.key, option.values.join("+")))
            .collect();
        let expected = [
            "warning=0.4",
            "critical=90%",
            "port=443+8443",
            "netns=web1",
            "connect_errno=off",
            "interval=2",
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn errors_tell_where_and_what_is_allowed() {
        for (text, expected) in [
            (
                "\nwarnign = 1",
                "x.toml:2:1: warnign: no such option; there are listen, ",
            ),
            (
                "warning = \"50\"",
                "x.toml:1:11: warning: more than the whole capacity",
            ),
            ("top = 5\ntop = 6\n", "x.toml:2:1: duplicate key"),
            (
                "port = [80, 99999]",
                "x.toml:1:13: port: 99999 is not in 0..=65535",
            ),
            ("top = [5]", "x.toml:1:7: top: takes one value, not a list"),
            (
                "top = true",
                "x.toml:1:7: top: takes a text or a number, not this boolean",
            ),
            ("  top = ", "x.toml:1:"),
            (
                "[tracer]\ninterval = \"1s\"",
                "x.toml:1:2: tracer: no such option",
            ),
            (
                "hooks = \"best\"",
                "x.toml:1:9: hooks: expected one of auto, fentry",
            ),
            ("config = \"y\"", "x.toml:1:1: config: no such option"),
            (
                "check_config = true",
                "x.toml:1:1: check_config: no such option",
            ),
            (
                "interval = 2026-01-01",
                "x.toml:1:12: interval: takes a text or a number",
            ),
        ] {
            let told = told(text);
            assert!(told.starts_with(expected), "{text}: {told}");
            assert!(!told.contains('\n'), "{told}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "\\PC*(\n(top|port|listen) = \\PC*)?") {
            let _ = told(&text);
        }
    }
}
