//! However it ends, the terminal is as it was.

use portwatch::commands::top::Canvas;
use rustix::process::{Pid, Signal, kill_process};

use super::{ended, run, start, terminal};
use crate::support::{
    netns::Netns,
    process::{finish, portwatch, refuses},
    tmux::Terminal,
};

/// Tells the panicking test that it runs in a terminal.
const PANIC: &str = "PORTWATCH_TEST_PANICS";

fn started(terminal: &Terminal, netns: &Netns) {
    start(terminal, netns, &[]);
    terminal.wait_for("its screen", |screen| {
        screen.contains("USED/CAP").then_some(())
    });
    assert_eq!(terminal.state(), (true, false));
}

#[test]
fn keys_end_it() {
    let Some(terminal) = terminal(80, 24) else {
        return;
    };
    let netns = Netns::named(super::RANGE);
    for key in ["q", "C-c"] {
        started(&terminal, &netns);
        terminal.keys(&[key]);
        ended(&terminal, 0);
    }
}

#[test]
fn signals_end_it() {
    let Some(terminal) = terminal(80, 24) else {
        return;
    };
    let netns = Netns::named(super::RANGE);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        started(&terminal, &netns);
        let pid = i32::try_from(terminal.program()).expect("a pid");
        kill_process(Pid::from_raw(pid).expect("a pid"), signal).expect("signal portwatch");
        ended(&terminal, 0);
    }
}

#[test]
fn a_panic_ends_it_and_is_told() {
    if std::env::var_os(PANIC).is_some() {
        panic_on_the_screen();
    }
    let Some(terminal) = terminal(80, 24) else {
        return;
    };
    let itself = std::env::current_exe().expect("this program");
    let name = "top::ending::a_panic_ends_it_and_is_told";
    let command = format!("'{}' --exact {name} --nocapture", itself.display());
    run(&terminal, &format!("{PANIC}=1 RUST_BACKTRACE=0"), &command);
    let screen = ended(&terminal, 101);
    assert!(screen.contains("panicked on purpose"), "{screen}");
}

fn panic_on_the_screen() -> ! {
    let runtime = tokio_runtime();
    runtime.block_on(async {
        let mut canvas = Canvas::take(false).expect("a terminal");
        canvas.draw(|_| {}).expect("draw");
        canvas.flush().await.expect("write");
        panic!("panicked on purpose");
    })
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let finished = finish(&mut portwatch(&["top"]));
    refuses(
        &finished,
        2,
        &["needs a terminal", "portwatch watch", "portwatch check"],
    );
}
