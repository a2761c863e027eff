//! What a namespace's protocols have counted.

use std::fs;

use super::netns::Netns;

/// A counter of `/proc/net/netstat`, such as `TWRecycled`; 0 where this kernel does not have it.
pub fn counter(netns: &Netns, name: &str) -> u64 {
    let text = netns.run(|| fs::read_to_string("/proc/thread-self/net/netstat"));
    let text = text.expect("the namespace's counters");
    let lines: Vec<&str> = text.lines().collect();
    // A line of names, then a line of numbers.
    let pairs = lines.chunks_exact(2).flat_map(|pair| {
        let numbers = pair[1].split_whitespace();
        pair[0].split_whitespace().zip(numbers)
    });
    let mut of_name = pairs.filter(|(key, _)| *key == name);
    of_name
        .next()
        .map_or(0, |(_, number)| number.parse().expect("a number"))
}
