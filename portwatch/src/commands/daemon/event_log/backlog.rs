use std::{collections::VecDeque, io};

/// Lines that wait at most, and bytes of them.
const LIMITS: (usize, usize) = (4096, 1 << 20);

/// Lines that found no room yet. Beyond its limits, lines are lost and counted.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    lost: u64,
    /// Lines were lost that nobody was told of; that has to wait until there is room.
    room: bool,
}

impl Backlog {
    /// Adds a line.
    pub fn push(&mut self, line: Vec<u8>) {
        if self.lines.len() >= LIMITS.0 || self.bytes.saturating_add(line.len()) > LIMITS.1 {
            self.lost += 1;
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line);
    }

    /// Sends lines, the oldest first, until one finds no room. One that fails otherwise is lost.
    pub fn drain(&mut self, mut send: impl FnMut(&[u8]) -> io::Result<()>) {
        self.room = false;
        while let Some(line) = self.lines.front() {
            match send(line) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.lost += 1,
                Ok(()) => {}
            }
            self.bytes -= line.len();
            self.lines.pop_front();
        }
        self.room = true;
    }

    /// How many lines were lost since that was asked last; 0 as long as there is no room to tell.
    pub fn take_lost(&mut self) -> u64 {
        if self.room {
            std::mem::take(&mut self.lost)
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Backlog, LIMITS};

    #[test]
    fn lines_wait_in_order_until_there_is_room() {
        let mut backlog = Backlog::default();
        for line in ["a", "b", "c"] {
            backlog.push(line.into());
        }
        let mut sent = Vec::new();
        backlog.drain(|line| {
            if sent.len() == 1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            sent.extend_from_slice(line);
            Ok(())
        });
        assert_eq!(sent, b"a");
        backlog.drain(|line| {
            sent.extend_from_slice(line);
            Ok(())
        });
        assert_eq!((sent.as_slice(), backlog.take_lost()), (&b"abc"[..], 0));
    }

    #[test]
    fn what_is_lost_is_counted_and_told_when_there_is_room() {
        let mut backlog = Backlog::default();
        for _ in 0..LIMITS.0 + 3 {
            backlog.push(b"x".to_vec());
        }
        backlog.drain(|_| Err(io::ErrorKind::WouldBlock.into()));
        assert_eq!(backlog.take_lost(), 0);
        backlog.drain(|_| Ok(()));
        assert_eq!((backlog.take_lost(), backlog.take_lost()), (3, 0));
        backlog.push(vec![0; LIMITS.1 + 1]);
        backlog.drain(|_| Ok(()));
        assert_eq!(backlog.take_lost(), 1);
    }
}
