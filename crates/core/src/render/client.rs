//! Files with which programs of others connect: each format as its client library reads it.

use crate::model::{ClusterName, UserName};

use super::properties::Properties;

/// Who reads the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientFormat {
    /// `client.properties` for Java clients and Kafka's own tools.
    Java,
    /// `librdkafka.conf` for kcat and everything on librdkafka.
    Librdkafka,
    /// `kafka_client.py` with the arguments of kafka-python and aiokafka.
    Python,
    /// `kafka.env` for shells and twelve-factor programs.
    Env,
}

/// What the files say.
#[derive(Debug, Clone)]
pub struct ClientContext<'a> {
    /// Of which cluster.
    pub cluster: &'a ClusterName,
    /// For which user.
    pub user: &'a UserName,
    /// `HOST:PORT,…`.
    pub bootstrap: &'a str,
    /// The absolute folder that the files are written to.
    pub folder: &'a str,
}

/// A file for a client, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFile {
    /// Its name in the folder.
    pub name: &'static str,
    /// Its content.
    pub text: String,
}

/// Key and chain in one PEM file, as Java wants them.
pub const KEYSTORE: &str = "keystore.pem";
/// The key alone.
pub const KEY: &str = "key.pem";
/// The certificate and its chain.
pub const CERTIFICATE: &str = "certificate.pem";
/// What the brokers' certificates are verified with.
pub const TRUST: &str = "ca.pem";

/// Renders the file that the format's clients read.
pub fn render_client(format: ClientFormat, client: &ClientContext<'_>) -> ClientFile {
    match format {
        ClientFormat::Java => ClientFile { name: "client.properties", text: render_java(client) },
        ClientFormat::Librdkafka => ClientFile { name: "librdkafka.conf", text: render_librdkafka(client) },
        ClientFormat::Python => ClientFile { name: "kafka_client.py", text: render_python(client) },
        ClientFormat::Env => ClientFile { name: "kafka.env", text: render_env(client) },
    }
}

fn origin(client: &ClientContext<'_>) -> String {
    format!("user {} of cluster {}, written by klamm client-config", client.user, client.cluster)
}

fn render_java(client: &ClientContext<'_>) -> String {
    let folder = client.folder;
    let mut file = Properties::new(&origin(client));
    file.set("bootstrap.servers", client.bootstrap);
    file.set("security.protocol", "SSL");
    file.set("ssl.keystore.type", "PEM");
    file.set("ssl.keystore.location", &format!("{folder}/{KEYSTORE}"));
    file.set("ssl.truststore.type", "PEM");
    file.set("ssl.truststore.location", &format!("{folder}/{TRUST}"));
    file.into_text()
}

fn render_librdkafka(client: &ClientContext<'_>) -> String {
    let folder = client.folder;
    format!(
        "# {}\nbootstrap.servers={}\nsecurity.protocol=ssl\nssl.key.location={folder}/{KEY}\n\
         ssl.certificate.location={folder}/{CERTIFICATE}\nssl.ca.location={folder}/{TRUST}\n",
        origin(client),
        client.bootstrap
    )
}

fn render_python(client: &ClientContext<'_>) -> String {
    let folder = python_text(client.folder);
    let bootstrap = python_text(client.bootstrap);
    format!(
        "\"\"\"{}.

kafka-python:  KafkaProducer(**kafka_client.KAFKA_PYTHON)
aiokafka:      AIOKafkaProducer(**kafka_client.aiokafka())
\"\"\"

import os

FOLDER = {folder}
BOOTSTRAP_SERVERS = {bootstrap}

KAFKA_PYTHON = {{
    \"bootstrap_servers\": BOOTSTRAP_SERVERS.split(\",\"),
    \"security_protocol\": \"SSL\",
    \"ssl_cafile\": os.path.join(FOLDER, \"{TRUST}\"),
    \"ssl_certfile\": os.path.join(FOLDER, \"{CERTIFICATE}\"),
    \"ssl_keyfile\": os.path.join(FOLDER, \"{KEY}\"),
    \"ssl_check_hostname\": True,
}}


def aiokafka():
    import ssl

    context = ssl.create_default_context(cafile=KAFKA_PYTHON[\"ssl_cafile\"])
    context.load_cert_chain(KAFKA_PYTHON[\"ssl_certfile\"], KAFKA_PYTHON[\"ssl_keyfile\"])
    return {{\"bootstrap_servers\": BOOTSTRAP_SERVERS, \"security_protocol\": \"SSL\", \"ssl_context\": context}}
",
        origin(client)
    )
}

/// A Python string literal.
fn python_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn render_env(client: &ClientContext<'_>) -> String {
    let folder = client.folder;
    let lines = [
        ("KAFKA_BOOTSTRAP_SERVERS", client.bootstrap.to_owned()),
        ("KAFKA_SECURITY_PROTOCOL", "SSL".to_owned()),
        ("KAFKA_SSL_KEY_LOCATION", format!("{folder}/{KEY}")),
        ("KAFKA_SSL_CERTIFICATE_LOCATION", format!("{folder}/{CERTIFICATE}")),
        ("KAFKA_SSL_CA_LOCATION", format!("{folder}/{TRUST}")),
        ("KAFKA_SSL_KEYSTORE_TYPE", "PEM".to_owned()),
        ("KAFKA_SSL_KEYSTORE_LOCATION", format!("{folder}/{KEYSTORE}")),
        ("KAFKA_SSL_TRUSTSTORE_TYPE", "PEM".to_owned()),
        ("KAFKA_SSL_TRUSTSTORE_LOCATION", format!("{folder}/{TRUST}")),
    ];
    let lines = lines.iter().map(|(name, value)| format!("export {name}={}\n", shell_text(value)));
    format!("# {}\n", origin(client)) + &lines.collect::<String>()
}

/// A word of a shell, quoted.
fn shell_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> (ClusterName, UserName) {
        ("dev".parse().unwrap(), "alice".parse().unwrap())
    }

    #[test]
    fn a_folder_with_spaces_and_quotes_survives_every_format() {
        let (cluster, user) = context();
        let client = ClientContext {
            cluster: &cluster,
            user: &user,
            bootstrap: "localhost:9092",
            folder: "/tmp/it's \"a\" dir",
        };
        let text = |format| render_client(format, &client).text;
        assert!(text(ClientFormat::Env).contains("KEY_LOCATION='/tmp/it'\\''s \"a\" dir/key.pem'"));
        assert!(text(ClientFormat::Python).contains("FOLDER = \"/tmp/it's \\\"a\\\" dir\""));
        assert!(text(ClientFormat::Java).contains("ssl.keystore.location=/tmp/it's \"a\" dir/keystore.pem"));
        assert!(text(ClientFormat::Librdkafka).contains("ssl.ca.location=/tmp/it's \"a\" dir/ca.pem"));
    }
}
