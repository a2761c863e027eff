//! A page for people who come to the daemon with a browser.

use std::fmt::Write as _;

use super::{escape, prometheus::Vitals};
use crate::model::{Row, Standing};

const STYLE: &str = "body{font-family:sans-serif;margin:2em;max-width:70em}\
table{border-collapse:collapse}th,td{padding:.2em .8em;text-align:left}\
th{border-bottom:1px solid}td.n{text-align:right}";

/// Writes the page: how things stand, and the fullest tuples.
#[must_use]
pub fn write_landing(standing: Option<&Standing>, vitals: Option<&Vitals>) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>portwatch</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>portwatch {}</h1>\n\
         <p><a href=\"/metrics\">metrics</a>, <a href=\"/healthz\">health</a></p>\n",
        env!("CARGO_PKG_VERSION")
    );
    if let (Some(standing), Some(vitals)) = (standing, vitals) {
        summary(&mut page, standing, vitals);
        table(&mut page, &standing.rows);
    } else {
        page.push_str("<p>Nothing has been counted yet.</p>\n");
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn summary(page: &mut String, standing: &Standing, vitals: &Vitals) {
    let totals = &standing.totals;
    // A String takes everything.
    let _ = writeln!(
        page,
        "<p>{}: {} hooks, kernel {}, {} sockets of {} tuples{}.</p>\n\
         <p>Since the start: {} connections, {} connects that found no port, {} binds.</p>",
        safe(standing.time.strftime("%Y-%m-%d %H:%M:%S UTC")),
        safe(&vitals.hooks),
        safe(&vitals.kernel),
        vitals.tracked_sockets,
        standing.tuples,
        if vitals.degraded {
            "; <strong>counts may be less than exact</strong>"
        } else {
            ""
        },
        totals.connects,
        totals.exhausted,
        totals.tcp_bind + totals.udp_bind + totals.udp_autobind,
    );
}

fn table(page: &mut String, rows: &[Row]) {
    page.push_str(
        "<table>\n<tr><th>Namespace<th>Tuple<th>Ports<th>Full<th>TIME_WAIT<th>Exhausted in\
         <th>Failures</tr>\n",
    );
    for row in rows {
        let usage = &row.usage;
        let left = row.forecast.seconds_to_exhaustion;
        let _ = writeln!(
            page,
            "<tr><td>{}<td>{}<td class=\"n\">{}/{}<td class=\"n\">{:.1} %<td class=\"n\">{}\
             <td class=\"n\">{}<td class=\"n\">{}</tr>",
            safe(&row.netns),
            safe(&row.tuple),
            usage.used,
            usage.capacity,
            usage.utilisation() * 100.0,
            usage.time_wait,
            left.map_or_else(String::new, |seconds| format!("{seconds:.0} s")),
            row.exhausted,
        );
    }
    page.push_str("</table>\n");
}

/// Text that others chose, so that it is nothing but text.
fn safe(text: impl std::fmt::Display) -> String {
    let mut safe = String::new();
    for c in escape(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{safe, write_landing};
    use crate::{
        model::{Filter, Ledger, Ratios, testing::sample},
        output::prometheus::Vitals,
    };

    #[test]
    fn names_are_text_and_nothing_else() {
        let mut named = sample(8080, 412, 500);
        named.tuple.netns.name = Some("<script>&'\"".into());
        let filter = Filter::default();
        let now = Timestamp::UNIX_EPOCH;
        let standing = Ledger::new().interval(now, &[named], &[], &[], &filter, 5);
        let vitals = Vitals {
            hooks: "fentry".to_owned(),
            kernel: "6.12".to_owned(),
            ratios: Ratios::default(),
            searches: None,
            tracked_sockets: 412,
            max_sockets: 1,
            max_tuples: 1,
            lost_events: 0,
            sweeps: 0,
            corrections: 0,
            sweep_seconds: 0.0,
            recursion_misses: Default::default(),
            degraded: false,
        };
        let page = write_landing(Some(&standing), Some(&vitals));
        assert!(!page.contains("<script"), "{page}");
        assert!(
            page.contains("<td>&lt;script&gt;&amp;&#39;&quot;<td>127.0.0.1 -&gt; 127.0.0.1:8080")
        );
        assert!(page.contains("412/500<td class=\"n\">82.4 %"), "{page}");
    }

    #[test]
    fn there_is_a_page_before_anything_is_counted() {
        assert!(write_landing(None, None).ends_with("</html>\n"));
        assert_eq!(safe("a\n<"), "a\\n&lt;");
    }
}
