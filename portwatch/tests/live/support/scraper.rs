//! Scrapes, one after the other, on a connection that stays.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use super::{metrics::Metrics, wait::SOON};

/// A connection to a server.
pub struct Scraper(BufReader<TcpStream>);

impl Scraper {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connect to the daemon");
        stream.set_read_timeout(Some(SOON)).expect("SO_RCVTIMEO");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Self(BufReader::new(stream))
    }

    /// The page of metrics.
    pub fn scrape(&mut self) -> String {
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        self.0.get_mut().write_all(request).expect("ask");
        let mut length = 0;
        let mut head = String::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("a head");
            assert!(!line.is_empty(), "the daemon hung up: {head}");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(bytes) = line.strip_prefix("content-length: ") {
                length = bytes.parse().expect("a length");
            }
            head.push_str(&line);
        }
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let mut page = vec![0; length];
        self.0.read_exact(&mut page).expect("a page");
        String::from_utf8(page).expect("UTF-8")
    }
}

/// Scrapes until told that it is over, as often as the pause between two beginnings allows. Returns
/// how many there were in a second.
pub fn scrape_until(over: &AtomicBool, address: SocketAddr, pause: Duration) -> f64 {
    let (began, mut scrapes) = (Instant::now(), 0);
    let mut scraper = Scraper::connect(address);
    while !over.load(Relaxed) {
        Metrics::parse(&scraper.scrape()).of("portwatch_connects_total");
        scrapes += 1;
        let next = began + pause * scrapes;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    f64::from(scrapes) / began.elapsed().as_secs_f64()
}
