//! The other commands by what a daemon tells and answers: without privileges, without programs.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    os::unix::{
        fs::{PermissionsExt, chown},
        net::{UnixListener, UnixStream},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{PORT, PORTS, RANGE, peer};
use crate::support::{
    bpf_objects,
    check::{check, report, rows},
    daemon::Daemon,
    event::Event,
    netns::Netns,
    process::{Finished, finish, portwatch, refuses},
    server,
    socket::{self, Family},
    tmux::{self, Terminal},
    unprivileged::USER,
    wait::{self, SOON},
};

/// A namespace with a server, a daemon, and a socket that the unprivileged may use.
struct Host {
    netns: Netns,
    _server: std::net::TcpListener,
    _directory: TempDir,
    path: PathBuf,
    daemon: Daemon,
}

impl Host {
    fn start() -> Self {
        let netns = Netns::named(RANGE);
        let server = server::listen(&netns, PORT);
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("chmod");
        let path = directory.path().join("portwatch.sock");
        let daemon = Daemon::start(&netns, &["--socket", path.to_str().expect("UTF-8")]);
        chown(&path, None, Some(USER)).expect("chgrp");
        Self {
            netns,
            _server: server,
            _directory: directory,
            path,
            daemon,
        }
    }

    fn open(&self, count: u32) -> Vec<socket2::Socket> {
        let connect = |_| Family::V4.connect(peer()).expect("connect");
        self.netns.run(|| (0..count).map(connect).collect())
    }

    /// A command of somebody without any privilege, by the daemon.
    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = portwatch(&[&by(name, &self.path), arguments].concat());
        command.uid(USER).gid(USER);
        command
    }

    fn finish(&self, name: &str, arguments: &[&str]) -> Finished {
        finish(&mut self.command(name, arguments))
    }
}

fn by<'a>(name: &'a str, path: &'a Path) -> [&'a str; 3] {
    [name, "--socket", path.to_str().expect("UTF-8")]
}

#[test]
fn check_answers_as_by_programs_of_its_own() {
    let host = Host::start();
    let name = host.netns.selector();
    let same = |state: &str| {
        let arguments = ["--json", "--netns", &name];
        let ours = host.finish("check", &arguments);
        let own = check(&[&["--source", "bpf"], &arguments[..]].concat());
        assert_eq!(ours.code(), own.code(), "{}", ours.stderr);
        let (ours, own) = (report(&ours), report(&own));
        for key in ["state", "source", "namespaces", "tuples", "kernel"] {
            assert_eq!(ours[key], own[key], "{key} {state}");
        }
        rows(&ours)
    };
    assert!(same("of nothing").is_empty());
    let mut open = host.open(12);
    let row = same("of twelve").into_values().next().expect("a tuple");
    assert_eq!((row.used, row.capacity), (12, u64::from(PORTS)));
    // The server has accepted none: it closes none.
    open.truncate(5);
    let row = same("with some closed").into_values().next();
    let row = row.expect("a tuple");
    assert_eq!(row.states.get("established"), Some(&5), "{row:?}");
    assert_eq!(row.used, 12);

    let nowhere = host.finish("check", &["--netns", "nowhere"]);
    assert_eq!(nowhere.code(), 3);
    let told = nowhere.stdout;
    assert!(told.contains("no network namespace nowhere"), "{told}");
}

#[test]
fn explain_answers_as_by_programs_of_its_own() {
    let host = Host::start();
    let name = host.netns.selector();
    // Somebody else has one of the ports.
    let other = ([127, 0, 0, 1], *RANGE.start() + 5);
    let _listener = host
        .netns
        .run(|| std::net::TcpListener::bind(std::net::SocketAddr::from(other)));
    let _held = host.netns.run(|| socket::exhaust(Family::V4, peer()));
    let tuple = format!("127.0.0.1 -> {}", peer());
    for whom in [&[][..], &["127.0.0.1"], &[&tuple]] {
        let arguments = [&["--json", "--netns", &name], whom].concat();
        let ours = host.finish("explain", &arguments);
        assert_eq!(ours.code(), 0, "{whom:?}: {}", ours.stderr);
        assert!(ours.stderr.contains("by the daemon at"), "{}", ours.stderr);
        let own = finish(&mut portwatch(&[&["explain"], &arguments[..]].concat()));
        let (ours, own) = (report(&ours), report(&own));
        for key in [
            "used", "capacity", "headroom", "states", "netns", "blockers",
        ] {
            assert_eq!(ours[key], own[key], "{key} of {whom:?}");
        }
        assert_eq!(ours["used"], PORTS - 1, "{ours}");
        assert_eq!(ours["blockers"][0]["pid"], std::process::id(), "{ours}");
        assert_eq!(ours["openers"][0]["pid"], std::process::id(), "{ours}");
        assert!(ours["verdict"].is_string(), "{ours}");
    }
    for (words, told) in [
        (&["--device", "none0", &tuple][..], "no device"),
        (&["--local", "::1", &tuple], "given twice"),
    ] {
        let refused = host.finish("explain", &[&["--netns", &name], words].concat());
        refuses(&refused, 2, &[told]);
    }
}

#[test]
fn explain_takes_the_callers_namespace_for_a_tuple() {
    let host = Host::start();
    let _open = host.open(7);
    let mut command = host.command("explain", &["--json", "127.0.0.1:8080"]);
    let explained = report(&host.netns.run(|| finish(&mut command)));
    assert_eq!(explained["used"], 7, "{explained}");
}

#[test]
fn watch_begins_with_what_there_is_and_ends_with_the_daemon() {
    let host = Host::start();
    let _open = host.open(5);
    let mut command = host.command("watch", &["--json", "--netns", &host.netns.selector()]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start portwatch");
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut events = stdout
        .lines()
        .map(|line| Event::parse(&line.expect("UTF-8")));
    let started = events.next().expect("a start");
    assert_eq!(started.kind(), "started");
    assert_eq!(started.0["tuples"][0]["used"], 5, "{}", started.0);
    assert!(bpf_objects::held_by(child.id()).is_empty());
    let _held = host.netns.run(|| socket::exhaust(Family::V4, peer()));
    let exhausted = events
        .find(|event| event.is("exhausted"))
        .expect("a failure");
    assert_eq!(exhausted.small("pid"), std::process::id());
    assert_eq!(exhausted.0, host.daemon.event("exhausted").0);

    let (status, lines) = host.daemon.stop();
    assert!(status.success(), "{status}: {lines:#?}");
    events.for_each(drop);
    let mut told = String::new();
    let mut stderr = child.stderr.take().expect("piped");
    stderr.read_to_string(&mut told).expect("UTF-8");
    assert_eq!(child.wait().expect("its end").code(), Some(1), "{told}");
    assert!(told.contains("has ended this"), "{told}");
}

#[test]
fn top_shows_tuples_and_who_opened_them() {
    if !tmux::exists() {
        crate::special::skip("top", "there is no tmux");
        return;
    }
    let host = Host::start();
    let _open = host.open(9);
    let terminal = Terminal::start(120, 30);
    let command =
        portwatch(&[&by("top", &host.path)[..], &["-N", &host.netns.selector()]].concat());
    let words = command.get_args().map(|word| word.to_string_lossy());
    let words: Vec<_> = words.collect();
    let program = command.get_program().to_string_lossy();
    terminal.run(&format!("'{program}' {}; echo ended $?", words.join(" ")));
    terminal.wait_for("the tuple", |screen| screen.contains("9/20").then_some(()));
    assert!(bpf_objects::held_by(terminal.program()).is_empty());
    terminal.keys(&["Enter"]);
    let itself = format!("[{}]", std::process::id());
    terminal.wait_for("its page", |screen| {
        let verdict = screen.to_lowercase().contains("verdict");
        (verdict && screen.contains(&itself)).then_some(())
    });
    drop(host.daemon);
    terminal.wait_for("its end", |screen| screen.contains("ended 1").then_some(()));
    let screen = terminal.screen().replace('\n', "");
    assert!(
        screen.contains("has ended this") || screen.contains("is gone"),
        "{screen}"
    );
}

#[test]
fn what_a_daemon_cannot_do_is_done_without_or_refused() {
    let host = Host::start();
    for (name, option, value) in [
        ("watch", "--interval", "2s"),
        ("watch", "--warning", "40%"),
        ("top", "--hooks", "tracepoint"),
        ("explain", "--sweep-interval", "5s"),
        ("check", "--source", "netlink"),
    ] {
        let mut command = host.command(name, &[option, value]);
        if name == "top" {
            // It refuses what is no terminal before anything else.
            continue;
        }
        let refused = finish(&mut command);
        let (code, told) = match name {
            "check" => (3, &refused.stdout),
            _ => (2, &refused.stderr),
        };
        assert_eq!(refused.code(), code, "{told}");
        assert!(told.contains(&format!("{option} takes programs")), "{told}");
    }
    let both = host.finish("watch", &["--standalone"]);
    refuses(&both, 2, &["--standalone"]);
}

#[test]
fn a_socket_of_something_else_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("other.sock");
    let watch = || {
        finish(&mut portwatch(
            &[&by("watch", &path)[..], &["--duration", "1s"]].concat(),
        ))
    };
    refuses(&watch(), 1, &["cannot connect to", "No such file"]);
    let listener = UnixListener::bind(&path).expect("a socket");
    for (says, told) in [
        (
            &b"portwrec\x63\0\0\0"[..],
            "a later version of portwatch reads it",
        ),
        (b"HTTP/1.1 400 Bad Request\r\n", "no recording"),
        (b"", "no recording"),
    ] {
        let (finished, ()) = std::thread::scope(|scope| {
            let watched = scope.spawn(watch);
            let (mut stream, _) = listener.accept().expect("accept");
            stream.write_all(says).expect("write");
            drop(stream);
            (watched.join().expect("no panic"), ())
        });
        refuses(&finished, 1, &["the daemon at", told]);
    }
    drop(listener);
    refuses(&watch(), 1, &["is the daemon running?"]);
}

#[test]
fn what_is_no_question_ends_the_connection() {
    let host = Host::start();
    let long = [b'['; 5000];
    for words in [
        &b"{\"survey\":1}\n"[..],
        b"\n",
        &long,
        b"{\"survey\":{\"netns\":[]}}\n{}\n",
    ] {
        let mut stream = UnixStream::connect(&host.path).expect("connect");
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
        stream.write_all(words).expect("write");
        // What it did not read any more makes that a reset.
        let ended = stream.read_to_end(&mut Vec::new());
        let kind = ended.err().map(|error| error.kind());
        assert!(
            matches!(kind, None | Some(ErrorKind::ConnectionReset)),
            "{kind:?}"
        );
    }
}

#[test]
fn those_who_ask_without_end_are_no_burden_to_others() {
    let host = Host::start();
    let _open = host.open(3);
    let survey: &[u8] = b"{\"survey\":{\"netns\":[]}}\n\"openers\"\n";
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let mut stream = UnixStream::connect(&host.path).expect("connect");
            let mut answers = stream.try_clone().expect("a descriptor");
            answers
                .set_read_timeout(Some(Duration::from_millis(100)))
                .expect("a timeout");
            let stop = &stop;
            scope.spawn(move || {
                let mut bytes = [0; 65_536];
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    // It takes no more than it answers: this may have to wait.
                    let _ = stream
                        .set_nonblocking(true)
                        .and_then(|()| stream.write(survey));
                    let _ = stream.set_nonblocking(false);
                    let _ = answers.read(&mut bytes);
                }
            });
        }
        let answered = wait::until("an answer beside them", wait::SWEEPS, || {
            let checked = host.finish("check", &["--json", "--netns", &host.netns.selector()]);
            (checked.code() != 3).then(|| report(&checked))
        });
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(answered["tuples"][0]["used"], 3, "{answered}");
    });
    let told: Value = report(&host.finish("check", &["--json", "--netns", &host.netns.selector()]));
    assert_eq!(told["tuples"][0]["used"], 3);
}
