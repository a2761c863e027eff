//! Where the program is asked for what cannot be: a clear message, the right exit code.

use std::process::Command;

use crate::support::{
    process::{Finished, finish, portwatch, refuses},
    sandbox,
};

/// An end within moments in case the program does start.
const SHORT: [&str; 3] = ["watch", "--duration", "1s"];

fn run(arguments: &[&str]) -> Finished {
    finish(&mut portwatch(arguments))
}

#[test]
fn without_root_watch_says_what_is_missing() {
    let finished = sandbox::as_nobody(&SHORT);
    refuses(&finished, 3, &["root", "CAP_BPF", "CAP_PERFMON"]);
}

#[test]
fn without_capabilities_root_is_told_which() {
    let mut setpriv = Command::new("setpriv");
    setpriv.args([
        "--bounding-set",
        "-bpf,-perfmon,-sys_admin",
        "--inh-caps",
        "-all",
    ]);
    setpriv.arg(env!("CARGO_BIN_EXE_portwatch")).args(SHORT);
    refuses(&finish(&mut setpriv), 3, &["CAP_BPF", "CAP_PERFMON"]);
}

#[test]
fn unknown_words_are_a_usage_error() {
    for arguments in [
        &["--bogus"][..],
        &["watch", "--bogus"],
        &["frobnicate"],
        &["doctor", "--bogus"],
        &["watch", "--interval", "fast"],
        &["watch", "--peer", "300.0.0.1"],
        &["watch", "--port", "70000"],
        &["watch", "--max-sockets", "none"],
    ] {
        refuses(&run(arguments), 2, &["--help"]);
    }
}

#[test]
fn a_bad_threshold_is_a_usage_error_that_names_it() {
    for (option, value) in [
        ("--warning", "150%"),
        ("--warning", "-1"),
        ("--critical", "1.5"),
        ("--critical", "much"),
        ("--critical", "NaN"),
    ] {
        let value = format!("{option}={value}");
        refuses(&run(&["watch", "--duration", "1s", &value]), 2, &[option]);
    }
    let crossed = [
        "watch",
        "--duration",
        "1s",
        "--warning",
        "90%",
        "--critical",
        "80%",
    ];
    refuses(&run(&crossed), 2, &["warning", "critical"]);
}

#[test]
fn a_namespace_that_does_not_exist_is_named_and_waited_for() {
    let finished = run(&["watch", "--duration", "1s", "--netns", "no-such-netns"]);
    assert_eq!(finished.code(), 0);
    assert!(
        finished.stderr.contains("no-such-netns"),
        "{}",
        finished.stderr
    );
}

/// As in a container: the hooks can't be tried then, and have to be taken as they are.
#[test]
fn where_no_sysctl_can_be_set_it_starts_all_the_same() {
    let mut watch = portwatch(&[&SHORT[..], &["-v", "--json"]].concat());
    let finished = finish(sandbox::without_sysctls(&mut watch));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(
        finished.stderr.contains("attached, not tried"),
        "{}",
        finished.stderr
    );
    assert!(
        finished.stdout.contains("\"event\":\"started\""),
        "{}",
        finished.stdout
    );
}
