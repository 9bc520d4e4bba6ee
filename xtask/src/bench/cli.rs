//! `bench cli`: one question to a running cluster, by the product and by Kafka's own tool.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::product::Product;
use super::stock::Stock;
use crate::figure::{Figure, Goal, Side, Sides};

/// `kafka-run-class.sh` for tools.
const SCRIPT_OPTIONS: [&str; 8] = [
    "-Xmx256M",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:MaxInlineLevel=15",
    "-Djava.awt.headless=true",
];

const TOPIC: &str = "listed";

/// `klamm topic list` beside `kafka-topics.sh --list`, over the same listeners as the same user.
pub(super) fn prepare() -> Result<Figure> {
    let stock = Stock::collect()?;
    let product = Product::up(&stock)?;
    product.run(&["topic", "create", TOPIC])?;
    let properties = product.admin_files()?.join("client.properties");
    let bootstrap: Vec<String> =
        product.ways()?.iter().filter(|way| way.serves_clients).map(|way| way.address.to_string()).collect();
    let java = stock.java.executable.clone();
    let class_path = stock.class_path();
    let theirs = move || {
        let begun = Instant::now();
        let output = Command::new(&java)
            .args(SCRIPT_OPTIONS)
            .args(["-cp", &class_path, "org.apache.kafka.tools.TopicCommand", "--list"])
            .args(["--bootstrap-server", &bootstrap.join(","), "--command-config"])
            .arg(&properties)
            .stdin(Stdio::null())
            .output()
            .context("starting Kafka's tool")?;
        let took = begun.elapsed();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success() && out.contains(TOPIC), "Kafka's tool said {out}{err}");
        Ok(took.as_secs_f64())
    };
    let ours = move || {
        let begun = Instant::now();
        let out = product.run(&["topic", "list"])?;
        let took = begun.elapsed();
        ensure!(out.contains(TOPIC), "klamm said {out}");
        Ok(took.as_secs_f64())
    };
    let sides = Sides::Beside(
        Side { name: "klamm topic list", sample: Box::new(ours) },
        Side { name: "TopicCommand", sample: Box::new(theirs) },
    );
    Ok(Figure { name: "cli", unit: "s", goal: Goal::AtMost(0.05), rounds: 15, sides })
}
