//! `portwatch top` in a terminal: how it looks, for the README, and what it costs.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};

use super::interrupt::Interrupt;

/// Large enough for every column, small enough to read on a page.
const SIZE: [&str; 4] = ["-x", "132", "-y", "28"];
/// Longest time until the screen shows what it should.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal that nobody sees, with `portwatch top` in it.
pub struct Terminal {
    /// Of a server of its own: other sessions of the user are none of its business.
    server: String,
}

impl Terminal {
    /// Starts `portwatch top`, with these arguments.
    ///
    /// # Errors
    /// When tmux can't be run.
    pub fn start(portwatch: &Path, arguments: &[&str]) -> Result<Self> {
        let terminal = Self {
            server: format!("portwatch-xtask-{}", std::process::id()),
        };
        let portwatch = portwatch.to_str().context("a path that is no text")?;
        let session = ["-f", "/dev/null", "new-session", "-d"];
        let top = [portwatch, "top", "--standalone", "--color", "always"];
        terminal.tmux(&[&session[..], &SIZE, &top, arguments].concat())?;
        Ok(terminal)
    }

    /// Waits until the screen shows each of these words, and draws it.
    ///
    /// # Errors
    /// When it does not come to that, or the picture can't be written.
    pub fn draw(&self, words: &[&str], path: &Path, interrupt: &Interrupt) -> Result<()> {
        let mut screen = String::new();
        let shown = interrupt.wait_for(&format!("{words:?} on the screen"), PATIENCE, || {
            screen = self.tmux(&["capture-pane", "-e", "-p"])?;
            Ok(words.iter().all(|word| screen.contains(word)))
        });
        if shown.is_err() {
            eprintln!("{}", self.tmux(&["capture-pane", "-p"])?.trim_end());
        }
        shown?;
        let picture = anstyle_svg::Term::new().render_svg(&cropped(&screen));
        fs::write(path, picture).with_context(|| format!("writing {}", path.display()))
    }

    /// The process in it.
    ///
    /// # Errors
    /// When tmux can't be run.
    pub fn pid(&self) -> Result<u32> {
        let pid = self.tmux(&["display-message", "-p", "#{pane_pid}"])?;
        pid.trim().parse().context("tmux told no process id")
    }

    /// Presses a key, by tmux's name.
    ///
    /// # Errors
    /// When tmux can't be run.
    pub fn press(&self, key: &str) -> Result<()> {
        self.tmux(&["send-keys", key]).map(drop)
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("tmux");
        command
            .args(["-u", "-L", &self.server])
            .args(arguments)
            .env_remove("TMUX");
        let output = command.output().context("running tmux")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "tmux: {}", complaint.trim_end());
        String::from_utf8(output.stdout).context("a screen that is no text")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}

/// Without empty rows, and without the page's list of events: what they name is this machine's.
fn cropped(screen: &str) -> String {
    let mut rows = screen.lines().filter(|row| !plain(row).trim().is_empty());
    let mut kept: Vec<&str> = rows
        .by_ref()
        .take_while(|row| !plain(row).starts_with("events "))
        .collect();
    // The last row tells the keys.
    kept.extend(rows.next_back());
    kept.join("\n")
}

/// A row without its escape sequences.
fn plain(row: &str) -> String {
    let mut parts = row.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}
