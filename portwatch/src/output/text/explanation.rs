use std::io;

use crate::{
    model::Explanation,
    output::{
        escape,
        style::{CAUTION, NOTE, paint},
    },
};

/// Writes an explanation for people: the verdict, and what to do, best first.
///
/// # Errors
/// What `out` returns.
pub fn write_explanation(
    out: &mut dyn io::Write,
    explanation: &Explanation,
    color: bool,
) -> io::Result<()> {
    let (word, style) = match explanation.culprit {
        Some(culprit) => (culprit.name().replace('-', " "), CAUTION),
        None => ("no culprit found".to_owned(), NOTE),
    };
    writeln!(
        out,
        "{}: {}",
        paint(&word, 0, style, color),
        escape(&explanation.reason)
    )?;
    for (number, advice) in explanation.advice.iter().enumerate() {
        writeln!(out, "  {}. {}", number + 1, escape(&advice.title))?;
        if let Some(command) = &advice.command {
            writeln!(out, "       {}", escape(command))?;
        }
        writeln!(out, "     {}", escape(&advice.effect))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Explanation, write_explanation};
    use crate::model::{Culprit, testing::explanation};

    fn written(explanation: &Explanation, color: bool) -> String {
        let mut out = Vec::new();
        write_explanation(&mut out, explanation, color).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_verdict_and_what_to_do() {
        assert_eq!(
            written(&explanation(), false),
            "\
narrow range: of 500 ports 412 are live and 0 in TIME_WAIT
  1. widen the port range
       sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"
     adds 64,012 ports
  2. carry more over each connection
     412 connections are open now
"
        );
    }

    #[test]
    fn no_culprit() {
        let mut none = explanation();
        (none.culprit, none.advice) = (None, Vec::new());
        assert_eq!(
            written(&none, false),
            "no culprit found: of 500 ports 412 are live and 0 in TIME_WAIT\n"
        );
    }

    #[test]
    fn names_cannot_act_on_the_terminal() {
        let mut named = explanation();
        named.culprit = Some(Culprit::Leak);
        named.advice[0].title = "have \x1b[2J\n[1] close".to_owned();
        let text = written(&named, false);
        assert!(
            !text.contains('\x1b') && text.lines().count() == 6,
            "{text}"
        );
        assert!(written(&named, true).contains("\x1b[1m"));
    }
}
