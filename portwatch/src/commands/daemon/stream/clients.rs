use std::{io::Write, time::Duration};

use hyper::body::Bytes;
use tokio::{net::UnixStream, time::timeout};

use super::{client::Client, question::Desk, queue::Waiting};
use crate::recording::Live;

/// Readers at the same time at most.
const LIMIT: usize = 128;
/// Of them those of one user other than root.
const SHARE: usize = LIMIT / 2;
/// Bytes of pictures that wait to be read, beyond which nobody gets another.
const PICTURES: usize = 16 << 20;
/// How long the end of the stream may take.
const GRACE: Duration = Duration::from_millis(500);

/// All who read.
pub(super) struct Clients {
    /// Those who have a picture.
    reading: Vec<Client>,
    /// Those who wait for one.
    joining: Vec<Client>,
    /// What everybody gets first.
    beginning: Bytes,
    pictures: Waiting,
    desk: Desk,
}

impl Clients {
    /// None yet. What they ask goes to the desk.
    pub fn new(beginning: Bytes, desk: Desk) -> Self {
        Self {
            reading: Vec::new(),
            joining: Vec::new(),
            beginning,
            pictures: Waiting::default(),
            desk,
        }
    }

    /// Takes one in, or turns it away.
    pub fn join(&mut self, stream: UnixStream) {
        let uid = stream.peer_cred().ok().map(|peer| peer.uid());
        if let Some(reason) = self.refusal(uid) {
            if let Ok(mut stream) = stream.into_std() {
                let mut last = self.beginning.to_vec();
                last.extend(Live::refusal(reason).unwrap_or_default());
                // A new connection has room for it.
                let _ = stream.write_all(&last);
            }
            return;
        }
        let client = Client::new(stream, uid, &self.beginning, self.desk.clone());
        self.joining.push(client);
    }

    /// Why somebody can't be taken in.
    fn refusal(&mut self, uid: Option<u32>) -> Option<&'static str> {
        if self.count() >= LIMIT {
            return Some("the daemon has as many readers as it takes; try again when one has gone");
        }
        let same = |client: &&Client| client.uid == uid && uid != Some(0);
        let all = self.reading.iter().chain(&self.joining);
        (all.filter(same).count() >= SHARE).then_some(
            "the daemon has as many readers of this user as it takes; try again when one has gone",
        )
    }

    /// From now on everybody gets this first.
    pub fn set_beginning(&mut self, beginning: Bytes) {
        self.beginning = beginning;
    }

    /// Sends to all who have a picture. Who reads too slowly is dropped.
    pub fn send(&mut self, bytes: &Bytes) {
        if !bytes.is_empty() {
            self.reading.retain(|client| client.send(bytes));
        }
    }

    /// Sends the others their picture, as far as there is room for it.
    pub fn begin(&mut self, picture: &Bytes) {
        for client in std::mem::take(&mut self.joining) {
            if self.pictures.get() > PICTURES {
                self.joining.push(client);
            } else if client.begin(picture, &self.pictures) {
                self.reading.push(client);
            }
        }
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

    /// Takes out those who have a picture.
    pub fn leave(&mut self) -> Vec<Client> {
        std::mem::take(&mut self.reading)
    }

    fn count(&mut self) -> usize {
        self.reading.retain(Client::is_there);
        self.joining.retain(Client::is_there);
        self.reading.len() + self.joining.len()
    }
}

/// Has them read the last bytes, with a bound on how long that takes.
pub(super) async fn end(clients: Vec<Client>, last: &Bytes) {
    let all: Vec<_> = clients.into_iter().map(|client| client.end(last)).collect();
    let ended = async {
        for client in all {
            client.await;
        }
    };
    // The others did not read.
    let _ = timeout(GRACE, ended).await;
}

#[cfg(test)]
mod tests {
    use std::{
        io::{ErrorKind, Read},
        os::unix::net::UnixStream as Plain,
    };

    use tokio::task::{LocalSet, yield_now};

    use super::{Bytes, Clients, Desk, LIMIT, SHARE, UnixStream};

    /// Bytes on their way at a time.
    const CHUNK: usize = 64 << 10;

    fn clients() -> Clients {
        Clients::new(Bytes::from_static(b"beginning"), Desk::new().0)
    }

    /// Both ends of a connection.
    fn pair() -> (UnixStream, Plain) {
        let (ours, theirs) = Plain::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        (UnixStream::from_std(ours).unwrap(), theirs)
    }

    /// Lets the clients' tasks do what they can.
    async fn turn() {
        for _ in 0..100 {
            yield_now().await;
        }
    }

    /// All that has arrived, and whether more may come.
    fn arrived(stream: &mut Plain) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        let open = match stream.read_to_end(&mut bytes) {
            Ok(_) => false,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        (bytes, open)
    }

    #[tokio::test]
    async fn who_does_not_read_is_cut_off_at_a_mebibyte() {
        let (mut clients, (ours, mut theirs)) = (clients(), pair());
        let (reading, mut reads) = pair();
        let local = LocalSet::new();
        let run = local.run_until(async {
            clients.join(ours);
            clients.join(reading);
            // Not counted, for its size is none of the reader's faults.
            clients.begin(&Bytes::from(vec![0; 2 << 20]));
            let chunk = Bytes::from(vec![1; CHUNK]);
            let mut chunks = 0;
            while clients.count() == 2 {
                clients.send(&chunk);
                turn().await;
                arrived(&mut reads);
                turn().await;
                chunks += 1;
                assert!(chunks < 100, "it was never cut off");
            }
            assert_eq!(chunks * CHUNK, (1 << 20) + CHUNK);
            let (_, open) = arrived(&mut reads);
            assert!(open, "the other one reads on");
            let (bytes, open) = arrived(&mut theirs);
            assert!(bytes.starts_with(b"beginning") && !open);
        });
        run.await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_for_half_a_minute_is_gone() {
        let (mut clients, (ours, _theirs)) = (clients(), pair());
        let local = LocalSet::new();
        let run = local.run_until(async {
            clients.join(ours);
            clients.begin(&Bytes::from(vec![0; 2 << 20]));
            for (seconds, count) in [(29, 1), (2, 0)] {
                tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
                turn().await;
                assert_eq!(clients.count(), count);
            }
        });
        run.await;
    }

    #[tokio::test]
    async fn those_who_are_too_many_are_told_so() {
        let mut clients = clients();
        let local = LocalSet::new();
        let run = local.run_until(async {
            let mut theirs = Vec::new();
            for _ in 0..LIMIT {
                let (ours, other) = pair();
                clients.join(ours);
                theirs.push(other);
            }
            turn().await;
            let (ours, mut other) = pair();
            clients.join(ours);
            let (bytes, open) = arrived(&mut other);
            let text = String::from_utf8_lossy(&bytes);
            assert!(
                text.contains("as many readers as it takes") && !open,
                "{text}"
            );
            theirs.truncate(LIMIT - 1);
            turn().await;
            clients.join(pair().0);
            assert_eq!(clients.joining.len(), LIMIT);
        });
        run.await;
    }

    #[tokio::test]
    async fn nobody_but_root_takes_more_than_half_of_the_places() {
        let mut clients = clients();
        let local = LocalSet::new();
        let run = local.run_until(async {
            let mut theirs = Vec::new();
            for _ in 0..SHARE {
                let (ours, other) = pair();
                clients.join(ours);
                theirs.push(other);
            }
            clients
                .joining
                .iter_mut()
                .for_each(|client| client.uid = Some(7));
            assert!(clients.refusal(Some(7)).is_some());
            assert!(clients.refusal(Some(8)).is_none());
            clients
                .joining
                .iter_mut()
                .for_each(|client| client.uid = Some(0));
            assert!(clients.refusal(Some(0)).is_none());
            drop(theirs);
        });
        run.await;
    }
}
