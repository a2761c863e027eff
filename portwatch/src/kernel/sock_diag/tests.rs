use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket as RawSocket, Type};

use super::{LISTEN, Socket, Which, fold};
use crate::kernel::netns::{fixture::in_new_netns, loopback_up};

const ESTABLISHED: u8 = 1;
const TIME_WAIT: u8 = 6;

fn list(which: Which) -> Vec<Socket> {
    fold(which, Vec::new, Vec::push).unwrap()
}

/// The sockets whose peer has this port.
fn towards(port: u16) -> Vec<Socket> {
    let mut sockets = list(Which::Connections);
    sockets.retain(|socket| socket.peer_port == port);
    sockets
}

fn connect(to: SocketAddr) -> (TcpStream, TcpStream, SocketAddr) {
    let listener = TcpListener::bind(to).unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    (client, listener.accept().unwrap().0, address)
}

#[test]
fn an_empty_namespace_has_no_sockets() {
    assert_eq!(in_new_netns(|| list(Which::All)), []);
}

#[test]
fn lists_connections_of_both_families_and_listeners_on_request() {
    in_new_netns(|| {
        loopback_up().unwrap();
        for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let listener = TcpListener::bind((ip, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let client = TcpStream::connect(address).unwrap();
            let sockets = towards(address.port());
            let [socket] = sockets[..] else {
                panic!("{sockets:?}");
            };
            assert_eq!(socket.state, ESTABLISHED);
            assert_eq!((socket.local_ip, socket.peer_ip), (ip, ip));
            assert_eq!(socket.local_port, client.local_addr().unwrap().port());
            assert_eq!((socket.bound_dev, socket.uid), (0, 0));
            let inode = rustix::fs::fstat(&client).unwrap().st_ino;
            assert_eq!(u64::from(socket.inode), inode);
            let listens = |s: &Socket| s.state == LISTEN && s.local_port == address.port();
            assert_eq!(list(Which::All).into_iter().filter(listens).count(), 1);
            assert!(!list(Which::Connections).iter().any(listens));
            let listeners = list(Which::Listeners);
            assert!(listeners.iter().all(|s| s.state == LISTEN));
            assert_eq!(listeners.into_iter().filter(listens).count(), 1);
            assert!(!socket.time_wait);
        }
    });
}

#[test]
fn shows_time_wait() {
    in_new_netns(|| {
        loopback_up().unwrap();
        let (client, server, address) = connect((Ipv4Addr::LOCALHOST, 0).into());
        drop(client);
        drop(server);
        // The states change within the calls: loopback delivers at once, or a softirq later.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        loop {
            let sockets = towards(address.port());
            if let [socket] = sockets[..]
                && socket.state == TIME_WAIT
            {
                assert!(socket.time_wait);
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{sockets:?}");
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_mapped_connection_is_ipv4_and_a_bound_device_shows() {
    in_new_netns(|| {
        loopback_up().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = RawSocket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        client.bind_device(Some(b"lo")).unwrap();
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        client
            .connect(&SocketAddr::from((mapped, port)).into())
            .unwrap();
        let sockets = towards(port);
        let [socket] = sockets[..] else {
            panic!("{sockets:?}");
        };
        assert_eq!(socket.local_ip, Ipv4Addr::LOCALHOST);
        assert_eq!(socket.peer_ip, Ipv4Addr::LOCALHOST);
        // The loopback is interface 1 of every namespace.
        assert_eq!(socket.bound_dev, 1);
    });
}

#[test]
fn a_list_of_many_messages_is_whole() {
    in_new_netns(|| {
        loopback_up().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let pairs: Vec<_> = (0..400)
            .map(|_| {
                (
                    TcpStream::connect(address).unwrap(),
                    listener.accept().unwrap(),
                )
            })
            .collect();
        let mut ports: Vec<_> = towards(address.port())
            .iter()
            .map(|s| s.local_port)
            .collect();
        let mut expected: Vec<_> = pairs
            .iter()
            .map(|(c, _)| c.local_addr().unwrap().port())
            .collect();
        ports.sort_unstable();
        expected.sort_unstable();
        assert_eq!(ports, expected);
    });
}
