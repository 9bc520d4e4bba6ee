//! Writing without a pause while things happen to the cluster, and the audit of what was written.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{ClientFiles, Python, poll};

/// How long acknowledged records may stay unreadable after the cluster says that it is ready.
const READABLE: Duration = Duration::from_secs(30);

/// An idempotent producer (librdkafka, acks=all) that writes numbered records to each partition until it is told
/// to end.
pub struct Load {
    child: Child,
    out: BufReader<ChildStdout>,
}

/// What the producer says that it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// How many records of each partition were acknowledged; they are numbered from 0.
    pub acknowledged: BTreeMap<u64, u64>,
    /// Records that were given up.
    pub failed: u64,
    /// The longest time without an acknowledgement.
    pub longest_gap_ms: u64,
}

impl Load {
    /// Starts it and waits for the first acknowledgement.
    pub fn start(python: &Python, files: &ClientFiles, topic: &str, partitions: u32) -> Result<Self> {
        let mut child = python
            .command("load.py")
            .arg(&files.main)
            .args([topic, &partitions.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the load")?;
        let out = BufReader::new(child.stdout.take().context("the load has no output")?);
        let mut load = Self { child, out };
        ensure!(load.line()? == "writing", "the load did not begin");
        Ok(load)
    }

    /// Lets it wait for what is on its way, and gives its account.
    pub fn end(mut self) -> Result<Written> {
        drop(self.child.stdin.take());
        let line = self.line()?;
        let told: Value = serde_json::from_str(&line).with_context(|| format!("the load printed {line}"))?;
        Ok(Written {
            acknowledged: counts(&told["acknowledged"])?,
            failed: told["failed"].as_u64().context("the load does not say what failed")?,
            longest_gap_ms: told["longest_gap_ms"].as_u64().context("the load does not tell gaps")?,
        })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.out.read_line(&mut line).context("reading what the load says")?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // it ends at the end of its input; this is for stories that ended early
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(problem) = ended {
            eprintln!("the load may be left: {problem}");
        }
    }
}

impl Written {
    /// All acknowledged records.
    pub fn total(&self) -> u64 {
        self.acknowledged.values().sum()
    }

    /// Reads the topic whole: each partition must hold exactly the acknowledged numbers, in order, each once.
    ///
    /// A leader that was killed knows its high watermark as of the last checkpoint only, and shows readers nothing above
    /// it until followers have fetched: the look is repeated, and that is said.
    pub fn audit(&self, python: &Python, files: &ClientFiles, topic: &str) -> Result<()> {
        ensure!(self.failed == 0, "{} records were given up by the producer", self.failed);
        let begun = Instant::now();
        let mut looks = 0;
        poll("every acknowledged record to be readable", READABLE, || {
            looks += 1;
            let told = python.tell("audit.py", &[&files.main_path(), topic])?;
            let problems = told["problems"].as_array().context("the audit does not tell problems")?;
            ensure!(problems.is_empty(), "{} problems, such as {}", problems.len(), problems[0]);
            let held = counts(&told["held"])?;
            ensure!(held == self.acknowledged, "acknowledged {:?}, held {held:?}", self.acknowledged);
            Ok(())
        })?;
        if looks > 1 {
            println!("    all was readable only after {} ms and {looks} looks", begun.elapsed().as_millis());
        }
        Ok(())
    }
}

/// `{"0": 12, "1": 11}`: a number for each partition.
fn counts(value: &Value) -> Result<BTreeMap<u64, u64>> {
    let entries = value.as_object().context("there are no partitions")?;
    entries
        .iter()
        .map(|(partition, count)| {
            Ok((partition.parse()?, count.as_u64().context("a count that is no number")?))
        })
        .collect()
}
