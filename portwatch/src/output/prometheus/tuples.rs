use super::format::{Kind, Page};
use crate::model::Row;

/// A family's name, its help, and a tuple's value.
type Ports = (&'static str, &'static str, fn(&Row) -> u32);

/// A tuple's labels as text.
struct Series<'a> {
    row: &'a Row,
    local: String,
    peer: String,
    port: String,
}

/// Writes what is known of each tuple shown.
pub(super) fn write(page: &mut Page, rows: &[Row]) {
    let series: Vec<Series<'_>> = rows.iter().map(Series::new).collect();
    let ports: [Ports; 4] = [
        (
            "portwatch_tuple_ports_used",
            "Ports that the tuple's connections hold, those in TIME_WAIT included.",
            |row| row.usage.used,
        ),
        (
            "portwatch_tuple_ports_capacity",
            "Ports that the tuple could use if it had no connection.",
            |row| row.usage.capacity,
        ),
        (
            "portwatch_tuple_ports_time_wait",
            "Ports of the tuple in TIME_WAIT.",
            |row| row.usage.time_wait,
        ),
        (
            "portwatch_tuple_ports_reclaimable",
            "Ports of the tuple in TIME_WAIT that connect may take back at once.",
            |row| row.usage.reclaimable.unwrap_or(0),
        ),
    ];
    for (name, help, value) in ports {
        page.family(name, Kind::Gauge, help);
        for series in &series {
            page.sample(name, &series.labels(), value(series.row));
        }
    }
    let name = "portwatch_tuple_seconds_to_exhaustion";
    let help = "When no port will be left to the tuple at the present pace.";
    page.family(name, Kind::Gauge, help);
    for series in &series {
        if let Some(seconds) = series.row.forecast.seconds_to_exhaustion {
            page.sample(name, &series.labels(), seconds);
        }
    }
    let help = "Connects of the tuple that found no port.";
    page.family("portwatch_tuple_exhausted", Kind::Counter, help);
    for series in &series {
        let name = "portwatch_tuple_exhausted_total";
        page.sample(name, &series.labels(), series.row.exhausted);
    }
}

impl<'a> Series<'a> {
    fn new(row: &'a Row) -> Self {
        let tuple = &row.tuple;
        Self {
            row,
            local: tuple.local_ip.map_or_else(String::new, |ip| ip.to_string()),
            peer: tuple.peer_ip.to_string(),
            port: tuple.peer_port.to_string(),
        }
    }

    fn labels(&self) -> [(&str, &str); 4] {
        [
            ("netns", &self.row.netns),
            ("local_ip", &self.local),
            ("peer_ip", &self.peer),
            ("peer_port", &self.port),
        ]
    }
}
