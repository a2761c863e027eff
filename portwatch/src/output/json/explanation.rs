use serde::Serialize;

use crate::model::{Advice, Explanation};

/// The keys of an explanation, an object inside another one.
#[derive(Serialize)]
pub struct ExplanationKeys<'a> {
    verdict: Option<&'static str>,
    reason: &'a str,
    advice: Vec<AdviceKeys<'a>>,
}

#[derive(Serialize)]
struct AdviceKeys<'a> {
    title: &'a str,
    command: Option<&'a str>,
    effect: &'a str,
}

impl<'a> ExplanationKeys<'a> {
    /// The keys with their values.
    #[must_use]
    pub fn new(explanation: &'a Explanation) -> Self {
        Self {
            verdict: explanation.culprit.map(|culprit| culprit.name()),
            reason: &explanation.reason,
            advice: explanation.advice.iter().map(AdviceKeys::new).collect(),
        }
    }
}

impl<'a> AdviceKeys<'a> {
    fn new(advice: &'a Advice) -> Self {
        Self {
            title: &advice.title,
            command: advice.command.as_deref(),
            effect: &advice.effect,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ExplanationKeys;
    use crate::model::testing::explanation;

    #[test]
    fn absent_facts_are_null() {
        let mut explanation = explanation();
        let text = |explanation: &_| serde_json::to_string(&ExplanationKeys::new(explanation));
        assert_eq!(
            text(&explanation).unwrap(),
            concat!(
                r#"{"verdict":"narrow-range","#,
                r#""reason":"of 500 ports 412 are live and 0 in TIME_WAIT","#,
                r#""advice":[{"title":"widen the port range","#,
                r#""command":"sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"","#,
                r#""effect":"adds 64,012 ports"},"#,
                r#"{"title":"carry more over each connection","command":null,"#,
                r#""effect":"412 connections are open now"}]}"#,
            )
        );
        explanation.culprit = None;
        assert!(
            text(&explanation)
                .unwrap()
                .starts_with(r#"{"verdict":null,"#)
        );
    }
}
