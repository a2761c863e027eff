//! The answers of its server.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::{PORT, RANGE, peer};
use crate::support::{
    daemon::Daemon,
    netns::Netns,
    process::{finish, portwatch, refuses},
    server,
    socket::{self, Family},
};

#[test]
fn every_path_and_method_has_its_answer() {
    let netns = Netns::named(RANGE);
    let _server = server::listen(&netns, PORT);
    let daemon = Daemon::start(&netns, &[]);
    let health = daemon.get("/healthz");
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    for (method, path, status) in [
        ("GET", "/metrics?x=y", 200),
        ("GET", "/nothing", 404),
        ("GET", "/metrics/../etc/passwd", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/", 405),
    ] {
        let answer = daemon.ask(method, path, "");
        assert_eq!(answer.status, status, "{method} {path}");
    }
    let head = daemon.ask("HEAD", "/metrics", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));

    let classic = daemon.get("/metrics");
    let kind = "content-type: text/plain; version=0.0.4; charset=utf-8";
    assert!(classic.head.contains(kind), "{}", classic.head);
    let accept = "Accept: application/openmetrics-text; version=1.0.0\r\n";
    let open = daemon.ask("GET", "/metrics", accept);
    let kind = "content-type: application/openmetrics-text; version=1.0.0";
    assert!(open.head.contains(kind), "{}", open.head);
    assert!(open.body.ends_with("# EOF\n"), "{}", open.body);

    let _open = netns.run(|| socket::exhaust(Family::V4, peer()));
    daemon.wait_for("portwatch_tuples", 1.0);
    let page = daemon.get("/");
    let name = netns.selector();
    let row = format!("<tr><td>{name}<td>127.0.0.1 -&gt; 127.0.0.1:{PORT}<td class=\"n\">20/20");
    assert!(page.body.contains(&row), "{}", page.body);
}

#[test]
fn a_crowd_that_does_nothing_keeps_nobody_out() {
    let netns = Netns::named(RANGE);
    let daemon = Daemon::start(&netns, &[]);
    let connect = || TcpStream::connect(daemon.address()).expect("connect");
    let idle: Vec<TcpStream> = (0..200).map(|_| connect()).collect();
    // Some of them begin to ask, and some ask and don't read.
    for mut stream in idle.iter().skip(150).take(20) {
        stream.write_all(b"GET /metrics HT").expect("write");
    }
    for mut stream in idle.iter().skip(170) {
        let ask = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        // Fails where the connection had to make room.
        let _ = stream.write_all(&ask.repeat(100));
    }
    assert_eq!(daemon.get("/metrics").status, 200);
    assert_eq!(daemon.get("/healthz").status, 200);
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("descriptors");
    let sockets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let sockets = sockets.filter(|to| to.to_string_lossy().starts_with("socket:"));
    assert!(sockets.count() < 100);
}

#[test]
fn a_connection_serves_several_scrapes() {
    let netns = Netns::named(RANGE);
    let daemon = Daemon::start(&netns, &[]);
    let mut stream = TcpStream::connect(daemon.address()).expect("connect");
    for _ in 0..3 {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .expect("write");
        let mut text = Vec::new();
        while !text.ends_with(b"ok\n") {
            let mut bytes = [0; 512];
            let length = stream.read(&mut bytes).expect("read");
            assert!(length > 0, "closed");
            text.extend_from_slice(&bytes[..length]);
        }
    }
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = taken.local_addr().expect("an address").to_string();
    let finished = finish(&mut portwatch(&["daemon", "--listen", &address]));
    refuses(&finished, 1, &["cannot listen on", &address]);
}
