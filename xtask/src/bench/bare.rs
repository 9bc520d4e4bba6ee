//! The same Kafka without Klamm: three combined nodes with the flags of Kafka's own scripts, plain listeners, and
//! storage that was formatted beforehand by Kafka's own tool.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use klamm_kafka::{Address, ConnectOptions, Transport};
use tempfile::TempDir;

use super::readiness::{NODES, Way};
use super::stock::{Stock, copy_tree, find_free_ports, own_folder};

/// `kafka-server-start.sh` and `kafka-run-class.sh`, the same from 3.9 to 4.4.
const SCRIPT_OPTIONS: [&str; 9] = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:MaxInlineLevel=15",
    "-Djava.awt.headless=true",
];

/// Random ids; any others would do.
const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";
const DIRECTORY_IDS: [&str; NODES] =
    ["aBKWnpS6RS-5VaTituf0cA", "M2QTbuFfTCeULXPZJ2qV9Q", "Yh5JNv2HTByC9Y83UgRwVA"];

/// Formatted once, started as often as wanted.
pub(super) struct Bare {
    java: PathBuf,
    class_path: String,
    ports: Vec<u16>,
    formatted: TempDir,
}

/// Running nodes; killed with it.
pub(super) struct BareNodes {
    children: Vec<Child>,
    // goes last, when the processes are gone
    _folder: TempDir,
}

impl Bare {
    /// Chooses ports and has Kafka's tool format the storage of all nodes.
    pub(super) fn formatted(stock: &Stock) -> Result<Self> {
        let bare = Self {
            java: stock.java.executable.clone(),
            class_path: stock.class_path(),
            ports: find_free_ports(2 * NODES)?,
            formatted: own_folder()?,
        };
        let voters: Vec<String> = (0..NODES)
            .map(|node| {
                format!("{}@localhost:{}:{}", node + 1, bare.controller_port(node), DIRECTORY_IDS[node])
            })
            .collect();
        bare.write_files(bare.formatted.path())?;
        for node in 0..NODES {
            let properties = properties_file(bare.formatted.path(), node);
            let output = Command::new(&bare.java)
                .args(["-cp", &bare.class_path, "kafka.tools.StorageTool", "format"])
                .args(["--cluster-id", CLUSTER_ID, "--initial-controllers", &voters.join(",")])
                .arg("--config")
                .arg(&properties)
                .output()
                .context("starting Kafka's storage tool")?;
            ensure!(output.status.success(), "formatting: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(bare)
    }

    /// A folder in which all nodes can be started at once; not on the clock.
    pub(super) fn lay_out(&self) -> Result<TempDir> {
        let folder = own_folder()?;
        copy_tree(self.formatted.path(), folder.path())?;
        self.write_files(folder.path())?;
        Ok(folder)
    }

    /// Starts all nodes at once.
    pub(super) fn start(&self, folder: TempDir) -> Result<BareNodes> {
        let mut nodes = BareNodes { children: Vec::new(), _folder: folder };
        for node in 0..NODES {
            let home = home(nodes._folder.path(), node);
            let console = File::create(home.join("console.log")).context("making a log")?;
            let child = Command::new(&self.java)
                .args(SCRIPT_OPTIONS)
                .arg(format!(
                    "-Xlog:gc*:file={}:time,tags:filecount=10,filesize=100M",
                    home.join("gc.log").display()
                ))
                .arg(format!("-Dkafka.logs.dir={}", home.display()))
                .arg(format!("-Dlog4j2.configurationFile={}", home.join("log4j2.properties").display()))
                .args(["-cp", &self.class_path, "kafka.Kafka"])
                .arg(properties_file(nodes._folder.path(), node))
                .current_dir(&home)
                .stdin(Stdio::null())
                .stderr(console.try_clone().context("sharing a log")?)
                .stdout(console)
                .spawn()
                .context("starting a node")?;
            nodes.children.push(child);
        }
        Ok(nodes)
    }

    /// Every listener, plain.
    pub(super) fn ways(&self) -> Vec<Way> {
        let way = |port, serves_clients| Way {
            address: Address::new("localhost", port),
            options: ConnectOptions::new(Transport::Plain),
            serves_clients,
        };
        (0..NODES)
            .flat_map(|node| [way(self.broker_port(node), true), way(self.controller_port(node), false)])
            .collect()
    }

    fn broker_port(&self, node: usize) -> u16 {
        self.ports[2 * node]
    }

    fn controller_port(&self, node: usize) -> u16 {
        self.ports[2 * node + 1]
    }

    fn write_files(&self, folder: &Path) -> Result<()> {
        for node in 0..NODES {
            let home = home(folder, node);
            fs::create_dir_all(&home).with_context(|| format!("making {}", home.display()))?;
            fs::write(properties_file(folder, node), self.properties(folder, node))
                .context("writing properties")?;
            fs::write(home.join("log4j2.properties"), LOG4J2).context("writing the log's configuration")?;
        }
        Ok(())
    }

    /// Kafka's own `config/server.properties`, with what three nodes on one machine need.
    fn properties(&self, folder: &Path, node: usize) -> String {
        let (broker, controller) = (self.broker_port(node), self.controller_port(node));
        let bootstrap: Vec<String> =
            (0..NODES).map(|node| format!("localhost:{}", self.controller_port(node))).collect();
        format!(
            "process.roles=broker,controller\n\
             node.id={}\n\
             controller.quorum.bootstrap.servers={}\n\
             listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}\n\
             inter.broker.listener.name=PLAINTEXT\n\
             advertised.listeners=PLAINTEXT://localhost:{broker},CONTROLLER://localhost:{controller}\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             num.network.threads=3\n\
             num.io.threads=8\n\
             socket.send.buffer.bytes=102400\n\
             socket.receive.buffer.bytes=102400\n\
             socket.request.max.bytes=104857600\n\
             log.dirs={}\n\
             num.partitions=1\n\
             num.recovery.threads.per.data.dir=1\n\
             offsets.topic.replication.factor=3\n\
             transaction.state.log.replication.factor=3\n\
             transaction.state.log.min.isr=2\n\
             log.retention.hours=168\n\
             log.segment.bytes=1073741824\n\
             log.retention.check.interval.ms=300000\n",
            node + 1,
            bootstrap.join(","),
            home(folder, node).join("data").display(),
        )
    }
}

impl Drop for BareNodes {
    fn drop(&mut self) {
        for child in &mut self.children {
            if let Err(error) = child.kill().and_then(|()| child.wait()) {
                eprintln!("process {} may be left: {error}", child.id());
            }
        }
    }
}

fn home(folder: &Path, node: usize) -> PathBuf {
    folder.join(format!("node-{}", node + 1))
}

fn properties_file(folder: &Path, node: usize) -> PathBuf {
    home(folder, node).join("server.properties")
}

/// What Kafka's `config/log4j2.yaml` says, without the YAML library that it needs.
const LOG4J2: &str = "\
name=Config
appender.stdout.type=Console
appender.stdout.name=STDOUT
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=[%d] %p %m (%c)%n
appender.server.type=RollingFile
appender.server.name=KafkaAppender
appender.server.fileName=${sys:kafka.logs.dir}/server.log
appender.server.filePattern=${sys:kafka.logs.dir}/server.log.%d{yyyy-MM-dd-HH}
appender.server.layout.type=PatternLayout
appender.server.layout.pattern=[%d] %p %m (%c)%n
appender.server.policy.type=TimeBasedTriggeringPolicy
appender.state.type=RollingFile
appender.state.name=StateChangeAppender
appender.state.fileName=${sys:kafka.logs.dir}/state-change.log
appender.state.filePattern=${sys:kafka.logs.dir}/state-change.log.%d{yyyy-MM-dd-HH}
appender.state.layout.type=PatternLayout
appender.state.layout.pattern=[%d] %p %m (%c)%n
appender.state.policy.type=TimeBasedTriggeringPolicy
appender.cleaner.type=RollingFile
appender.cleaner.name=CleanerAppender
appender.cleaner.fileName=${sys:kafka.logs.dir}/log-cleaner.log
appender.cleaner.filePattern=${sys:kafka.logs.dir}/log-cleaner.log.%d{yyyy-MM-dd-HH}
appender.cleaner.layout.type=PatternLayout
appender.cleaner.layout.pattern=[%d] %p %m (%c)%n
appender.cleaner.policy.type=TimeBasedTriggeringPolicy
appender.controller.type=RollingFile
appender.controller.name=ControllerAppender
appender.controller.fileName=${sys:kafka.logs.dir}/controller.log
appender.controller.filePattern=${sys:kafka.logs.dir}/controller.log.%d{yyyy-MM-dd-HH}
appender.controller.layout.type=PatternLayout
appender.controller.layout.pattern=[%d] %p %m (%c)%n
appender.controller.policy.type=TimeBasedTriggeringPolicy
rootLogger.level=INFO
rootLogger.appenderRef.stdout.ref=STDOUT
rootLogger.appenderRef.server.ref=KafkaAppender
logger.kafka.name=kafka
logger.kafka.level=INFO
logger.apache.name=org.apache.kafka
logger.apache.level=INFO
logger.requests.name=kafka.request.logger
logger.requests.level=WARN
logger.channel.name=kafka.network.RequestChannel$
logger.channel.level=WARN
logger.controller.name=org.apache.kafka.controller
logger.controller.level=INFO
logger.controller.additivity=false
logger.controller.appenderRef.controller.ref=ControllerAppender
logger.cleaner.name=org.apache.kafka.storage.internals.log.LogCleaner
logger.cleaner.level=INFO
logger.cleaner.additivity=false
logger.cleaner.appenderRef.cleaner.ref=CleanerAppender
logger.state.name=state.change.logger
logger.state.level=INFO
logger.state.additivity=false
logger.state.appenderRef.state.ref=StateChangeAppender
";
