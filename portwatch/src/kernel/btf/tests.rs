use std::{path::Path, sync::LazyLock};

use proptest::prelude::*;

use super::{Btf, BtfError, KERNEL_BTF, Kind, fixture::Fixture, section::kind};

static KERNEL: LazyLock<Vec<u8>> = LazyLock::new(|| std::fs::read(KERNEL_BTF).unwrap());

/// Asks for what the program asks for, and for what isn't there.
fn query(btf: &Btf) {
    for path in [
        "skc_daddr",
        "skc_v6_daddr",
        "skc_net.net",
        "nothing",
        "",
        "..",
        "skc_net.net.x",
    ] {
        let _ = btf.member("sock_common", path);
    }
    let _ = btf.member("net", "ipv4.ip_local_ports.range");
    let _ = btf.member("inet_timewait_sock", "tw_connect_bind");
    let _ = btf.func_param_count("tcp_v4_connect");
    let _ = btf.has_struct("task_struct");
}

#[test]
fn reads_the_running_kernel() {
    let btf = Btf::from_kernel().unwrap();
    assert!(btf.has_struct("sock_common") && !btf.has_struct("sock_commo"));
    assert!(btf.has_func("tcp_v4_connect") && !btf.has_func(""));
    assert_eq!(btf.func_param_count("tcp_v4_connect"), Some(3));
    let port = btf.member("sock_common", "skc_dport").unwrap();
    assert_eq!((port.byte_offset, port.size, port.kind), (12, 2, Kind::Int));
    let net = btf.member("sock_common", "skc_net.net").unwrap();
    assert_eq!((net.byte_offset, net.size, net.kind), (48, 8, Kind::Ptr));
    let state = btf.member("sock_common", "skc_state").unwrap();
    assert_eq!((state.byte_offset, state.bitfield_size), (18, None));
    let bit = btf.member("sock_common", "skc_reuseport").unwrap();
    assert_eq!(
        (bit.byte_offset, bit.bit_offset, bit.bitfield_size),
        (19, 4, Some(1))
    );
}

#[test]
fn peels_typedefs_and_qualifiers_and_walks_anonymous_members() {
    let mut f = Fixture::new();
    let int = f.int("int", 4);
    let volatile = f.refer(kind::VOLATILE, "", int);
    let typedef = f.refer(kind::TYPEDEF, "counter_t", volatile);
    let array = f.array(typedef, 3);
    let inner = f.structure("", 16, &[("first", int, 0), ("many", array, 32)]);
    let named = f.structure("named", 16, &[("", inner, 0)]);
    let alias = f.refer(kind::TYPEDEF, "named_t", named);
    f.structure("outer", 48, &[("", inner, 64), ("nested", alias, 256)]);
    let btf = f.build();
    let many = btf.member("outer", "many").unwrap();
    assert_eq!(
        (many.byte_offset, many.size, many.kind),
        (12, 12, Kind::Array)
    );
    let nested = btf.member("outer", "nested.first").unwrap();
    assert_eq!(
        (nested.byte_offset, nested.size, nested.kind),
        (32, 4, Kind::Int)
    );
    for absent in ["first.x", "nested.", "nested.nothing", "named"] {
        let error = btf.member("outer", absent).unwrap_err();
        assert!(
            matches!(error, BtfError::NoSuchMember { .. }),
            "{absent}: {error}"
        );
    }
    let error = btf.member("other", "first").unwrap_err();
    assert!(matches!(error, BtfError::NoSuchStruct(_)), "{error}");
}

#[test]
fn understands_both_kinds_of_bitfield() {
    let mut f = Fixture::new();
    let int = f.int("int", 4);
    let narrow = f.add("int", u32::from(kind::INT) << 24, 4, &[3 << 16 | 2]);
    f.bitfields("new", 8, &[("whole", int, 0), ("bits", int, 4 << 24 | 45)]);
    f.structure("old", 8, &[("bits", narrow, 32)]);
    let btf = f.build();
    assert_eq!(btf.member("new", "whole").unwrap().bitfield_size, None);
    for (structure, bit, size) in [("new", 5, 4), ("old", 3, 2)] {
        let bits = btf.member(structure, "bits").unwrap();
        let byte = if structure == "new" { 5 } else { 4 };
        assert_eq!((bits.byte_offset, bits.bit_offset), (byte, bit));
        assert_eq!(bits.bitfield_size, Some(size));
    }
}

#[test]
fn endless_chains_end() {
    let mut f = Fixture::new();
    f.refer(kind::TYPEDEF, "me", 1);
    // Two anonymous members of its own type each: without a bound, 2^32 visits.
    f.structure("loop", 8, &[("", 2, 0), ("", 2, 0)]);
    f.structure("chain", 8, &[("", 1, 0)]);
    f.array(4, 1);
    f.structure("arrays", 8, &[("a", 4, 0)]);
    let btf = f.build();
    for (structure, member) in [("loop", "x"), ("chain", "x"), ("arrays", "a")] {
        let error = btf.member(structure, member).unwrap_err();
        assert!(
            matches!(error, BtfError::Malformed(_)),
            "{structure}: {error}"
        );
    }
}

#[test]
fn a_missing_file_names_the_kernel_option() {
    let error = Btf::from_file(Path::new("/nonexistent/vmlinux")).unwrap_err();
    assert!(matches!(error, BtfError::Missing(_)));
    let text = error.to_string();
    assert!(text.contains("/nonexistent/vmlinux") && text.contains("CONFIG_DEBUG_INFO_BTF"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..512), valid_header: bool) {
        if valid_header && bytes.len() >= 24 {
            let types = bytes.len() as u32 - 24;
            bytes[..2].copy_from_slice(&0xeb9f_u16.to_ne_bytes());
            for (at, word) in [(4, 24), (8, 0), (12, types), (16, 0), (20, types)] {
                bytes[at..at + 4].copy_from_slice(&u32::to_ne_bytes(word));
            }
        }
        if let Ok(btf) = Btf::from_bytes(bytes) {
            query(&btf);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_damaged_kernel_never_panics(
        keep in any::<prop::sample::Index>(),
        cut: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
    ) {
        let mut bytes = KERNEL.clone();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        if let Ok(btf) = Btf::from_bytes(bytes) {
            query(&btf);
        }
    }
}
