//! The text forms: what a newcomer sees.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::Stdio,
    sync::mpsc,
};

use crate::support::{
    hooks,
    netns::Netns,
    process::{finish, portwatch},
    server,
    socket::{self, Family},
    wait,
};

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_009;

#[test]
fn a_quiet_host_sees_what_was_found_and_then_events() {
    let netns = Netns::named(RANGE);
    let name = netns.selector();
    let _server = server::listen(&netns, 8080);
    let mut child = portwatch(&["watch", "--netns", &name])
        .stdout(Stdio::piped())
        .spawn()
        .expect("start");
    let (send, receive) = mpsc::channel();
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let reader = std::thread::spawn(move || {
        stdout
            .lines()
            .map_while(Result::ok)
            .for_each(|line| send.send(line).expect("a receiver"));
    });
    let mut seen = String::new();
    let mut see = |word: &str| {
        wait::until(word, wait::SOON, || {
            seen.extend(receive.try_iter().map(|line| line + "\n"));
            seen.contains(word).then_some(())
        });
    };
    // Nothing happens in this namespace: this is the opening.
    for word in [hooks::in_use(), &name, "30000", "30009"] {
        see(word);
    }
    let peer = SocketAddr::from(([127, 0, 0, 1], 8080));
    let open = netns.run(|| socket::exhaust(Family::V4, peer));
    for word in [
        "WARNING",
        "CRITICAL",
        "EXHAUSTED",
        "127.0.0.1 -> 127.0.0.1:8080",
        "10/10",
    ] {
        see(word);
    }
    open.iter().for_each(socket::disconnect);
    see("RECOVERED");
    child.kill().expect("kill");
    child.wait().expect("wait");
    reader.join().expect("reader");
    assert!(!seen.contains('\u{1b}'), "colour in a pipe: {seen}");
}

#[test]
fn doctor_finds_that_this_kernel_will_do() {
    let text = finish(&mut portwatch(&["doctor"]));
    assert_eq!(text.code(), 0, "{}{}", text.stdout, text.stderr);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("release");
    let report = hooks::doctor();
    let best = report["hooks"].as_str().expect("a hook set");
    for word in [release.trim(), "BTF", best] {
        assert!(text.stdout.contains(word), "{word} in {}", text.stdout);
    }
    assert_eq!(report["readiness"], "ready");
    assert_eq!(hooks::usable().first(), Some(&best));
}
