//! A terminal that takes nothing any more, as over a connection that hangs.

use std::{
    fs::File,
    io::Write,
    os::fd::{AsFd, FromRawFd, OwnedFd},
    process::{Child, Stdio},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, Signal, kill_process},
};

use crate::support::{
    netns::Netns,
    process::{portwatch, wait_for_exit},
    wait::{self, SOON},
};

/// Both ends of a terminal: the one that a terminal program has, and the one of the programs in it.
fn terminal() -> (File, OwnedFd) {
    let (mut outer, mut inner) = (-1, -1);
    let size = libc::winsize {
        ws_row: 100,
        ws_col: 300,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: both descriptors and the size live through the call; there is no name and no mode.
    let result = unsafe {
        libc::openpty(
            &raw mut outer,
            &raw mut inner,
            std::ptr::null_mut(),
            std::ptr::null(),
            &raw const size,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the call has just opened both, for us alone.
    unsafe { (File::from_raw_fd(outer), OwnedFd::from_raw_fd(inner)) }
}

fn takes(inner: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(inner, PollFlags::OUT)];
    let at_once = rustix::time::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&at_once)).expect("poll") == 1
}

#[test]
fn it_is_no_obstacle_to_a_signal() {
    let netns = Netns::named(super::RANGE);
    let (mut outer, inner) = terminal();
    let copy = || Stdio::from(inner.try_clone().expect("dup"));
    let arguments = ["top", "--netns", &netns.selector()];
    let mut child: Child = portwatch(&arguments)
        .stdin(copy())
        .stdout(copy())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start portwatch");
    // Draws anew until nothing more fits; once that is so, it does not change.
    wait::until("a terminal that is full", SOON, || {
        outer.write_all(&[0x0c; 100]).expect("keys");
        std::thread::sleep(Duration::from_millis(20));
        let full = !takes(&inner);
        std::thread::sleep(Duration::from_millis(300));
        (full && !takes(&inner)).then_some(())
    });
    kill_process(Pid::from_child(&child), Signal::TERM).expect("signal portwatch");
    let status = wait_for_exit(&mut child);
    let said = std::io::read_to_string(child.stderr.take().expect("piped")).expect("UTF-8");
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    let modes = rustix::termios::tcgetattr(inner.as_fd()).expect("a terminal");
    let cooked = rustix::termios::LocalModes::ICANON | rustix::termios::LocalModes::ECHO;
    assert!(modes.local_modes.contains(cooked), "{modes:?}");
}
