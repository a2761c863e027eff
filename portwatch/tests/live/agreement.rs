//! Three ways to list 20,000 connections, or fewer on an emulated machine: BPF, netlink and ss(8).

use std::time::Instant;

use crate::support::{
    check::{SOURCES, check, report, rows},
    crowd::{self, Crowd},
    kernel_list,
    netns::Netns,
    sandbox, server,
    socket::Family,
    ss,
};

const FIRST: u16 = 30_000;

#[test]
fn bpf_netlink_and_ss_agree() {
    // As much room as makes the crowd critical: 400 of 490 ports.
    let ports = u16::try_from(crowd::per_tuple() * 5 / 8 * 2).expect("a number of ports");
    let reserved = (ports / 50).max(1);
    let range = FIRST..=FIRST + ports - 1;
    let netns = Netns::named(range.clone());
    netns.reserve(&format!("{}-{}", FIRST + 5, FIRST + 4 + reserved));
    let start = Instant::now();
    let crowd = Crowd::gather(&netns, 8080);
    let kernel = kernel_list::counts(&netns, &range);
    let total: u32 = kernel.values().map(|count| count.used).sum();
    assert_eq!(total as usize, crowd.size());

    let ss = ss::states(&netns, &range);
    let netns_name = netns.selector();
    for source in SOURCES {
        let finished = check(&["--json", "--source", source, "--netns", &netns_name]);
        assert_eq!(finished.code(), 2, "{}", finished.stderr);
        let report = report(&finished);
        assert_eq!(report["source"], source);
        assert_eq!(report["schema"], 1);
        let namespaces = report["namespaces"].as_array().expect("namespaces");
        assert_eq!(namespaces.len(), 1, "{namespaces:?}");
        assert_eq!(namespaces[0]["netns"], netns.inum());
        assert_eq!(namespaces[0]["name"], netns_name);
        assert_eq!(
            namespaces[0]["range"],
            serde_json::json!([FIRST, range.end()])
        );
        assert_eq!(namespaces[0]["reserved"], reserved);
        assert_eq!(namespaces[0]["tw_reuse"], 0);

        let rows = rows(&report);
        assert_eq!(rows.len(), kernel.len());
        for (tuple, row) in rows {
            let count = kernel[&tuple];
            assert_eq!(row.used, crowd.per_tuple as u64);
            assert_eq!(
                (row.used, row.time_wait),
                (count.used.into(), count.time_wait.into())
            );
            assert_eq!(row.capacity, u64::from(ports - reserved));
            assert_eq!(row.states, ss[&tuple], "{source}, {tuple:?}");
        }
    }
    assert!(
        start.elapsed() < crowd::STAYS,
        "the machine is too slow to compare"
    );
}

#[test]
fn netlink_needs_no_root_for_ones_own_namespace() {
    let netns = Netns::named(FIRST..=FIRST + 499);
    let _listener = server::listen(&netns, 8080);
    let _open: Vec<_> = netns.run(|| {
        let peer = ([127, 0, 0, 1], 8080).into();
        (0..10).map(|_| Family::V4.connect(peer).unwrap()).collect()
    });
    for source in ["netlink", "auto"] {
        let finished = netns.run(|| sandbox::as_nobody(&["check", "--json", "--source", source]));
        assert_eq!(finished.code(), 0, "{}", finished.stderr);
        let report = report(&finished);
        assert_eq!(report["source"], "netlink");
        assert_eq!(
            rows(&report)
                .values()
                .map(|row| row.used)
                .collect::<Vec<_>>(),
            [10]
        );
    }
    let finished = netns.run(|| sandbox::as_nobody(&["check", "--source", "bpf"]));
    assert_eq!(finished.code(), 3);
    let said = finished.stdout + &finished.stderr;
    assert!(said.contains("CAP_BPF"), "{said}");
}
