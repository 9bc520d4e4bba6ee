//! The cluster of the story, and what the cases ask of it again and again.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use e2e::{ClientFiles, Format, Product, Python, Ran, Status, is_of_throwaway, with_own_ports};

/// The cluster's name.
pub(crate) const CLUSTER: &str = "orchard";

/// Names the Kafka that the story is told on; without it the one that `up` takes by itself.
const VERSION: &str = "KLAMM_E2E_KAFKA";

/// Who may do everything, who may use one topic, and who may do nothing.
const SPEC: &str = "\
cluster: orchard
profile: laptop
pools:
  nodes: { roles: [controller, broker], count: 3 }
listeners:
  clients: { port: CLIENTS, auth: mtls }
ports: { internal: INTERNAL, controller: CONTROLLER }
users:
  admin: { allow: [all] }
  mallory: { auth: mtls }
";

/// What is added to the spec while the story goes on.
pub(crate) const ALICE: &str = "  alice: { allow: [\"read,write topic:pears\", \"read group:alice-*\"] }\n";

pub(crate) struct World {
    pub(crate) product: Product,
    /// The Kafka that was asked for, if one was.
    pub(crate) kafka: Option<String>,
    spec: String,
    python: Option<Python>,
}

/// What must outlast restarts: the cluster's id, and each node's id and directory id by slot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    cluster: String,
    nodes: BTreeMap<String, (i64, String)>,
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        let mut spec = with_own_ports(SPEC);
        let kafka = std::env::var(VERSION).ok();
        if let Some(version) = &kafka {
            spec.insert_str(0, &format!("kafka: {version}\n"));
        }
        Ok(Self { product: Product::empty("root")?, kafka, spec, python: None })
    }

    /// `klamm up` with the spec as it is now; must end well.
    pub(crate) fn up(&self) -> Result<Ran> {
        let spec = self.product.write_spec(&self.spec)?;
        let ran = self.product.run(["up".as_ref(), "-f".as_ref(), spec.as_os_str()])?;
        ensure!(ran.code == Some(0), "{ran}");
        Ok(ran)
    }

    /// Gives the whole cluster these settings and no others.
    pub(crate) fn set_config(&mut self, settings: &str) {
        let others = self.spec.lines().filter(|line| !line.starts_with("config:"));
        self.spec = others.map(|line| format!("{line}\n")).collect();
        self.spec.push_str(&format!("config: {{ {settings} }}\n"));
    }

    /// Adds lines to the spec, once.
    pub(crate) fn extend_spec(&mut self, lines: &str) {
        if !self.spec.contains(lines) {
            self.spec.push_str(lines);
        }
    }

    /// The cluster, which must be ready.
    pub(crate) fn ready(&self) -> Result<Status> {
        self.up()?;
        let status = self.product.status()?;
        ensure!(status.is_ready(), "up ended well, but {status:?}");
        Ok(status)
    }

    pub(crate) fn python(&mut self) -> Result<&Python> {
        if self.python.is_none() {
            self.python = Some(Python::ensure()?);
        }
        self.python.as_ref().context("it was made just now")
    }

    /// A new topic with `partitions`; it is there already when a case runs again.
    pub(crate) fn topic(&self, name: &str, partitions: u32) -> Result<()> {
        self.product.klamm(["topic", "create", name, "--partitions", &partitions.to_string()])?;
        Ok(())
    }

    pub(crate) fn admin(&self, format: Format) -> Result<ClientFiles> {
        ClientFiles::write(&self.product, "admin", format)
    }

    /// As the disks tell it, which must be what `status` tells.
    pub(crate) fn identity(&self) -> Result<Identity> {
        let status = self.product.status()?;
        let mut nodes = BTreeMap::new();
        for path in self.product.files()? {
            if !path.ends_with("data/meta.properties") || is_of_throwaway(&path) {
                continue;
            }
            let slot =
                path.ancestors().nth(2).and_then(|folder| folder.file_name()).context("a slot's folder")?;
            let slot = slot.to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let value = |key: &str| {
                text.lines()
                    .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                    .map(str::to_owned)
                    .with_context(|| format!("{} has no {key}", path.display()))
            };
            ensure!(
                value("cluster.id")? == status.id,
                "{} is of another cluster than {}",
                path.display(),
                status.id
            );
            let node_id: i64 = value("node.id")?.parse()?;
            let shown = status.nodes.get(&slot).with_context(|| format!("status has no {slot}"))?;
            ensure!(shown.node_id == node_id, "{slot} is {node_id} on disk and {} in status", shown.node_id);
            nodes.insert(slot, (node_id, value("directory.id")?));
        }
        ensure!(nodes.len() == status.nodes.len(), "{} disks of {} nodes", nodes.len(), status.nodes.len());
        Ok(Identity { cluster: status.id, nodes })
    }

    /// Writes a few records with the product's own command.
    pub(crate) fn write_lines(&self, topic: &str, lines: &str) -> Result<()> {
        let input = self.product.beside("input")?.join("lines");
        fs::write(&input, lines).context("writing the input")?;
        let file = fs::File::open(&input).context("opening the input")?;
        let status =
            self.product.command(["produce", topic]).stdin(file).status().context("starting produce")?;
        ensure!(status.success(), "produce ended with {status}");
        Ok(())
    }

    /// All values of a topic, sorted, as its partitions are read side by side.
    pub(crate) fn read_lines(&self, topic: &str) -> Result<Vec<String>> {
        let told = self.product.klamm(["consume", topic, "--from-beginning", "--exit-at-end"])?;
        let mut lines: Vec<String> = told.lines().map(str::to_owned).collect();
        lines.sort();
        Ok(lines)
    }
}
