//! Running programs to their end, within a bound.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use super::{environment, wait};

const BOUND: Duration = Duration::from_secs(60);

/// What a program left behind.
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Exit code; panics for a program that a signal ended.
    pub fn code(&self) -> i32 {
        let Self { status, stderr, .. } = self;
        status
            .code()
            .unwrap_or_else(|| panic!("{status}: {stderr}"))
    }
}

/// The program under test; where it attaches hooks with the set that the environment asks for,
/// unless the arguments choose one. It meets no daemon but one whose socket the arguments name.
pub fn portwatch(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portwatch"));
    command
        .args(arguments)
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG");
    let name = arguments.first().copied().unwrap_or_default();
    let socket = arguments.contains(&"--socket");
    let is_client = ["watch", "explain", "top", "check"].contains(&name);
    if is_client && socket {
        return command;
    }
    match name {
        "daemon" if !socket => command.args(["--socket", "off"]),
        _ if is_client => command.arg("--standalone"),
        _ => &mut command,
    };
    if ["watch", "explain", "top", "record", "daemon"].contains(&name)
        && !arguments.contains(&"--hooks")
        && let Some(hooks) = environment::hooks()
    {
        command.args(["--hooks", hooks]);
    }
    command
}

/// The program ended with `code`, said all of `words` on standard error and nothing elsewhere.
pub fn refuses(finished: &Finished, code: i32, words: &[&str]) {
    let Finished { stdout, stderr, .. } = finished;
    assert_eq!(finished.code(), code, "{stderr}");
    assert!(
        words.iter().all(|word| stderr.contains(word)),
        "{words:?} in {stderr}"
    );
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stdout, "");
}

/// Runs a command to its end; kills it and panics if it takes too long.
pub fn finish(command: &mut Command) -> Finished {
    finish_while(command, |_| {})
}

/// As [`finish`], and calls `look` with the process's identifier every now and then.
pub fn finish_while(command: &mut Command, look: impl FnMut(u32)) -> Finished {
    finish_once(command, "", look)
}

/// As [`finish_while`], beginning when this stands on stderr.
pub fn finish_once(command: &mut Command, word: &str, mut look: impl FnMut(u32)) -> Finished {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut out = child.stdout.take().expect("piped");
    let mut err = child.stderr.take().expect("piped");
    let out = thread::spawn(move || read(&mut out));
    let told = Arc::new(Mutex::new(String::new()));
    let teller = Arc::clone(&told);
    let err = thread::spawn(move || tell(&mut err, &teller));
    let deadline = std::time::Instant::now() + BOUND;
    let status = loop {
        if let Some(status) = child.try_wait().expect("wait for a child") {
            break status;
        }
        if std::time::Instant::now() > deadline {
            child.kill().expect("kill a child");
            child.wait().expect("wait for a child");
            panic!("{command:?} still ran after {BOUND:?}");
        }
        if told.lock().expect("not poisoned").contains(word) {
            look(child.id());
        }
        thread::sleep(Duration::from_millis(5));
    };
    Finished {
        status,
        stdout: out.join().expect("reader"),
        stderr: {
            err.join().expect("reader");
            std::mem::take(&mut *told.lock().expect("not poisoned"))
        },
    }
}

/// Reads a stream to its end, line by line.
fn tell(stream: &mut impl Read, told: &Mutex<String>) {
    let lines = BufReader::new(stream).lines();
    for line in lines.map_while(Result::ok) {
        let mut told = told.lock().expect("not poisoned");
        told.push_str(&line);
        told.push('\n');
    }
}

/// Runs a command that must succeed and returns what it printed.
pub fn succeed(command: &mut Command) -> String {
    let finished = finish(command);
    assert!(
        finished.status.success(),
        "{command:?}: {}",
        finished.stderr
    );
    finished.stdout
}

/// ip(8), which must succeed.
pub fn ip(arguments: &[&str]) -> String {
    succeed(Command::new("ip").args(arguments))
}

/// Waits for a child's end.
pub fn wait_for_exit(child: &mut std::process::Child) -> ExitStatus {
    wait::until("the program's end", wait::SOON, || {
        child.try_wait().expect("wait for a child")
    })
}

fn read(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("read a child's output");
    String::from_utf8(bytes).expect("output is UTF-8")
}
