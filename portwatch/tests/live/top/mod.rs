//! `portwatch top`, driven by keys in a terminal of the tests' own.

mod ending;
mod hung;
mod incident;
mod look;
mod recorded;

use std::{net::SocketAddr, ops::RangeInclusive};

use crate::{
    special::skip,
    support::{
        forked::Forked,
        netns::Netns,
        process::portwatch,
        socket::{Attempt, Family},
        tmux::{self, Terminal},
    },
};

const RANGE: RangeInclusive<u16> = 30_000..=30_049;
/// Lines above the first row.
const ABOVE: usize = 4;

fn peer(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A terminal; none where there can't be one.
fn terminal(width: u16, height: u16) -> Option<Terminal> {
    if tmux::exists() {
        return Some(Terminal::start(width, height));
    }
    skip("top", "there is no tmux");
    None
}

/// Starts it in the terminal, for one namespace. The shell then tells how it ended, and whether the
/// terminal is as it was.
fn start(terminal: &Terminal, netns: &Netns, arguments: &[&str]) {
    let fixed = ["top", "--interval", "200ms", "--netns", &netns.selector()];
    run(terminal, "NO_COLOR=1", &words(&fixed, arguments));
}

fn words(fixed: &[&str], arguments: &[&str]) -> String {
    let command = portwatch(&[fixed, arguments].concat());
    let words = command.get_args().map(|word| word.to_string_lossy());
    let program = command.get_program().to_string_lossy();
    format!("'{program}' {}", words.collect::<Vec<_>>().join(" "))
}

/// Runs a command in the shell, which tells how it ended and what became of the terminal.
fn run(terminal: &Terminal, before: &str, command: &str) {
    terminal.run("clear");
    terminal.wait_for("an empty screen", |screen| {
        (screen.trim() == tmux::PROMPT).then_some(())
    });
    terminal.run(&format!(
        "modes=$(stty -g); {before} {command}; echo ended $?; \
         test \"$modes\" = \"$(stty -g)\" && echo as it was$((0))"
    ));
}

/// The program has ended with this code, and the terminal is as it was.
fn ended(terminal: &Terminal, code: i32) -> String {
    let screen = terminal.wait_for("its end", |screen| {
        let told = screen.lines().any(|line| line == "as it was0");
        told.then(|| screen.to_owned())
    });
    let code = format!("ended {code}");
    assert!(screen.lines().any(|line| line == code), "{screen}");
    assert!(!screen.contains("USED/CAP"), "{screen}");
    assert_eq!(terminal.state(), (false, true), "{screen}");
    screen
}

/// A row of the table.
fn row(screen: &str, index: usize) -> &str {
    screen.lines().nth(ABOVE + index).unwrap_or_default()
}

/// A process `pw-greedy` that opens connections until none is left, keeps them, and tries again ten
/// times a second.
fn greedy(netns: &Netns, port: u16) -> Forked {
    let attempt = Attempt::new(Family::V4, None, peer(port));
    netns.run(|| {
        // SAFETY: the child makes system calls only.
        unsafe {
            Forked::start(None, || {
                libc::prctl(libc::PR_SET_NAME, c"pw-greedy".as_ptr());
                loop {
                    if attempt.make() != 0 {
                        libc::usleep(100_000);
                    }
                }
            })
        }
    })
}
