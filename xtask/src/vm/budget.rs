//! How many instructions the verifier may walk for each program.
//!
//! A program that outgrows its budget takes longer to load, and comes closer to what older kernels
//! refuse: better to hear of that when it happens.

use super::boots::Tested;

/// Program, and the largest count that any kernel may report: a quarter more than was measured.
const BUDGETS: [(&str, u64); 38] = [
    ("inet_sock_set_state", 21550),
    ("inet_sock_set_state_again", 21000),
    ("timer_cancel", 1150),
    ("timer_start", 7580),
    ("sys_exit", 16600),
    ("fentry_tcp_v4_destroy_sock", 890),
    ("fentry_inet_unhash", 8240),
    ("fentry_inet_unhash_again", 8240),
    ("fentry_tcp_twsk_destructor", 890),
    ("fentry_inet_twsk_kill", 890),
    ("fentry_inet_twsk_hashdance", 1460),
    ("fentry_inet_twsk_hashdance_again", 1460),
    ("fentry_tcp_fastopen_defer_connect", 5110),
    ("fexit_inet_hash_connect", 13680),
    ("fexit_inet6_hash_connect", 13680),
    ("fentry_inet_hash_connect", 7300),
    ("fentry_inet6_hash_connect", 7300),
    ("fexit_inet_csk_get_port", 2070),
    ("fexit_inet_bind", 5650),
    ("fexit_inet6_bind", 5650),
    ("fexit_inet_autobind", 2100),
    ("fexit_sys_connect_file", 8320),
    ("kprobe_tcp_v4_destroy_sock", 920),
    ("kprobe_inet_unhash", 8350),
    ("kprobe_tcp_twsk_destructor", 920),
    ("kprobe_inet_twsk_kill", 920),
    ("kprobe_inet_twsk_hashdance", 1490),
    ("kprobe_tcp_fastopen_defer_connect", 4730),
    ("kprobe_inet_hash_connect", 7440),
    ("kprobe_inet6_hash_connect", 7440),
    ("walk_track", 18770),
    ("netns_list", 17970),
    ("netns_reserved", 40),
    ("ports_scan", 20940),
    ("free_slots", 1050),
    ("sweep_drop", 920),
    ("bucket_scan", 9700),
    ("track_at", 17460),
];

/// The budget of a program.
#[must_use]
pub fn of(program: &str) -> Option<u64> {
    let found = BUDGETS.iter().find(|(name, _)| *name == program);
    found.map(|&(_, budget)| budget)
}

/// What is wrong with the counts of these guests' programs, a line each.
#[must_use]
pub fn faults(tested: &[Tested]) -> Vec<String> {
    let mut faults = Vec::new();
    for one in tested {
        for (program, count) in one.outcome.programs_of(one.hooks) {
            let Some(count) = count else { continue };
            let what = format!(
                "{} {}: {program}: {count} instructions",
                one.kernel, one.hooks
            );
            match of(&program) {
                Some(budget) if count <= budget => {}
                Some(budget) => faults.push(format!("{what}, {budget} allowed")),
                None => faults.push(format!("{what}, and no budget for it")),
            }
        }
    }
    faults
}
