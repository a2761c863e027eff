use std::collections::{BTreeSet, HashSet};

use anyhow::{Context, Result, bail};

use super::Survey;
use crate::{
    kernel::{
        host::{Capabilities, Capability},
        netns::{Discovery, Netns, Selector},
        sock_diag::{self, Which},
        sysctl,
    },
    model::{Census, Namespace, NetnsId, SocketRow, TupleSample},
};

/// Counts by sock_diag: every namespace that can be reached, or with no right to enter others the
/// caller's own, or those that were asked for.
pub(super) fn survey(selected: &[Selector], own: u32) -> Result<Survey> {
    let mut found = Discovery::new().context("cannot look for network namespaces")?;
    let wanted = wanted(selected, own, &mut found)?;
    let mut survey = Survey {
        source: "netlink",
        hooks: None,
        namespaces: Vec::new(),
        samples: Vec::new(),
        warnings: Vec::new(),
    };
    for netns in found
        .namespaces
        .values()
        .filter(|n| wanted.contains(&n.inum))
    {
        match count(netns, netns.inum == own) {
            Ok((namespace, samples)) => {
                survey.namespaces.push(namespace);
                survey.samples.extend(samples);
            }
            Err(error) => survey
                .warnings
                .push(format!("{} was not counted: {error:#}", id(netns))),
        }
    }
    if survey.namespaces.is_empty() {
        bail!(
            "no network namespace could be read: {}",
            survey.warnings.join("; ")
        );
    }
    Ok(survey)
}

fn wanted(selected: &[Selector], own: u32, found: &mut Discovery) -> Result<BTreeSet<u32>> {
    if !selected.is_empty() {
        let inums = selected.iter().map(|selector| selector.resolve(found));
        return Ok(inums.collect::<Result<_, _>>()?);
    }
    // setns(2) into a network namespace takes it.
    if Capabilities::effective().has(Capability::SysAdmin) {
        return Ok(found.namespaces.keys().copied().collect());
    }
    log::info!("counting this network namespace only: the others take CAP_SYS_ADMIN");
    Ok([own].into())
}

/// Counts one namespace; the caller's own needs no right to enter it.
fn count(netns: &Netns, is_own: bool) -> Result<(Namespace, Vec<TupleSample>)> {
    if is_own {
        return count_here(id(netns));
    }
    netns
        .run(|| count_here(id(netns)))
        .context("cannot enter it (CAP_SYS_ADMIN is needed)")?
}

/// Counts the calling thread's namespace.
fn count_here(id: NetnsId) -> Result<(Namespace, Vec<TupleSample>)> {
    let settings = sysctl::read()?;
    let namespace = Namespace {
        id,
        range: settings.range,
        reserved: settings.reserved,
        blocked: None,
        tw_reuse: settings.tw_reuse,
        tw_reuse_delay: None,
        timestamps: None,
        unreachable: None,
    };
    // Listeners of either family first: whether a connection counts depends on them.
    let listening = sock_diag::fold(Which::Listeners, HashSet::new, |ports, socket| {
        ports.insert(socket.local_port);
    })?;
    let census = sock_diag::fold(
        Which::Connections,
        || Census::new(&namespace, listening.clone()),
        |census, socket| census.add(&SocketRow::from(&socket)),
    )?;
    let samples = census.finish().collect();
    Ok((namespace, samples))
}

fn id(netns: &Netns) -> NetnsId {
    NetnsId {
        name: netns.name.clone(),
        inum: netns.inum,
        cookie: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

    use super::{NetnsId, count_here};
    use crate::kernel::netns::{fixture::in_new_netns, loopback_up};

    /// Opens `count` connections to the listener and keeps both ends open.
    fn connect(listener: &TcpListener, count: usize) -> Vec<(TcpStream, TcpStream)> {
        let address = listener.local_addr().unwrap();
        let pair = |_| {
            let client = TcpStream::connect(address).unwrap();
            (client, listener.accept().unwrap().0)
        };
        (0..count).map(pair).collect()
    }

    #[test]
    fn counts_the_connecting_ends_only() {
        let id = NetnsId {
            name: None,
            inum: 1,
            cookie: 0,
        };
        let (namespace, mut samples) = in_new_netns(|| {
            loopback_up().unwrap();
            let range = "/proc/sys/net/ipv4/ip_local_port_range";
            std::fs::write(range, "40000 40099").unwrap();
            // Two of the ports that are listened on lie inside the range. They are taken first, lest
            // a connection take them.
            let v4 = IpAddr::from(Ipv4Addr::LOCALHOST);
            let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
            let listeners = [(v4, 8080), (v4, 40_050), (v6, 40_051)]
                .map(|address| TcpListener::bind(address).unwrap());
            let _open = listeners.each_ref().map(|listener| connect(listener, 10));
            count_here(id).unwrap()
        });
        samples.sort_by(|a, b| a.tuple.cmp(&b.tuple));
        assert_eq!(namespace.capacity(), 100);
        let seen: Vec<_> = samples
            .iter()
            .map(|s| (s.tuple.to_string(), s.usage.used))
            .collect();
        let expected = [
            ("127.0.0.1 -> 127.0.0.1:8080".to_owned(), 10),
            ("127.0.0.1 -> 127.0.0.1:40050".to_owned(), 10),
            ("::1 -> [::1]:40051".to_owned(), 10),
        ];
        assert_eq!(seen, expected);
    }
}
