//! What `portwatch free` says to questions that make no sense here.

use crate::support::{
    netns::Netns,
    process::{finish, portwatch, refuses},
    sandbox,
};

#[test]
fn bad_questions_are_refused_with_a_reason() {
    let netns = Netns::named(30_000..=30_009);
    let name = netns.selector();
    let inside = |arguments: &[&str]| {
        finish(&mut portwatch(
            &[&["free", "--netns", &name], arguments].concat(),
        ))
    };
    refuses(&inside(&["127.0.0.1"]), 2, &["is no peer"]);
    refuses(&inside(&["192.0.2.1:80"]), 2, &["no route", "--local"]);
    refuses(
        &inside(&["--local", "::1", "127.0.0.1:80"]),
        2,
        &["different families"],
    );
    refuses(
        &inside(&["--local", "127.0.0.1", "127.0.0.2 -> 127.0.0.1:80"]),
        2,
        &["given twice"],
    );
    refuses(
        &inside(&["--device", "no-such", "127.0.0.1:80"]),
        2,
        &["no device"],
    );
    refuses(&inside(&["--range", "9-3", "127.0.0.1:80"]), 2, &["range"]);
    let absent = ["free", "--netns", "no-such-netns", "127.0.0.1:80"];
    refuses(
        &finish(&mut portwatch(&absent)),
        2,
        &["no-such-netns", "was found"],
    );
}

#[test]
fn it_takes_privileges() {
    let finished = sandbox::as_nobody(&["free", "127.0.0.1:80"]);
    refuses(&finished, 3, &["permission denied", "doctor"]);
}

#[test]
fn the_tuple_may_be_given_as_it_is_printed() {
    let netns = Netns::named(30_000..=30_009);
    let name = netns.selector();
    let ask = |tuple: &str| {
        let finished = finish(&mut portwatch(&["free", "--netns", &name, tuple]));
        assert_eq!(finished.code(), 0, "{}", finished.stderr);
        finished.stdout
    };
    let text = ask("127.0.0.1:80");
    let head = format!("{name}  127.0.0.1 -> 127.0.0.1:80\n  range       30000-30009, 10 ports\n");
    assert!(text.starts_with(&head), "{text}");
    assert!(text.ends_with("  free ports  30000-30009\n"), "{text}");
    assert_eq!(ask("127.0.0.1 -> 127.0.0.1:80"), text);
    assert_eq!(ask("::ffff:127.0.0.1->[::ffff:127.0.0.1]:80"), text);
}
