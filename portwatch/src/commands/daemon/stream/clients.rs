use std::{io::Write, time::Duration};

use hyper::body::Bytes;
use tokio::{net::UnixStream, time::timeout};

use super::client::Client;

/// Readers at the same time at most.
const LIMIT: usize = 128;
/// How long the end of the stream may take.
const GRACE: Duration = Duration::from_millis(500);

/// All who read.
#[derive(Default)]
pub(super) struct Clients {
    /// Those who have a picture.
    reading: Vec<Client>,
    /// Those who wait for one.
    joining: Vec<Client>,
    /// For those who are too many.
    refusal: Vec<u8>,
}

impl Clients {
    /// None yet.
    pub fn new(refusal: Vec<u8>) -> Self {
        Self {
            refusal,
            ..Self::default()
        }
    }

    /// Takes one in, or turns it away.
    pub fn join(&mut self, stream: UnixStream) {
        if self.reading.len() + self.joining.len() >= LIMIT && self.count() >= LIMIT {
            if let Ok(mut stream) = stream.into_std() {
                // A new connection has room for it.
                let _ = stream.write_all(&self.refusal);
            }
            return;
        }
        self.joining.push(Client::new(stream));
    }

    /// Sends to all who have a picture. Who reads too slowly is dropped.
    pub fn send(&mut self, bytes: &Bytes) {
        if !bytes.is_empty() {
            self.reading.retain(|client| client.send(bytes));
        }
    }

    /// Sends all others their picture.
    pub fn begin(&mut self, picture: &Bytes) {
        let joining = self.joining.drain(..);
        let begun = joining.filter_map(|mut client| client.begin(picture).then_some(client));
        self.reading.extend(begun);
    }

    pub fn drop_readers(&mut self) {
        self.reading.clear();
    }

    pub fn joining(&self) -> bool {
        !self.joining.is_empty()
    }

    pub fn any(&mut self) -> bool {
        self.count() > 0
    }

    pub async fn end(mut self, last: &Bytes) {
        let all = self.reading.drain(..).map(|client| client.end(last));
        let all: Vec<_> = all.collect();
        let ended = async {
            for client in all {
                client.await;
            }
        };
        // The others did not read.
        let _ = timeout(GRACE, ended).await;
    }

    fn count(&mut self) -> usize {
        self.reading.retain(Client::is_there);
        self.joining.retain(Client::is_there);
        self.reading.len() + self.joining.len()
    }
}
