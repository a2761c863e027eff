//! A terminal with a shell in it, held by tmux.

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    process::{finish, succeed},
    wait::{self, SOON},
};

/// What the shell says when it waits for a command.
pub const PROMPT: &str = "ready>";

/// A terminal; gone, with everything in it, when dropped.
pub struct Terminal {
    socket: String,
}

/// Whether there can be one: the guests of other kernels have neither tmux nor a shell.
pub fn exists() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join("tmux").exists())
}

impl Terminal {
    /// Of this size, with a shell that waits.
    pub fn start(width: u16, height: u16) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let terminal = Self {
            socket: format!("pwtest-{}-{number}", std::process::id()),
        };
        let (width, height) = (width.to_string(), height.to_string());
        let size = ["-x", &width, "-y", &height];
        let shell = ["env", "-u", "ENV", &format!("PS1={PROMPT}"), "sh"];
        terminal.tmux(&[&["new-session", "-d"], &size[..], &shell].concat());
        terminal.wait_for("a shell", |screen| screen.contains(PROMPT).then_some(()));
        terminal
    }

    /// Types a command and Enter.
    pub fn run(&self, command: &str) {
        self.tmux(&["send-keys", "-l", command]);
        self.keys(&["Enter"]);
    }

    /// Presses keys, by tmux's names.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Changes the size.
    pub fn resize(&self, width: u16, height: u16) {
        let (width, height) = (width.to_string(), height.to_string());
        self.tmux(&["resize-window", "-x", &width, "-y", &height]);
    }

    /// What is on it.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until what is on it satisfies `pick`.
    pub fn wait_for<T>(&self, what: &str, mut pick: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = std::time::Instant::now() + SOON;
        loop {
            let screen = self.screen();
            if let Some(found) = pick(&screen) {
                return found;
            }
            let late = std::time::Instant::now() > deadline;
            assert!(
                !late,
                "waited {SOON:?} for {what}; on the screen:\n{screen}"
            );
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
    }

    /// Process id of the program that the shell runs.
    pub fn program(&self) -> u32 {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let shell = shell.trim();
        let path = format!("/proc/{shell}/task/{shell}/children");
        wait::until("a program in the shell", SOON, || {
            let children = std::fs::read_to_string(&path).ok()?;
            children.split_whitespace().next()?.parse().ok()
        })
    }

    /// Whether a program has it for itself, and whether it shows a cursor.
    pub fn state(&self) -> (bool, bool) {
        let flags = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        let mut flags = flags.split_whitespace().map(|flag| flag == "1");
        (flags.next().expect("a flag"), flags.next().expect("a flag"))
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        // Without the user's settings, and whatever the locale here: the screen is UTF-8.
        command.args(["-u", "-f", "/dev/null", "-L", &self.socket]);
        command.env("LC_ALL", "C.UTF-8").env_remove("TMUX");
        succeed(command.args(arguments))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket, "kill-server"]);
        // Never panics: it runs while a failed test unwinds.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| finish(&mut command)));
    }
}
