//! The fleet: which process is where, and how it is started again.

use std::fs::File;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{ClientFiles, Format, Load, Process, Product, Python, Ran, Role, Status, poll, with_own_ports};
use jiff::Timestamp;
use serde_json::Value;

/// A process that starts, or ends, on a slow machine.
const SOON: Duration = Duration::from_secs(30);

/// A start on a machine that is busy with other things too, after Kafka has waited for the session of a killed broker
/// (9 s) to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// Addresses of the hosts: the loopback network has plenty, so that the same port is free on each.
const HOSTS: [(&str, &str); 3] = [("alpha", "127.0.20.1"), ("beta", "127.0.20.2"), ("gamma", "127.0.20.3")];

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
";

/// A product and the one process of it that runs in the foreground.
pub(crate) struct Service {
    pub(crate) product: Product,
    verb: &'static [&'static str],
    role: Role,
    child: Option<Child>,
}

pub(crate) struct Host {
    pub(crate) name: &'static str,
    pub(crate) address: &'static str,
    pub(crate) service: Service,
}

pub(crate) struct World {
    pub(crate) server: Service,
    pub(crate) hosts: Vec<Host>,
    spec: String,
    python: Option<Python>,
}

impl Service {
    fn new(name: &str, verb: &'static [&'static str], role: Role) -> Result<Self> {
        Ok(Self { product: Product::empty(name)?, verb, role, child: None })
    }

    /// Starts it unless it runs.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        if self.process()?.is_some() {
            return Ok(());
        }
        let log = self.product.beside("log")?.join(self.verb[0]);
        let log = File::options().create(true).append(true).open(log).context("opening a log")?;
        let mut command = self.product.command(self.verb);
        self.child = Some(command.stderr(log).stdout(Stdio::null()).spawn().context("starting a service")?);
        Ok(())
    }

    /// Its process, if it runs.
    pub(crate) fn process(&self) -> Result<Option<Process>> {
        Ok(self.product.processes_of(self.role)?.into_iter().next())
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let process = self.process()?.context("it does not run")?;
        process.kill()?;
        self.wait().map(drop)
    }

    /// Ends it with SIGTERM and gives its exit code.
    pub(crate) fn end(&mut self) -> Result<Option<i32>> {
        self.process()?.context("it does not run")?.terminate()?;
        self.wait()
    }

    fn wait(&mut self) -> Result<Option<i32>> {
        let child = self.child.as_mut().context("it was not started here")?;
        let status = poll("a process to end", SOON, || child.try_wait()?.context("it goes on"))?;
        self.child = None;
        Ok(status.code())
    }
}

impl Host {
    /// Its node's process, if it runs.
    pub(crate) fn node(&self) -> Result<Option<Process>> {
        Ok(self.service.product.processes_of(Role::Node)?.into_iter().next())
    }
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        let hosts = HOSTS.into_iter().map(|(name, address)| {
            Ok(Host { name, address, service: Service::new(name, &["agent", "run"], Role::Agent)? })
        });
        let server = &["server", "--listen", "127.0.0.1:0"];
        Ok(Self {
            server: Service::new("server", server, Role::Server)?,
            hosts: hosts.collect::<Result<_>>()?,
            spec: with_own_ports(SPEC),
            python: None,
        })
    }

    /// Starts the server, as the first time or where it was.
    pub(crate) fn ensure_server(&mut self) -> Result<()> {
        self.server.ensure_running()?;
        poll("the server to answer", SOON, || self.server.product.klamm(["host", "list"]).map(drop))?;
        // From now on as it remembers.
        self.server.verb = &["server"];
        Ok(())
    }

    /// A new token for a host of that name, or of one with that beginning, in a file.
    pub(crate) fn token_for(&self, name: &str) -> Result<String> {
        let token = self.server.product.klamm(["token", "create", "--host", name])?;
        let path = self.server.product.beside("tokens")?.join("token");
        std::fs::write(&path, token).context("writing the token")?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Every host has joined, its agent runs and was heard just now; what it said before counts for nothing.
    pub(crate) fn ensure_fleet(&mut self) -> Result<()> {
        self.ensure_server()?;
        let begun = Timestamp::now();
        for index in 0..self.hosts.len() {
            let joined =
                self.hosts[index].service.product.root().join("state/agent/membership.json").exists();
            if !joined {
                let Host { name, address, service } = &self.hosts[index];
                let token = self.token_for(name)?;
                service.product.klamm([
                    "agent",
                    "join",
                    "--token-file",
                    &token,
                    "--name",
                    name,
                    "--address",
                    address,
                ])?;
            }
            self.hosts[index].service.ensure_running()?;
        }
        poll("all hosts to be heard", SOON, || {
            let seen = self.hosts_seen()?;
            let is_heard = |host: &Host| {
                seen.iter().any(|(name, at)| name == host.name && at.is_some_and(|at| at > begun))
            };
            ensure!(self.hosts.iter().all(is_heard), "{seen:?}");
            Ok(())
        })
    }

    /// Waits until every node serves. An agent that takes its node over looks at it before it says so.
    pub(crate) fn await_ready(&self) -> Result<Status> {
        poll("every node to serve", PATIENCE, || {
            let status = self.server.product.status()?;
            ensure!(status.is_ready(), "{status:?}");
            Ok(status)
        })
    }

    /// The names of the hosts, and when they were heard.
    pub(crate) fn hosts_seen(&self) -> Result<Vec<(String, Option<Timestamp>)>> {
        let told = self.server.product.klamm(["host", "list", "--output", "json"])?;
        let told: Value = serde_json::from_str(&told).with_context(|| format!("host list printed {told}"))?;
        let hosts = told["hosts"].as_array().context("there is no list of hosts")?;
        let seen_at = |host: &Value| host["seen"].as_str().and_then(|at| at.parse().ok());
        let mut seen: Vec<(String, Option<Timestamp>)> = hosts
            .iter()
            .map(|host| (host["name"].as_str().unwrap_or_default().to_owned(), seen_at(host)))
            .collect();
        seen.sort();
        Ok(seen)
    }

    /// The cluster, which must be ready.
    pub(crate) fn ready(&mut self) -> Result<Status> {
        self.ensure_fleet()?;
        self.up()?;
        let status = self.server.product.status()?;
        ensure!(status.is_ready() && status.nodes.len() == 3, "up ended well, but {status:?}");
        Ok(status)
    }

    /// `klamm up` with the spec as it is now; must end well.
    pub(crate) fn up(&self) -> Result<Ran> {
        let spec = self.server.product.write_spec(&self.spec)?;
        let ran = self.server.product.run(["up".as_ref(), "-f".as_ref(), spec.as_os_str()])?;
        ensure!(ran.code == Some(0), "{ran}");
        Ok(ran)
    }

    /// Gives the whole cluster these settings, and begins the change; nobody waits for it.
    pub(crate) fn begin_change(&mut self, settings: &str) -> Result<()> {
        self.spec.push_str(&format!("config: {{ {settings} }}\n"));
        let spec = self.server.product.write_spec(&self.spec)?.to_string_lossy().into_owned();
        self.server.product.klamm(["apply", "-f", &spec, "--yes", "--detach"])?;
        Ok(())
    }

    /// Where the newest run is.
    pub(crate) fn run_state(&self) -> Result<Value> {
        let told = self.server.product.klamm(["run", "list", "--output", "json"])?;
        let told: Value = serde_json::from_str(&told).with_context(|| format!("run list printed {told}"))?;
        Ok(told["runs"][0]["state"].clone())
    }

    /// Nothing is left to do.
    pub(crate) fn plan_is_empty(&self) -> Result<()> {
        let plan = self.server.product.run(["plan"])?;
        ensure!(plan.code == Some(0), "{plan}");
        Ok(())
    }

    pub(crate) fn python(&mut self) -> Result<&Python> {
        if self.python.is_none() {
            self.python = Some(Python::ensure()?);
        }
        self.python.as_ref().context("it was made just now")
    }

    /// A client that writes to a new topic, and the files with which it does.
    pub(crate) fn writing(&mut self, topic: &str, partitions: u32) -> Result<(Load, ClientFiles)> {
        self.server.product.klamm(["topic", "create", topic, "--partitions", &partitions.to_string()])?;
        let files = ClientFiles::write(&self.server.product, "admin", Format::Librdkafka)?;
        Ok((Load::start(self.python()?, &files, topic, partitions)?, files))
    }

    /// The nodes' processes, host by host.
    pub(crate) fn node_pids(&self) -> Result<Vec<Vec<i32>>> {
        self.hosts.iter().map(|host| host.service.product.node_pids()).collect()
    }
}
