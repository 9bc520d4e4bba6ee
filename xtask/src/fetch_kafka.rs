//! `cargo xtask fetch-kafka VERSION --cache DIR`: fills a cache through the product's own code, for tests and
//! benches that must not wait for downloads.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use klamm_artifacts::{
    Cache, ClassPathRole, JavaPolicy, JavaSearch, Lock, Mirrors, Progress, Supply, ensure_java, ensure_kafka,
};

/// Arguments of `fetch-kafka`.
#[derive(Debug, clap::Args)]
pub(crate) struct FetchKafkaArgs {
    /// The Kafka version, one of those with a lock file.
    version: String,
    /// The cache folder.
    #[arg(long, value_name = "DIR")]
    cache: PathBuf,
    /// Leave out the jars that only Kafka's command-line tools need.
    #[arg(long)]
    node_only: bool,
    /// Fetch the managed Java, too.
    #[arg(long)]
    managed_java: bool,
    /// Base URLs to try before the default hosts.
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
}

/// Fetches, then prints the folder of the jars on standard output; progress goes to standard error.
pub(crate) fn run(args: FetchKafkaArgs) -> anyhow::Result<()> {
    let lock = Lock::for_kafka(&args.version).with_context(|| {
        let known: Vec<_> = Lock::carried().iter().map(Lock::kafka).collect();
        format!("there is no lock file for Kafka {}, only for {}", args.version, known.join(", "))
    })?;
    let role = if args.node_only { ClassPathRole::Node } else { ClassPathRole::Tools };
    let mut supply = Supply::new(Cache::open(&args.cache)?);
    supply.mirrors = Mirrors::new(&args.mirror, false)?;
    supply.progress = Arc::new(|event: Progress<'_>| {
        if !matches!(event, Progress::Bytes { .. }) {
            // A closed terminal does not stop the work.
            let _ = writeln!(std::io::stderr(), "{event:?}");
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let began = Instant::now();
    let kafka = runtime.block_on(ensure_kafka(&supply, lock, role))?;
    eprintln!(
        "Kafka {} in {:.2} s, lock {}",
        kafka.version,
        began.elapsed().as_secs_f64(),
        kafka.lock_digest
    );
    if args.managed_java {
        let began = Instant::now();
        let search = JavaSearch::default();
        let java = runtime.block_on(ensure_java(&supply, lock.java(), &JavaPolicy::ManagedOnly, &search))?;
        eprintln!(
            "Java {} in {:.2} s: {}",
            java.version,
            began.elapsed().as_secs_f64(),
            java.executable.display()
        );
    }
    let libs = kafka.class_path.first().and_then(|jar| jar.parent()).context("the lock file lists no jar")?;
    println!("{}", libs.display());
    Ok(())
}
