//! A server of its own, which hosts join.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UnixListener};

use klamm_agent::host_name;
use klamm_server::{Contact, Reach, Server, ServerError, ServerOptions};

use crate::signals::stop_asked;
use crate::{DaemonError, Folders, Part, bind, lock, supplies};

/// What a person says when a server starts. What is not said is as it was the last time.
#[derive(Debug, Clone, Default)]
pub struct ServerArguments {
    /// Where it listens for agents; port 0 takes any.
    pub listen: Option<SocketAddr>,
    /// The name or address under which hosts reach it; without it the address it listens on, or the machine's name.
    pub advertise: Option<String>,
}

/// Where a server listens, remembered: hosts find it there also after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Listening {
    version: u32,
    listen: SocketAddr,
    advertise: Option<String>,
}

const LISTENING_VERSION: u32 = 1;

pub(crate) fn listening_file(folders: &Folders) -> PathBuf {
    folders.state.join("server").join("listening.json")
}

impl Listening {
    /// What was said, and else what was said before.
    fn choose(folders: &Folders, said: ServerArguments) -> Result<Self, DaemonError> {
        let path = listening_file(folders);
        let before: Option<Self> = match klamm_disk::read_file(&path)? {
            Some(content) => Some(
                serde_json::from_slice(&content).map_err(|source| DaemonError::Listening { path, source })?,
            ),
            None => None,
        };
        let ServerArguments { listen, advertise } = said;
        let listen = listen.or(before.as_ref().map(|before| before.listen)).ok_or(DaemonError::NoListen)?;
        let advertise = advertise.or(before.and_then(|before| before.advertise));
        Ok(Self { version: LISTENING_VERSION, listen, advertise })
    }

    fn remember(&self, folders: &Folders) -> Result<(), DaemonError> {
        let content = serde_json::to_vec_pretty(self).expect("it has only string keys");
        Ok(klamm_disk::replace_file(&listening_file(folders), &content)?)
    }

    /// How agents find the server, and what its certificate says.
    fn contact(&self) -> Contact {
        let own = self.listen.ip();
        let advertised = match &self.advertise {
            Some(advertised) => advertised.clone(),
            None if own.is_unspecified() => host_name(),
            None => own.to_string(),
        };
        let mut names = vec!["localhost".to_owned()];
        let mut addresses: Vec<IpAddr> = Some(own).filter(|own| !own.is_unspecified()).into_iter().collect();
        let host = match advertised.parse::<IpAddr>() {
            Ok(address) => {
                addresses.extend(Some(address).filter(|address| *address != own));
                SocketAddr::new(address, self.listen.port()).to_string()
            }
            Err(_) => {
                names.push(advertised.clone());
                format!("{advertised}:{}", self.listen.port())
            }
        };
        Contact { url: format!("https://{host}"), names, addresses }
    }
}

/// Runs until it is asked to end.
pub async fn run_server(folders: Folders, arguments: ServerArguments) -> Result<(), DaemonError> {
    folders.ensure()?;
    let _lock = lock(&folders, Part::Server).await?;
    let mut listening = Listening::choose(&folders, arguments)?;
    let failed = |what: String| move |source| DaemonError::Socket { what, source };
    let agents = TcpListener::bind(listening.listen).await.map_err(failed(listening.listen.to_string()))?;
    listening.listen = agents.local_addr().map_err(failed("the agents' port".to_owned()))?;
    listening.remember(&folders)?;
    let contact = listening.contact();
    let server = Server::open(ServerOptions { folder: folders.state.join("server"), supplies: supplies() })?;
    let people = bind(&folders.socket()).map_err(failed(folders.socket().display().to_string()))?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), url = contact.url, "the server runs");
    serve_until_asked(&server, people, agents, Reach::Fleet(contact)).await?;
    tracing::info!("the server ends; its hosts go on");
    Ok(())
}

/// Serves until the server ends, or the process is asked to; who asks the server something then still gets an answer.
pub(crate) async fn serve_until_asked(
    server: &Arc<Server>,
    people: UnixListener,
    agents: TcpListener,
    reach: Reach,
) -> Result<(), ServerError> {
    let mut serving = std::pin::pin!(server.serve(people, agents, reach));
    tokio::select! {
        served = &mut serving => served,
        () = stop_asked() => {
            server.stop();
            serving.await
        }
    }
}

#[cfg(test)]
mod tests {
    use klamm_artifacts::SourceFiles;

    use super::*;

    fn listening(listen: &str, advertise: Option<&str>) -> Listening {
        let advertise = advertise.map(ToOwned::to_owned);
        Listening { version: LISTENING_VERSION, listen: listen.parse().unwrap(), advertise }
    }

    #[test]
    fn a_server_is_found_under_what_it_advertises_and_its_certificate_says_the_same() {
        let contact = listening("10.0.0.5:7420", None).contact();
        assert_eq!(contact.url, "https://10.0.0.5:7420");
        assert_eq!(contact.addresses, ["10.0.0.5".parse::<IpAddr>().unwrap()]);
        let contact = listening("0.0.0.0:7420", Some("klamm.example")).contact();
        assert_eq!(contact.url, "https://klamm.example:7420");
        assert_eq!(contact.names, ["localhost", "klamm.example"]);
        assert!(contact.addresses.is_empty());
        assert_eq!(listening("[::1]:7", None).contact().url, "https://[::1]:7");
    }

    #[test]
    fn what_is_not_said_is_as_it_was_and_the_first_time_it_must_be_said() {
        let folder = tempfile::tempdir().unwrap();
        let below = |name: &str| folder.path().join(name);
        let folders = Folders {
            state: below("state"),
            logs: below("log"),
            run: below("run"),
            cache: below("cache"),
            sources: SourceFiles::in_folder(folder.path()),
        };
        let nothing = ServerArguments::default;
        assert!(matches!(Listening::choose(&folders, nothing()), Err(DaemonError::NoListen)));
        let said = ServerArguments { listen: Some("127.0.0.1:7420".parse().unwrap()), advertise: None };
        Listening::choose(&folders, said).unwrap().remember(&folders).unwrap();
        assert_eq!(Listening::choose(&folders, nothing()).unwrap(), listening("127.0.0.1:7420", None));
    }
}
