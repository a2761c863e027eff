//! Where the program cannot do what it is asked: a clear message, the right exit code.

use std::process::Command;

use crate::support::{
    process::{Finished, finish, portwatch},
    sandbox,
};

/// An end within moments in case the program does start.
const SHORT: [&str; 3] = ["watch", "--duration", "1s"];

fn run(arguments: &[&str]) -> Finished {
    finish(&mut portwatch(arguments))
}

/// The program ended with `code`, said all of `words` on standard error and nothing elsewhere.
fn refuses(finished: &Finished, code: i32, words: &[&str]) {
    let Finished { stdout, stderr, .. } = finished;
    assert_eq!(finished.code(), code, "{stderr}");
    assert!(
        words.iter().all(|word| stderr.contains(word)),
        "{words:?} in {stderr}"
    );
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stdout, "");
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
fn without_type_information_it_names_the_kernel_option() {
    let finished = finish(sandbox::without_btf(&mut portwatch(&SHORT)));
    refuses(&finished, 4, &["CONFIG_DEBUG_INFO_BTF", "portwatch doctor"]);
}

#[test]
fn where_the_kernel_refuses_programs_it_points_to_doctor() {
    let finished = finish(sandbox::without_program_load(&mut portwatch(&SHORT)));
    refuses(&finished, 4, &["portwatch doctor"]);
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

#[test]
fn hook_sets_to_come_are_refused_clearly() {
    for hooks in ["fentry", "kprobe"] {
        let finished = run(&["watch", "--duration", "1s", "--hooks", hooks]);
        assert_ne!(finished.code(), 0);
        refuses(&finished, finished.code(), &[hooks, "tracepoint"]);
    }
}
