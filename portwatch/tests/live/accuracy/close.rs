//! Operations that end something, or half of it.

use std::{
    net::Shutdown,
    os::{fd::AsFd, unix::net::UnixDatagram},
    time::Duration,
};

use socket2::SockRef;

use super::place::{Connection, Passed, Place};
use crate::support::{bystander::Bystander, passing, socket};

const MOST_PASSED: usize = 12;

impl Place {
    /// Both sides close; the one that does so first keeps the TIME_WAIT.
    pub fn close_one(&mut self) {
        let Some(Connection { client, server, .. }) = Self::pick(&mut self.rng, &mut self.open)
        else {
            return;
        };
        if self.may_leave_time_wait() {
            socket::close(client);
            drop(server);
        } else {
            socket::close(server.into());
            drop(client);
        }
    }

    pub fn reset_one(&mut self) {
        let Some(Connection { client, server, .. }) = Self::pick(&mut self.rng, &mut self.open)
        else {
            return;
        };
        if self.rng.bool() {
            socket::reset(client);
        } else {
            reset(&server);
            drop(server);
        }
    }

    /// FIN in one direction; the connection stays.
    pub fn half_close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let by_client = self.may_leave_time_wait();
        let at = self.rng.usize(..self.open.len());
        let connection = &self.open[at];
        // A connection that was half closed or reset before may refuse.
        let _ = if by_client {
            connection.client.shutdown(Shutdown::Write)
        } else {
            connection.server.shutdown(Shutdown::Write)
        };
    }

    pub fn end_syn_sent(&mut self) {
        if let Some((family, client)) = Self::pick(&mut self.rng, &mut self.waiting)
            && self.rng.bool()
        {
            socket::disconnect(&client);
            self.keep_spare(family, client);
        }
    }

    /// AF_UNSPEC: the client's socket is free again.
    pub fn disconnect(&mut self) {
        if let Some(connection) = Self::pick(&mut self.rng, &mut self.open) {
            socket::disconnect(&connection.client);
            let bound = connection
                .client
                .local_addr()
                .expect("an address")
                .as_socket();
            // One that was bound to a port keeps it, and would not need the port search.
            if bound.is_some_and(|local| local.port() == 0) {
                self.keep_spare(connection.family, connection.client);
            }
        }
    }

    /// The client closes, the server does not notice.
    pub fn abandon(&mut self) {
        if self.may_leave_time_wait()
            && let Some(connection) = Self::pick(&mut self.rng, &mut self.open)
        {
            drop(connection.client);
            self.widowed.push(connection.server);
        }
    }

    pub fn end_abandoned(&mut self) {
        drop(Self::pick(&mut self.rng, &mut self.widowed));
    }

    /// Gives the client's end away.
    pub fn pass(&mut self) {
        if self.passed.len() >= MOST_PASSED {
            return;
        }
        let Some(Connection { client, server, .. }) = Self::pick(&mut self.rng, &mut self.open)
        else {
            return;
        };
        // Whoever lets go of it last resets the connection.
        client.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
        let passed = if self.rng.bool() {
            Passed::Child {
                _client: Bystander::take(client),
                _server: server,
            }
        } else {
            let (to, from) = UnixDatagram::pair().expect("socketpair");
            passing::send(&to, &client).expect("sendmsg");
            Passed::Message {
                _to: to,
                from,
                _server: server,
            }
        };
        self.passed.push(passed);
    }

    pub fn end_passed(&mut self) {
        match Self::pick(&mut self.rng, &mut self.passed) {
            Some(Passed::Message { from, .. }) if self.rng.bool() => drop(passing::receive(&from)),
            // A message that nobody received lets go of its socket, too.
            other => drop(other),
        }
    }

    pub fn close_all(&mut self) {
        self.open.drain(..).for_each(|c| drop((c.server, c.client)));
        self.waiting.clear();
        self.spare.clear();
        self.widowed.clear();
        self.passed.clear();
    }
}

fn reset(stream: impl AsFd) {
    SockRef::from(&stream.as_fd())
        .set_linger(Some(Duration::ZERO))
        .expect("SO_LINGER");
}
