use std::collections::HashSet;

use portwatch_common::{NO_MEMBER, Offsets};
use zerocopy::IntoBytes;

use super::{OffsetsError, Problem, resolve};
use crate::kernel::btf::{Btf, fixture::Fixture};

fn running() -> Offsets {
    resolve(&Btf::from_kernel().unwrap(), "running").unwrap()
}

/// The start of `struct sock_common` has been the same from 5.10 to 7.3: it is kept in cache lines.
#[test]
fn sock_common_is_where_it_always_was() {
    let offsets = running();
    assert_eq!(offsets.sock_common_skc_daddr, 0);
    assert_eq!(offsets.sock_common_skc_rcv_saddr, 4);
    assert_eq!(offsets.sock_common_skc_dport, 12);
    assert_eq!(offsets.sock_common_skc_num, 14);
    assert_eq!(offsets.sock_common_skc_family, 16);
    assert_eq!(offsets.sock_common_skc_state, 18);
    assert_eq!(offsets.sock_common_skc_bound_dev_if, 20);
    assert_eq!(offsets.sock_common_skc_net, 48);
    assert_eq!(offsets.sock_common_skc_v6_daddr, 56);
    assert_eq!(offsets.sock_common_skc_v6_rcv_saddr, 72);
    assert_eq!(offsets.timer_list_function, 24);
}

#[test]
fn every_field_is_filled() {
    let offsets = running();
    // What may be absent, may be zero, or is no offset.
    let optional = Offsets {
        sock_common_skc_daddr: 1,
        sock_sk_userlocks: 1,
        net_net_cookie: 1,
        inet_timewait_sock_tw_connect_bind: 1,
        inet_timewait_sock_tw_connect_bind_bit: 1,
        net_ip_local_ports_range_is_array: 1,
        net_list: 1,
        fdtable_max_fds: 1,
        inet_timewait_death_row_hashinfo: 1,
        net_sysctl_tcp_tw_reuse_delay: 1,
        inet_timewait_sock_tw_entry_stamp: 1,
        inet_bind_bucket_ib_net: 1,
        inet_hashinfo_ehash: 1,
        tcp_iter_state_bucket: 1,
        inet_sock_local_port_range: 1,
        inet_sock_local_port_range_is_struct: 1,
        ..Offsets::default()
    };
    let words = |offsets: &Offsets| -> Vec<u32> {
        let (words, _) = offsets.as_bytes().as_chunks::<4>();
        words.iter().map(|word| u32::from_ne_bytes(*word)).collect()
    };
    for (index, (value, optional)) in words(&offsets)
        .into_iter()
        .zip(words(&optional))
        .enumerate()
    {
        if optional == 0 {
            assert!(value != 0 && value != NO_MEMBER, "word {index}: {value}");
        }
    }
}

#[test]
fn members_of_one_structure_differ() {
    let o = running();
    let net = [
        o.net_ns_inum,
        o.net_net_cookie,
        o.net_list,
        o.net_ip_local_ports_range,
        o.net_sysctl_local_reserved_ports,
    ];
    assert_eq!(HashSet::from(net).len(), net.len());
    let inet = [
        o.sock_sk_protocol,
        o.inet_sock_inet_sport,
        o.inet_connection_sock_icsk_bind_hash,
    ];
    assert!(
        inet.is_sorted(),
        "each structure embeds the one before: {inet:?}"
    );
    assert!(o.tcp_sock_write_seq > o.inet_connection_sock_icsk_bind_hash);
}

#[test]
fn an_error_says_what_where_and_on_which_kernel() {
    let mut fixture = Fixture::new();
    let word = fixture.int("unsigned int", 8);
    fixture.structure("sock_common", 64, &[("skc_daddr", word, 0)]);
    let error: OffsetsError = resolve(&fixture.build(), "9.9-test").unwrap_err();
    assert!(matches!(
        error.problem,
        Problem::Size {
            expected: 4,
            found: 8
        }
    ));
    assert_eq!(
        error.to_string(),
        "kernel 9.9-test: sock_common.skc_daddr: 8 bytes, not 4"
    );
    let error = resolve(&Fixture::new().build(), "9.9-test").unwrap_err();
    assert_eq!(
        error.to_string(),
        "kernel 9.9-test: sock_common.skc_daddr: no structure sock_common"
    );
}
