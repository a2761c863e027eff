use super::{
    Severity,
    group::{owner, peer},
};
use crate::model::{Story, container::short_id};

/// What the reader typed to see less.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterText {
    /// As typed.
    pub text: String,
    /// Whether keys still go there.
    pub editing: bool,
}

/// Longest text; nobody types more.
const LONGEST: usize = 200;

impl FilterText {
    /// One more character.
    pub fn push(&mut self, c: char) {
        if !c.is_control() && self.text.len() < LONGEST {
            self.text.push(c);
        }
    }

    /// Its words, in lower case; a row has to have all of them.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.text
            .split_whitespace()
            .map(str::to_lowercase)
            .collect()
    }
}

/// Whether a tuple has all the words, anywhere.
pub fn matches(story: &Story, severity: Severity, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let tuple = story.tuple();
    let local = tuple.local_ip.map(|ip| ip.to_string());
    let text = format!(
        "{} {} -> {} {} {} {}",
        tuple.netns,
        local.as_deref().unwrap_or("*"),
        peer(story),
        owner(story),
        story.container().map_or("", short_id),
        word(severity),
    )
    .to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// A word for it.
pub const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "ok",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
        Severity::Failing => "failing",
    }
}
