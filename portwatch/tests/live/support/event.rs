use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value;

use super::kernel_list::Tuple;

/// One line of `--json` output.
#[derive(Clone, Debug)]
pub struct Event(pub Value);

impl Event {
    pub fn parse(line: &str) -> Self {
        Self(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    pub fn kind(&self) -> &str {
        self.text("event")
    }

    pub fn is(&self, kind: &str) -> bool {
        self.kind() == kind
    }

    pub fn text(&self, key: &str) -> &str {
        self.get(key)
            .as_str()
            .unwrap_or_else(|| panic!("{key} in {}", self.0))
    }

    pub fn number(&self, key: &str) -> u64 {
        self.get(key)
            .as_u64()
            .unwrap_or_else(|| panic!("{key} in {}", self.0))
    }

    pub fn small(&self, key: &str) -> u32 {
        u32::try_from(self.number(key)).unwrap_or_else(|_| panic!("{key} in {}", self.0))
    }

    pub fn is_null(&self, key: &str) -> bool {
        self.get(key).is_null()
    }

    /// The tuple; the local address is the unspecified one where the tracer does not know it.
    pub fn tuple(&self) -> Tuple {
        let local = if self.is_null("local_ip") {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            self.text("local_ip").parse().expect("an address")
        };
        (local, self.peer().expect("a peer"))
    }

    /// Where the connection leads, of events that concern one.
    pub fn peer(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self
            .0
            .get("peer_ip")?
            .as_str()?
            .parse()
            .expect("an address");
        let port = u16::try_from(self.number("peer_port")).expect("a port");
        Some(SocketAddr::new(ip, port))
    }

    /// Every key of the schema is there, absent facts as null.
    fn get(&self, key: &str) -> &Value {
        self.0
            .get(key)
            .unwrap_or_else(|| panic!("no key {key} in {}", self.0))
    }
}
