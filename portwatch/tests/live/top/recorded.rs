//! A recording on the screen.

use super::{ended, greedy, row, run, terminal, words};
use crate::support::{
    netns::Netns,
    process::{portwatch, succeed},
    server,
};

#[test]
fn a_recording_is_played_and_looked_around_in() {
    let Some(terminal) = terminal(120, 24) else {
        return;
    };
    let netns = Netns::named(super::RANGE);
    let _server = server::listen(&netns, 8080);
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("session.pw");
    let (file, selector) = (file.to_str().expect("UTF-8"), netns.selector());
    let fixed = ["record", file, "--netns", &selector, "--interval", "100ms"];
    let greedy = greedy(&netns, 8080);
    succeed(&mut portwatch(&[&fixed[..], &["--for", "2s"]].concat()));
    let owner = format!("pw-greedy[{}]", greedy.pid());
    drop(greedy);
    drop(netns);

    run(
        &terminal,
        "NO_COLOR=1",
        &words(&["replay", file, "top", "--speed", "0.125"], &[]),
    );
    let plays = |speed: &str| {
        let words = format!(" playing {speed} to ");
        terminal.wait_for(&words, |screen| screen.contains(&words).then_some(()));
    };
    plays("x0.125");
    terminal.keys(&["+"]);
    plays("x0.25");
    let failed = |screen: &str| {
        let first = row(screen, 0);
        (first.starts_with(">X") && first.contains("50/50")).then_some(())
    };
    terminal.wait_for("the incident", failed);
    terminal.keys(&["Right"]);
    terminal.wait_for("its end", |screen| {
        screen.contains(" stopped x0.25 to ").then_some(())
    });
    terminal.keys(&["Enter"]);
    terminal.wait_for("who it was", |screen| {
        (screen.contains("FAILING") && screen.contains(&owner)).then_some(())
    });
    terminal.keys(&["G"]);
    terminal.wait_for("its failures", |screen| {
        screen.contains(" EXHAUSTED ").then_some(())
    });
    terminal.keys(&["Left"]);
    plays("x0.25");
    terminal.keys(&["q"]);
    ended(&terminal, 0);
}
