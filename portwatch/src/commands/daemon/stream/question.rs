use std::{collections::VecDeque, io};

use hyper::body::Bytes;
use tokio::{
    net::UnixStream,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
};

use super::queue::{Waiting, WeakQueue};
use crate::{
    model::{Reply, Request},
    recording::Live,
};

/// Bytes of one question at most.
const LONGEST: usize = 4096;
/// Bytes of answers that wait for clients to read them, all together, beyond which nobody gets another.
const UNREAD: usize = 16 << 20;

/// Where questions go.
#[derive(Clone)]
pub(super) struct Desk {
    inbox: UnboundedSender<Asked>,
    unread: Waiting,
}

/// A question that waits for its answer.
pub(super) struct Asked {
    pub request: Request,
    /// Where the frame goes that answers it.
    pub answer: oneshot::Sender<Bytes>,
}

impl Desk {
    /// One, and what is asked there.
    pub fn new() -> (Self, UnboundedReceiver<Asked>) {
        let (inbox, asked) = unbounded_channel();
        let unread = Waiting::default();
        (Self { inbox, unread }, asked)
    }
}

/// A frame of an answer; one that is too large is refused instead.
pub(super) fn frame(reply: &Reply) -> Bytes {
    let large = || Live::reply(&refused("the answer is too large for a frame"));
    Live::reply(reply).or_else(large).unwrap_or_default().into()
}

fn refused(reason: &str) -> Reply {
    Reply::Refused {
        usage: false,
        reason: reason.to_owned(),
    }
}

/// The questions of one client. It has one at a time: what else it says waits with the kernel.
pub(super) struct Questions {
    desk: Desk,
    queue: WeakQueue,
}

impl Questions {
    /// Of a client whose answers go to this queue.
    pub fn new(desk: Desk, queue: WeakQueue) -> Self {
        Self { desk, queue }
    }

    /// Hears the client, until it closes its side.
    ///
    /// # Errors
    /// When it says anything else than questions.
    pub async fn hear(&self, stream: &UnixStream) -> io::Result<()> {
        let mut said = VecDeque::new();
        loop {
            while let Some(line) = line(&mut said) {
                let request = serde_json::from_slice(&line)?;
                self.ask(request).await?;
            }
            if said.len() >= LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            stream.readable().await?;
            let mut bytes = [0; 512];
            match stream.try_read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => said.extend(bytes.iter().take(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn ask(&self, request: Request) -> io::Result<()> {
        let Desk { inbox, unread } = &self.desk;
        let frame = if unread.get() > UNREAD {
            frame(&refused(
                "too many answers wait to be read; try again later",
            ))
        } else {
            let (answer, answered) = oneshot::channel();
            let ended = |_| io::Error::other("nobody answers");
            inbox
                .send(Asked { request, answer })
                .map_err(|_| ended(()))?;
            answered.await.map_err(|_| ended(()))?
        };
        match self.queue.push(&frame, unread) {
            true => Ok(()),
            false => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

/// Takes a line off what was said, without its end; none where it is not whole yet.
fn line(said: &mut VecDeque<u8>) -> Option<Vec<u8>> {
    let end = said.iter().position(|byte| *byte == b'\n')?;
    let mut line: Vec<u8> = said.drain(..=end).collect();
    line.pop();
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn lines_are_taken_when_they_are_whole() {
        let mut said = b"one\n\ntw".iter().copied().collect();
        assert_eq!(line(&mut said).unwrap(), b"one");
        assert_eq!(line(&mut said).unwrap(), b"");
        assert_eq!(line(&mut said), None);
        said.extend(b"o\n");
        assert_eq!(line(&mut said).unwrap(), b"two");
    }
}
