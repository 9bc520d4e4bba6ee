//! Three combined nodes of real Kafka on loopback, plain, in a folder of their own; gone when dropped.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use klamm_core::kafka::storage::{DirectoryUse, StorageFormat, Voter, VoterEndpoint, format_storage};
use klamm_core::kafka::{KafkaVersion, NodeRole};
use klamm_core::model::{ClusterId, DirectoryId, NodeId};
use klamm_kafka::{
    Address, Cluster, ConnectOptions, Endpoint, NewTopic, Producer, ProducerOptions, Record,
    TopicDescription, Transport,
};
use klamm_sim::kafka::truth::{Act, Entry, Line, Recording};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::logs::{self, Told};

/// The version that is recorded.
const KAFKA: &str = "4.3.1";

const NODES: [u32; 3] = [1, 2, 3];

/// A busy machine needs a minute for three nodes.
const START: Duration = Duration::from_secs(120);

/// From the last act until everything is as it was.
const WHOLE: Duration = Duration::from_secs(120);

/// How often logs and processes are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// After the cluster is whole, something that does not belong there may still happen.
const AFTER: Duration = Duration::from_secs(4);

/// Logs are closed within this; the rest of a node's end is told as its ending.
const FAREWELL: Duration = Duration::from_millis(300);

/// The cluster and what was done to it. Nodes are named as in recordings: 1, 2 and 3 are the partition's replicas in
/// their order.
pub(super) struct RealCluster {
    class_path: String,
    folder: TempDir,
    ports: BTreeMap<u32, (u16, u16)>,
    processes: BTreeMap<u32, Child>,
    runtime: tokio::runtime::Runtime,
    /// Nodes' own ids by their names, and back.
    ids: BTreeMap<u32, u32>,
    names: BTreeMap<u32, u32>,
    topic: String,
    controller: u32,
    began_ms: u64,
    acts: Vec<(u64, Act, u32)>,
    ends: Vec<(u64, u32, ExitStatus)>,
}

impl Drop for RealCluster {
    fn drop(&mut self) {
        for process in self.processes.values_mut() {
            // A stopped process is killed all the same; one that is gone already is no matter.
            let _gone = process.kill();
            let _gone = process.wait();
        }
    }
}

impl RealCluster {
    /// Starts the nodes and makes topics until one is led by a node that is not the active controller.
    pub(super) fn start(libs: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("klamm-truth-").tempdir().context("making a folder")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut cluster = Self {
            class_path: format!("{}/*", libs.display()),
            folder,
            ports: free_ports()?,
            processes: BTreeMap::new(),
            runtime,
            ids: BTreeMap::new(),
            names: BTreeMap::new(),
            topic: String::new(),
            controller: 0,
            began_ms: 0,
            acts: Vec::new(),
            ends: Vec::new(),
        };
        fs::write(cluster.folder.path().join("log4j2.properties"), LOGGING).context("writing the logging")?;
        for node in NODES {
            cluster.write_properties(node)?;
            cluster.format(node)?;
            cluster.launch(node)?;
        }
        cluster.make_topic()?;
        cluster.until_whole()?;
        cluster.begin_anew();
        Ok(cluster)
    }

    /// What was done so far does not belong to the recording.
    pub(super) fn begin_anew(&mut self) {
        self.began_ms = now_ms();
        (self.acts, self.ends) = (Vec::new(), Vec::new());
    }

    /// The active controller, as it was at the beginning.
    pub(super) fn controller(&self) -> u32 {
        self.controller
    }

    /// The node that neither leads the partition nor is the active controller.
    pub(super) fn bystander(&self) -> u32 {
        5 - self.controller
    }

    /// Does something to a node.
    pub(super) fn act(&mut self, act: Act, name: u32) -> Result<()> {
        let id = *self.ids.get(&name).context("a node of the recording")?;
        self.acts.push((now_ms(), act, name));
        match act {
            Act::Kill => self.signal(id, Signal::KILL)?,
            Act::Stop => self.signal(id, Signal::TERM)?,
            Act::Freeze => self.signal(id, Signal::STOP)?,
            Act::Thaw => self.signal(id, Signal::CONT)?,
            Act::Start => self.launch(id)?,
            Act::Wipe => {
                let data = self.data(id);
                fs::remove_dir_all(&data).with_context(|| format!("emptying {}", data.display()))?;
                self.format(id)?;
            }
        }
        if act == Act::Kill {
            self.until_gone(name)?;
        }
        Ok(())
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, time: Duration) -> Result<()> {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            thread::sleep(LOOK.min(deadline.saturating_duration_since(Instant::now())));
            self.notice_ends()?;
        }
        Ok(())
    }

    /// Waits until a node's process has ended.
    pub(super) fn until_gone(&mut self, name: u32) -> Result<()> {
        let id = *self.ids.get(&name).context("a node of the recording")?;
        let deadline = Instant::now() + WHOLE;
        while self.processes.contains_key(&id) {
            ensure!(Instant::now() < deadline, "node {name} did not end");
            thread::sleep(Duration::from_millis(10));
            self.notice_ends()?;
        }
        Ok(())
    }

    /// Waits until all nodes run and the partition is in sync on all of them, and a little longer.
    pub(super) fn until_whole(&mut self) -> Result<()> {
        let deadline = Instant::now() + WHOLE;
        loop {
            let told = self.told()?;
            let started = |name: &u32| {
                let starts = self.acts.iter().filter(|(_, act, node)| *act == Act::Start && node == name);
                starts.map(|(at, _, _)| *at).max().unwrap_or(0)
            };
            let all_run = NODES.iter().all(|name| told.runs(*name).is_some_and(|at| at >= started(name)));
            if all_run && told.in_sync().is_none_or(|in_sync| in_sync == NODES.len()) {
                return self.wait(AFTER);
            }
            ensure!(Instant::now() < deadline, "the cluster is not whole: {:?}", told.events.last());
            thread::sleep(LOOK);
            self.notice_ends()?;
        }
    }

    /// Writes so many bytes into the partition.
    pub(super) fn fill(&mut self, bytes: usize) -> Result<()> {
        const BATCH: usize = 800_000;
        let client = self.client();
        let topic = self.topic.clone();
        self.runtime.block_on(async move {
            let mut producer = Producer::new(&client, ProducerOptions::default());
            for _ in 0..bytes / BATCH {
                let value = Some(vec![7; BATCH].into());
                let record =
                    Record { value, key: None, headers: Vec::new(), partition: Some(0), timestamp_ms: None };
                producer
                    .send(&topic, vec![record], Duration::from_secs(60))
                    .await
                    .context("filling the topic")?;
            }
            Ok(())
        })
    }

    /// What was done and seen since the beginning.
    pub(super) fn recording(&mut self, title: &str) -> Result<Recording> {
        let told = self.told()?;
        let since = |at_ms: u64| Duration::from_millis(at_ms.saturating_sub(self.began_ms));
        let mut lines: Vec<Line> = Vec::new();
        for (at, act, node) in &self.acts {
            lines.push(Line { at: since(*at), entry: Entry::Did { act: *act, node: *node } });
        }
        for event in told.events.iter().filter(|event| event.at_ms >= self.began_ms) {
            lines.push(Line { at: since(event.at_ms), entry: Entry::Saw(event.said.clone()) });
        }
        for (at, node, status) in &self.ends {
            let said = match status.signal() {
                Some(_) => format!("node {node} was killed"),
                None => format!("node {node} ended with {}", status.code().unwrap_or(-1)),
            };
            lines.push(Line { at: since(*at), entry: Entry::Saw(said) });
        }
        lines.sort_by_key(|line| (line.at, !line.is_act()));
        let find = |said: &str, after: Duration| {
            lines.iter().find(|line| line.said() == said && line.at >= after).map(|line| line.at)
        };
        let starts = self.acts.iter().filter(|(_, act, _)| *act == Act::Start);
        let boots: Vec<Duration> = starts
            .filter_map(|(at, _, node)| Some(find(&format!("node {node} starts"), since(*at))? - since(*at)))
            .collect();
        let boot = boots.iter().sum::<Duration>() / u32::try_from(boots.len().max(1)).unwrap_or(1);
        let stops = self.acts.iter().filter(|(_, act, _)| *act == Act::Stop);
        let ending = stops
            .filter_map(|(at, _, node)| {
                let closes = find(&format!("node {node} closes its logs"), since(*at))?;
                let ended = find(&format!("node {node} ended with 143"), since(*at))?;
                Some(ended.saturating_sub(closes + FAREWELL))
            })
            .max();
        Ok(Recording {
            title: title.to_owned(),
            kafka: KAFKA.to_owned(),
            controller: self.controller,
            boot,
            ending: ending.unwrap_or_default(),
            log_recovery: Duration::from_millis(told.log_recovery_ms),
            lines,
        })
    }

    // ---- processes --------------------------------------------------------------------------------------------

    fn folder_of(&self, id: u32) -> PathBuf {
        self.folder.path().join(format!("node-{id}"))
    }

    fn data(&self, id: u32) -> PathBuf {
        self.folder_of(id).join("data")
    }

    fn launch(&mut self, id: u32) -> Result<()> {
        let folder = self.folder_of(id);
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log")).context("the log")?;
        let errors = log.try_clone().context("the log")?;
        let logging = self.folder.path().join("log4j2.properties");
        let process = Command::new("java")
            .args(["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", &self.class_path])
            .arg(format!("-Dlog4j2.configurationFile={}", logging.display()))
            .arg(format!("-Dkafka.logs.dir={}", folder.display()))
            .arg("kafka.Kafka")
            .arg(folder.join("server.properties"))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .context("starting java")?;
        self.processes.insert(id, process);
        Ok(())
    }

    fn signal(&self, id: u32, signal: Signal) -> Result<()> {
        let process = self.processes.get(&id).with_context(|| format!("node {id} has no process"))?;
        let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw).context("a process id")?;
        kill_process(pid, signal).with_context(|| format!("sending {signal:?} to node {id}"))
    }

    fn notice_ends(&mut self) -> Result<()> {
        let mut gone = Vec::new();
        for (id, process) in &mut self.processes {
            if let Some(status) = process.try_wait().context("looking at a process")? {
                gone.push((*id, status));
            }
        }
        for (id, status) in gone {
            self.processes.remove(&id);
            let name = self.names.get(&id).copied().unwrap_or(id);
            self.ends.push((now_ms(), name, status));
        }
        Ok(())
    }

    fn told(&self) -> Result<Told> {
        let mut logs = Vec::new();
        for id in NODES {
            let path = self.folder_of(id).join("log");
            let log = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            logs.push(String::from_utf8_lossy(&log).into_owned());
        }
        Ok(logs::read(&logs, &self.names, &self.topic))
    }

    // ---- set-up -----------------------------------------------------------------------------------------------

    fn write_properties(&self, id: u32) -> Result<()> {
        let folder = self.folder_of(id);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let (broker, controller) = *self.ports.get(&id).context("ports")?;
        let all: Vec<String> = self.ports.values().map(|(_, port)| format!("127.0.0.1:{port}")).collect();
        let listeners = format!("PLAIN://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}");
        let mut file = File::create(folder.join("server.properties")).context("server.properties")?;
        writeln!(
            file,
            "process.roles=broker,controller\nnode.id={id}\nlog.dirs={}\nlisteners={listeners}\n\
             advertised.listeners={listeners}\nlistener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             inter.broker.listener.name=PLAIN\ncontroller.listener.names=CONTROLLER\n\
             controller.quorum.bootstrap.servers={}\nmin.insync.replicas=2\nauto.create.topics.enable=false",
            self.data(id).display(),
            all.join(","),
        )
        .context("server.properties")
    }

    fn format(&self, id: u32) -> Result<()> {
        let directory = |id: u32| DirectoryId::from_random([u8::try_from(id).unwrap_or(0); 16]);
        let voters: Vec<Voter> = self
            .ports
            .iter()
            .map(|(id, (_, port))| Voter {
                id: NodeId(*id),
                directory_id: directory(*id),
                endpoints: vec![VoterEndpoint {
                    listener: "CONTROLLER".to_owned(),
                    host: "127.0.0.1".to_owned(),
                    port: *port,
                }],
            })
            .collect();
        let format = StorageFormat {
            version: KAFKA.parse::<KafkaVersion>().context("a version")?,
            cluster_id: ClusterId::from_random([1; 16]),
            node_id: NodeId(id),
            directory_id: directory(id),
            holds: DirectoryUse::Metadata,
            role: NodeRole::Combined,
            voters: &voters,
            timestamp_ms: 0,
        };
        for file in format_storage(&format)? {
            let path = self.data(id).join(file.path);
            let folder = path.parent().context("a file lies in a folder")?;
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
            fs::write(&path, file.content).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    fn client(&self) -> Cluster {
        let bootstrap = self.ports.values().map(|(port, _)| Address::new("127.0.0.1", *port)).collect();
        Cluster::new(bootstrap, Endpoint::Brokers, ConnectOptions::new(Transport::Plain))
    }

    /// Makes topics until one is led by a node that is not the active controller; names the nodes by its replicas.
    fn make_topic(&mut self) -> Result<()> {
        let client = self.client();
        let deadline = Instant::now() + START;
        for attempt in 0.. {
            ensure!(Instant::now() < deadline, "the cluster did not start in time");
            let name = format!("orders{attempt}");
            let Some((topic, controller)) = self.runtime.block_on(try_topic(&client, &name)) else {
                thread::sleep(LOOK);
                continue;
            };
            let Some(partition) = topic.partitions.first() else { continue };
            let replicas: Vec<u32> = partition.replicas.iter().map(|id| id.unsigned_abs()).collect();
            if replicas.first() == Some(&controller) || replicas.len() != NODES.len() {
                // The nodes shall lead nothing else.
                self.runtime.block_on(client.delete_topics(vec![name], START)).context("deleting a topic")?;
                continue;
            }
            self.names = replicas.iter().copied().zip(NODES).collect();
            self.ids = NODES.into_iter().zip(replicas.iter().copied()).collect();
            self.controller = *self.names.get(&controller).context("the controller is a replica")?;
            self.topic = name;
            return Ok(());
        }
        bail!("no topic was made")
    }
}

/// Makes a topic; its description and the active controller, when the cluster is there and all of it takes part.
async fn try_topic(client: &Cluster, name: &str) -> Option<(TopicDescription, u32)> {
    let patience = Duration::from_secs(10);
    let described = client.describe_cluster(patience).await.ok()?;
    if described.nodes.iter().filter(|node| !node.fenced).count() != NODES.len() {
        return None;
    }
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: Some(1),
        replication_factor: Some(3),
        config: BTreeMap::new(),
    };
    client.create_topics(vec![topic], false, patience).await.ok()?;
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        let topics = client.list_topics(patience).await.ok()?;
        if let Some(topic) = topics.into_iter().find(|topic| topic.name == name) {
            let quorum = client.describe_quorum(patience).await.ok()?;
            return Some((topic, quorum.leader?.unsigned_abs()));
        }
        tokio::time::sleep(LOOK).await;
    }
    None
}

fn free_ports() -> Result<BTreeMap<u32, (u16, u16)>> {
    let mut held = Vec::new();
    for _ in 0..NODES.len() * 2 {
        held.push(TcpListener::bind("127.0.0.1:0").context("a free port")?);
    }
    let mut ports = BTreeMap::new();
    for (node, pair) in NODES.into_iter().zip(held.chunks(2)) {
        let [broker, controller] = pair else { bail!("two ports a node") };
        ports.insert(node, (broker.local_addr()?.port(), controller.local_addr()?.port()));
    }
    Ok(ports)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Times in milliseconds, and each change of a partition.
const LOGGING: &str = "rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{UNIX_MILLIS} %p %c{1} %m%n
logger.changes.name=org.apache.kafka.controller.ReplicationControlManager
logger.changes.level=DEBUG
";
