//! Asking a server, from the network namespace of the calling thread.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// What the server answers when asked with these parameters.
///
/// # Errors
/// When it can't be reached within five seconds, or refuses.
pub fn get(url: &str, parameters: &[(&str, &str)]) -> Result<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        // A proxy of the surroundings leads out of the namespace.
        .proxy(None)
        .build()
        .into();
    let request = agent.get(url).query_pairs(parameters.iter().copied());
    let answer = request.call().with_context(|| format!("asking {url}"))?;
    let mut body = answer.into_body();
    body.read_to_string()
        .with_context(|| format!("reading {url}"))
}
