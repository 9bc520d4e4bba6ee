//! Kafka's own test clients, run by the Java that runs the nodes.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{ClientFiles, Missing, Product, Ran, Role};

/// Kafka's jars and a Java for them.
pub struct JavaTools {
    java: PathBuf,
    libs: PathBuf,
}

impl JavaTools {
    /// The jars are in `KLAMM_KAFKA_LIBS`, Java is what a running node of `product` runs on.
    pub fn of(product: &Product) -> Result<Self> {
        let libs = std::env::var_os("KLAMM_KAFKA_LIBS")
            .ok_or_else(|| Missing("KLAMM_KAFKA_LIBS does not say where Kafka's jars are".to_owned()))?;
        let nodes = product.processes_of(Role::Node)?;
        let java = nodes.first().context("no node runs")?.program()?;
        Ok(Self { java, libs: PathBuf::from(libs) })
    }

    /// VerifiableProducer with acks=all: writes 0 to `count` - 1 as text and gives what it said, one event a line.
    pub fn produce(
        &self,
        files: &ClientFiles,
        bootstrap: &str,
        topic: &str,
        count: u32,
    ) -> Result<Vec<Value>> {
        let count = count.to_string();
        self.tool("VerifiableProducer", files, bootstrap, topic, &["--max-messages", &count, "--acks", "-1"])
    }

    /// VerifiableConsumer from the beginning, in a group, until it has read `count` records.
    pub fn consume(
        &self,
        files: &ClientFiles,
        bootstrap: &str,
        (topic, group): (&str, &str),
        count: u32,
    ) -> Result<Vec<Value>> {
        let count = count.to_string();
        let more = ["--group-id", group, "--max-messages", &count, "--reset-policy", "earliest", "--verbose"];
        self.tool("VerifiableConsumer", files, bootstrap, topic, &more)
    }

    fn tool(
        &self,
        class: &str,
        files: &ClientFiles,
        bootstrap: &str,
        topic: &str,
        more: &[&str],
    ) -> Result<Vec<Value>> {
        let mut command = Command::new(&self.java);
        command
            .args(["-XX:TieredStopAtLevel=1", "-Xmx128m", "-cp", &format!("{}/*", self.libs.display())])
            .arg(format!("org.apache.kafka.tools.{class}"))
            .args(["--bootstrap-server", bootstrap, "--topic", topic, "--command-config"])
            .arg(&files.main)
            .args(more)
            .stdin(Stdio::null());
        let output = command.output().with_context(|| format!("starting {class}"))?;
        let ran = Ran::new(class.to_owned(), &output);
        ensure!(ran.code == Some(0), "{ran}");
        Ok(ran.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}
