//! `portwatch daemon`: what it exposes, and how it lives with its surroundings.

mod config;
mod endurance;
mod http;
mod killed;
mod log;
mod metrics;
mod privileges;
mod reload;
mod served;
mod service;
mod stream;

const RANGE: std::ops::RangeInclusive<u16> = 30_000..=30_019;
const PORTS: u32 = 20;
const PORT: u16 = 8080;

fn peer() -> std::net::SocketAddr {
    ([127, 0, 0, 1], PORT).into()
}
