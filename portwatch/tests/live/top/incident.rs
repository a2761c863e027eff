//! An incident as it is seen on the screen.

use super::{ended, greedy, peer, row, start, terminal};
use crate::support::{
    netns::Netns,
    server,
    socket::{self, Family},
};

#[test]
fn the_incident_rises_to_the_first_row_and_opens_in_80_columns() {
    let Some(terminal) = terminal(80, 24) else {
        return;
    };
    let netns = Netns::named(super::RANGE);
    let _servers = [8080, 8081].map(|port| server::listen(&netns, port));
    let quiet: Vec<_> = netns.run(|| {
        let connect = |_| Family::V4.connect(peer(8081)).expect("connect");
        (0..10).map(connect).collect()
    });
    start(&terminal, &netns, &[]);
    terminal.wait_for("the quiet tuple", |screen| {
        row(screen, 0).contains("127.0.0.1:8081").then_some(())
    });

    let greedy = greedy(&netns, 8080);
    let owner = format!("pw-greedy[{}]", greedy.pid());
    let screen = terminal.wait_for("the incident in the first row", |screen| {
        let first = row(screen, 0);
        let risen = first.starts_with(">X") && first.contains("127.0.0.1:8080");
        (risen && first.contains(&owner)).then(|| screen.to_owned())
    });
    assert!(row(&screen, 0).contains("50/50"), "{screen}");
    assert!(row(&screen, 0).contains("100%"), "{screen}");
    assert!(row(&screen, 1).contains("10/50"), "{screen}");
    let worst = screen.lines().nth(2).expect("a line");
    assert!(
        worst.starts_with("worst X 50/50 100%") && worst.contains("pw-greedy["),
        "{screen}"
    );

    terminal.keys(&["Enter"]);
    terminal.wait_for("its page", |screen| {
        let there = [
            "FAILING",
            "50/50 ports (100 %); 0 more possible",
            "50 established",
        ];
        let opened = screen
            .lines()
            .any(|line| line.starts_with("opened by") && line.contains(&owner));
        let looked = screen.contains("looked") && !screen.contains("not looked at");
        (there.iter().all(|words| screen.contains(words)) && opened && looked).then_some(())
    });
    terminal.keys(&["G"]);
    terminal.wait_for("its events", |screen| {
        let events = ["WARNING", "CRITICAL"];
        events
            .iter()
            .all(|word| screen.contains(word))
            .then_some(())
    });
    terminal.keys(&["Escape"]);
    terminal.wait_for("the table", |screen| {
        screen.contains("USED/CAP").then_some(())
    });

    terminal.keys(&["/", "8", "0", "8", "1"]);
    terminal.wait_for("the row that passes the filter", |screen| {
        let one = row(screen, 0).contains("127.0.0.1:8081") && row(screen, 1).is_empty();
        (one && screen.contains("filter: 8081")).then_some(())
    });
    terminal.keys(&["Escape"]);
    terminal.wait_for("every row", |screen| {
        row(screen, 1).contains("8081").then_some(())
    });
    // By namespace, local address and peer, from the end: the other port comes first.
    terminal.keys(&["s", "s", "s", "r"]);
    terminal.wait_for("another order", |screen| {
        let sorted = row(screen, 0).contains("8081") && row(screen, 1).contains("8080");
        (sorted && screen.contains("PEER▲")).then_some(())
    });
    terminal.keys(&["g"]);
    terminal.wait_for("groups", |screen| screen.contains("TUPLES").then_some(()));
    terminal.resize(100, 30);
    terminal.wait_for("the keys at the foot of a larger screen", |screen| {
        screen.lines().nth(29)?.starts_with("q quit").then_some(())
    });
    terminal.keys(&["q"]);
    ended(&terminal, 0);
    quiet.into_iter().for_each(socket::reset);
}

#[test]
fn the_first_failure_freezes_200_columns() {
    let Some(terminal) = terminal(200, 60) else {
        return;
    };
    let netns = Netns::named(super::RANGE);
    let _server = server::listen(&netns, 8080);
    start(&terminal, &netns, &[]);
    terminal.wait_for("an empty table", |screen| {
        screen.contains("no outgoing TCP connections").then_some(())
    });
    terminal.keys(&["f"]);
    terminal.wait_for("it to be armed", |screen| {
        screen.contains("freezes at the next failure").then_some(())
    });
    let greedy = greedy(&netns, 8080);
    let failures_since = |screen: &str| -> Option<u32> {
        let (before, _) = screen.split_once(" failures since")?;
        before.rsplit(' ').next()?.parse().ok()
    };
    let frozen = terminal.wait_for("it to freeze and to go on recording", |screen| {
        let frozen = screen.contains("FROZEN at the first failure");
        (frozen && failures_since(screen)? > 5).then(|| screen.to_owned())
    });
    for title in [
        "LOCAL", "LIVE", "TW", "BLK", "NET/S", "TTE", "FAILED", "OWNER",
    ] {
        assert!(frozen.contains(title), "{title} in {frozen}");
    }
    let first = row(&frozen, 0);
    let owner = format!("pw-greedy[{}]", greedy.pid());
    assert!(
        first.contains("50/50") && first.contains(&owner),
        "{frozen}"
    );
    assert!(
        frozen
            .lines()
            .nth(1)
            .expect("a line")
            .contains("failed: 1 exhausted"),
        "{frozen}"
    );
    terminal.keys(&["f"]);
    terminal.wait_for("it to go on", |screen| {
        let failed = screen.lines().nth(1)?;
        (!screen.contains("FROZEN") && !failed.contains("failed: 1 exhausted")).then_some(())
    });
    terminal.keys(&["p"]);
    terminal.wait_for("a pause", |screen| {
        screen.contains(" PAUSED ").then_some(())
    });
    terminal.keys(&["q"]);
    ended(&terminal, 0);
}
