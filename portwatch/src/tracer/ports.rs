//! The ports that one tuple can still get, by the kernel's own tables.

use std::{collections::HashMap, net::IpAddr};

use portwatch_common::{NO_MEMBER, Offsets, TupleKey, WalkSettings, v4_mapped};

use super::{
    Options, TracerError, left_out,
    machine::Machine,
    netns::{Found, list, reserved_ports},
    object::{Object, Purpose},
    oracle::ask,
    plan::{LOOK, load_walk},
    walk::walk,
};
use crate::{
    kernel::{host, netns::Netns},
    model::{Namespace, NetnsId, Obstacles, PortSet, Room, Search, Tuple},
};

/// Whose ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Local address.
    pub local: IpAddr,
    /// Peer address.
    pub peer: IpAddr,
    /// Peer port.
    pub peer_port: u16,
    /// Interface index that the sockets are bound to, 0 for none.
    pub bound_dev: u32,
    /// The range that the sockets have of their own (`IP_LOCAL_PORT_RANGE`), 0 for no end.
    pub own_range: Option<(u16, u16)>,
}

impl Question {
    /// The tuple in this namespace.
    #[must_use]
    pub fn tuple(&self, netns: &Netns) -> Tuple {
        Tuple {
            netns: NetnsId {
                name: netns.name.clone(),
                inum: netns.inum,
                cookie: 0,
            },
            bound_dev: self.bound_dev,
            local_ip: Some(self.local),
            peer_ip: self.peer,
            peer_port: self.peer_port,
        }
    }
}

/// Which ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The tuple that was asked for.
    pub tuple: Tuple,
    /// Its namespace.
    pub namespace: Namespace,
    /// The search that was asked for.
    pub search: Search,
    /// What that search can find.
    pub room: Room,
    /// The blocked ports that the room is smaller by.
    pub blocked: PortSet,
}

/// The programs that read the ports of a tuple, loaded. They can be asked any number of times, also
/// by a process that may load nothing any more; each answer is of its own moment.
pub struct Ports {
    object: Object,
    offsets: Offsets,
}

impl Ports {
    /// Loads the programs.
    ///
    /// # Errors
    /// [`TracerError`]: no privileges, an unfitting kernel, a refusal.
    pub fn load() -> Result<Self, TracerError> {
        Self::on(&Machine::read()?)
    }

    pub(super) fn on(machine: &Machine) -> Result<Self, TracerError> {
        let mut object = Object::new(&Purpose::Tuple, &Options::default(), machine)?;
        load_walk(&mut object, machine, "walk_ports")?;
        for name in LOOK {
            object.load_on_demand(name)?;
        }
        Ok(Self {
            object,
            offsets: machine.offsets,
        })
    }

    /// Reads the ports of a tuple: first those that it holds, then those that nobody could get.
    ///
    /// # Errors
    /// [`TracerError`]: a namespace that is gone or can't be entered, a range of its own on a kernel
    /// without such, a refusal.
    pub fn of(&mut self, netns: &Netns, question: &Question) -> Result<Answer, TracerError> {
        let found = list(&mut self.object, &HashMap::new())?;
        let found = found.values().find(|found| found.inum == netns.inum);
        let found = found.ok_or_else(|| TracerError::Refused {
            what: format!("net:[{}]", netns.inum),
            reason: "the kernel does not list this network namespace".to_owned(),
        })?;
        let search = search(&self.offsets, found, question.own_range)?;
        let obstacles = obstacles(&mut self.object, netns, found, question)?;
        let whole = Search::of(found.range).room(&obstacles);
        let id = NetnsId {
            name: netns.name.clone(),
            inum: found.inum,
            cookie: found.cookie,
        };
        Ok(Answer {
            tuple: Tuple {
                netns: id.clone(),
                ..question.tuple(netns)
            },
            namespace: Namespace {
                id,
                range: found.range,
                reserved: found.reserved,
                blocked: Some(whole.blocked),
                tw_reuse: found.tw_reuse(),
                tw_reuse_delay: found.tw_reuse_delay(),
                timestamps: Some(found.timestamps),
                unreachable: None,
            },
            search,
            room: search.room(&obstacles),
            blocked: search.blocked(&obstacles),
        })
    }
}

fn search(
    offsets: &Offsets,
    found: &Found,
    own_range: Option<(u16, u16)>,
) -> Result<Search, TracerError> {
    let Some((low, high)) = own_range else {
        return Ok(Search::of(found.range));
    };
    if offsets.inet_sock_local_port_range == NO_MEMBER {
        return Err(TracerError::Refused {
            what: "--range".to_owned(),
            reason: format!(
                "kernel {} knows no range of a socket's own (IP_LOCAL_PORT_RANGE came with 6.3)",
                host::kernel_release()
            ),
        });
    }
    Ok(Search {
        range: found.range.narrowed(low, high),
        whole: offsets.inet_sock_local_port_range_is_struct == 0,
    })
}

fn obstacles(
    object: &mut Object,
    netns: &Netns,
    found: &Found,
    question: &Question,
) -> Result<Obstacles, TracerError> {
    let wanted = TupleKey {
        netns: found.cookie,
        local: words(question.local),
        peer: words(question.peer),
        bound_dev: question.bound_dev,
        peer_port: question.peer_port,
        reserved: 0,
    };
    object.set_element("WALK", walk_settings(found, wanted))?;
    let mut obstacles = Obstacles::default();
    let walked = walk(object, "walk_ports", netns)?;
    for row in &walked.rows {
        obstacles.hold(row.port, row.reclaimable != 0);
    }
    for look in left_out::look(object, found.net, walked.left_out)? {
        if look.in_the_way != 0 {
            obstacles.hold(look.local_port, look.reclaimable != 0);
        }
    }
    obstacles.reserved = reserved_ports(object, found.net)?;
    let answer = ask(object, found.net, found.range)?;
    obstacles.blocked = answer.blocked;
    obstacles.untold = answer.untold;
    Ok(obstacles)
}

/// What a walk over this namespace has to know.
pub(super) fn walk_settings(found: &Found, wanted: TupleKey) -> WalkSettings {
    WalkSettings {
        wanted,
        tw_reuse: found.tw_reuse.into(),
        tw_reuse_delay_ms: found.tw_reuse_delay_ms,
    }
}

/// An address as a key has it.
fn words(address: IpAddr) -> [u64; 2] {
    match address.to_canonical() {
        IpAddr::V4(ip) => v4_mapped(u32::from_ne_bytes(ip.octets())),
        IpAddr::V6(ip) => zerocopy::transmute!(ip.octets()),
    }
}
