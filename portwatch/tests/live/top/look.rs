//! What the terminal is made use of.

use super::{ended, greedy, row, run, terminal, words};
use crate::support::{netns::Netns, server};

#[test]
fn a_terminal_that_nobody_knows_is_enough() {
    let Some(terminal) = terminal(80, 24) else {
        return;
    };
    let netns = Netns::named(super::RANGE);
    let _server = server::listen(&netns, 8080);
    let _greedy = greedy(&netns, 8080);
    let selector = netns.selector();
    let fixed = ["top", "--interval", "200ms", "--netns", &selector];
    run(&terminal, "env -i TERM=unheard-of", &words(&fixed, &[]));
    terminal.wait_for("a bar without Unicode", |screen| {
        row(screen, 0).contains("##### 100%").then_some(())
    });
    assert!(terminal.screen().is_ascii());
    terminal.keys(&["h"]);
    terminal.wait_for("the help", |screen| {
        screen.contains("any key goes back").then_some(())
    });
    terminal.keys(&["x", "q"]);
    ended(&terminal, 0);
    run(&terminal, "TERM=dumb", &words(&fixed, &[]));
    let screen = ended(&terminal, 2);
    assert!(
        screen.contains("needs a terminal that it can draw on"),
        "{screen}"
    );
}
