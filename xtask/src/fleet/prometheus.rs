//! The real server, and what it knows.

use std::{
    collections::BTreeSet,
    fmt::{self, Display},
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::host::{FIGURES, Ports};
use crate::support::{child::Guarded, http, interrupt::Interrupt, netns::Namespace, process};

const ADDRESS: &str = "127.0.0.1:9090";

/// A running Prometheus.
pub struct Prometheus<'a> {
    monitor: &'a Namespace,
    process: Guarded,
}

/// An alert as it was, for one instance.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    alert: String,
    state: String,
    instance: String,
}

impl<'a> Prometheus<'a> {
    /// Starts one inside of `monitor`, with portwatch.rules.yml of that directory, and waits until it
    /// has scraped every target, which it does `every` so many milliseconds.
    ///
    /// # Errors
    /// When it does not start, or a target is not up.
    pub fn start(
        monitor: &'a Namespace,
        directory: &Path,
        targets: &[String],
        every: Duration,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let configuration = directory.join("prometheus.yml");
        let every = every.as_millis();
        fs::write(
            &configuration,
            format!(
                "global: {{scrape_interval: {every}ms, evaluation_interval: {every}ms}}\n\
                 rule_files: [portwatch.rules.yml]\n\
                 scrape_configs: [{{job_name: portwatch, static_configs: [{{targets: {targets:?}}}]}}]\n"
            ),
        )
        .context("writing Prometheus' configuration")?;
        process::stdout(
            Command::new("promtool")
                .args(["check", "config"])
                .arg(&configuration),
        )?;
        let log = File::create(directory.join("prometheus.log")).context("creating a log")?;
        let process = Guarded::spawn(
            monitor
                .enter("prometheus")
                .arg(format!("--config.file={}", configuration.display()))
                .arg(format!(
                    "--storage.tsdb.path={}",
                    directory.join("data").display()
                ))
                .arg(format!("--web.listen-address={ADDRESS}"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log),
        )?;
        let mut prometheus = Self { monitor, process };
        interrupt.wait_for(
            "Prometheus to scrape all hosts",
            Duration::from_secs(60),
            || {
                prometheus.require_running()?;
                let up = prometheus.query("up == 1").unwrap_or_default();
                Ok(up.len() == targets.len())
            },
        )?;
        Ok(prometheus)
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// Says how it ended.
    pub fn require_running(&mut self) -> Result<()> {
        self.process.require_running()
    }

    /// The alerts that are pending or fire now.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn alerts(&self) -> Result<BTreeSet<Seen>> {
        self.seen("ALERTS")
    }

    /// All that were ever pending or fired.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn history(&self) -> Result<BTreeSet<Seen>> {
        // Rules may be looked at before anything was scraped for the first time.
        const AT_ITS_START: &str = r#"ALERTS{alertname="PortwatchAbsent",alertstate="pending"}"#;
        self.seen(&format!(
            "count_over_time(ALERTS[1h]) unless count_over_time({AT_ITS_START}[1h])"
        ))
    }

    fn seen(&self, expression: &str) -> Result<BTreeSet<Seen>> {
        let label = |series: &Value, name: &str| {
            let label = series["metric"][name].as_str();
            label.unwrap_or_default().to_owned()
        };
        let series = self.query(expression)?;
        Ok(series
            .iter()
            .map(|series| Seen {
                alert: label(series, "alertname"),
                state: label(series, "alertstate"),
                instance: label(series, "instance"),
            })
            .collect())
    }

    /// What it has stored of an instance's tuples.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn ports(&self, instance: &str) -> Result<Ports> {
        let mut ports = Ports::new();
        for (at, figure) in FIGURES.iter().enumerate() {
            let series = format!("portwatch_tuple_ports_{figure}{{instance=\"{instance}\"}}");
            for series in self.query(&series)? {
                let label = |name: &str| series["metric"][name].as_str().unwrap_or_default();
                let key = format!("{} {}", label("peer_ip"), label("peer_port"));
                let value = series["value"][1]
                    .as_str()
                    .and_then(|text| text.parse().ok());
                ports.entry(key).or_default()[at] = value.context("a count that is no number")?;
            }
        }
        Ok(ports)
    }

    fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let url = format!("http://{ADDRESS}/api/v1/query");
        let answer = self
            .monitor
            .run(|| http::get(&url, &[("query", expression)]))?;
        let answer: Value = serde_json::from_str(&answer).context("Prometheus' answer")?;
        match &answer["data"]["result"] {
            Value::Array(series) => Ok(series.clone()),
            _ => bail!("Prometheus does not answer {expression}: {answer}"),
        }
    }
}

/// Has promtool look at metrics.
///
/// # Errors
/// What it finds fault with.
pub fn check_metrics(text: &str, file: &Path) -> Result<()> {
    fs::write(file, text).context("writing metrics")?;
    let file = File::open(file).context("reading metrics")?;
    process::run(
        Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(file),
    )
}

impl Seen {
    /// An alert in a state, for an instance.
    #[must_use]
    pub fn new(alert: &str, state: &str, instance: &str) -> Self {
        Self {
            alert: alert.to_owned(),
            state: state.to_owned(),
            instance: instance.to_owned(),
        }
    }

    /// Whether it is this one, for whatever instance.
    #[must_use]
    pub fn is(&self, alert: &str, state: &str) -> bool {
        self.alert == alert && self.state == state
    }
}

impl Display for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} on {}", self.alert, self.state, self.instance)
    }
}
