//! `klamm client-config`: files with which programs of others connect.

use std::path::PathBuf;

use jiff::Timestamp;
use klamm_core::api::UserCertificate;
use klamm_core::model::UserName;
use klamm_core::render::client::{
    CERTIFICATE, ClientContext, ClientFormat, KEY, KEYSTORE, TRUST, render_client,
};
use klamm_disk::{ensure_folder, replace_file};
use klamm_pki::Credential;
use serde::Serialize;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::kafka_session::{access_example, obtain};
use crate::lifetime::Lifetime;
use crate::output::{Format, print_json, until};

/// Write the files with which another program connects
///
/// A key is made here and never leaves this folder; the server certifies it. The folder gets `key.pem`,
/// `certificate.pem`, `keystore.pem` (both in one), `ca.pem`, and the file that programs of the chosen kind read:
/// `client.properties`, `librdkafka.conf`, `kafka_client.py` or `kafka.env`. Only its owner may read them. Run it
/// again before the certificate expires.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm client-config --user alice --format java --out alice
      kafka-console-consumer.sh --command-config alice/client.properties ...
  klamm client-config --user alice --format librdkafka --out alice
      kcat -F alice/librdkafka.conf -L
  klamm client-config --user alice --format env --out alice
      . alice/kafka.env")]
pub(crate) struct Args {
    /// The user; the spec says what each may do
    #[arg(long, value_name = "NAME")]
    user: UserName,
    /// Who reads the files
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "java")]
    format: FormatArg,
    /// The folder; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How long the certificate lives, such as 90d or 12h; without it as the spec says
    #[arg(long, value_name = "TIME")]
    lifetime: Option<Lifetime>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArg {
    /// Java clients and Kafka's own tools
    Java,
    /// kcat and everything on librdkafka
    Librdkafka,
    /// kafka-python and aiokafka
    Python,
    /// Shells and twelve-factor programs
    Env,
}

#[derive(Debug, Serialize)]
struct Written {
    user: UserName,
    folder: String,
    files: Vec<String>,
    bootstrap: String,
    not_after: Timestamp,
    known_user: bool,
}

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let Args { user, format, out, lifetime } = args;
    let folder = std::path::absolute(&out)
        .map_err(|source| CliError::Write { path: out.display().to_string(), source })?;
    let Some(folder) = folder.to_str() else { return Err(CliError::NotUtf8 { path: folder }) };
    let lifetime = lifetime.map(|Lifetime(lifetime)| lifetime);
    let issuing = invocation.ask_about(async |api, cluster| {
        let issued = obtain(api, cluster, &user, lifetime, "klamm client-config").await?;
        Ok((cluster.clone(), issued))
    });
    let (cluster, (credential, issued)) = issuing.await?;
    let format = match format {
        FormatArg::Java => ClientFormat::Java,
        FormatArg::Librdkafka => ClientFormat::Librdkafka,
        FormatArg::Python => ClientFormat::Python,
        FormatArg::Env => ClientFormat::Env,
    };
    let context = ClientContext { cluster: &cluster, user: &user, bootstrap: &issued.bootstrap, folder };
    let file = render_client(format, &context);
    let files = write(folder, &credential, &issued, (file.name, &file.text))?;
    let written = Written {
        user,
        folder: folder.to_owned(),
        files,
        bootstrap: issued.bootstrap,
        not_after: issued.not_after,
        known_user: issued.known_user,
    };
    match invocation.terminal.format {
        Format::Json => print_json(&written)?,
        Format::Table => invocation.terminal.tell(&describe(&written)),
    }
    Ok(exit::DONE)
}

/// Writes all files, each whole or not at all, the one that names the others last; their names.
fn write(
    folder: &str,
    credential: &Credential,
    issued: &UserCertificate,
    (name, text): (&str, &str),
) -> Result<Vec<String>, CliError> {
    let folder = PathBuf::from(folder);
    ensure_folder(&folder)?;
    let (key, keystore) = (credential.key().to_pem(), credential.keystore_pem());
    let files = [
        (KEY, key.as_bytes()),
        (CERTIFICATE, credential.chain_pem().as_bytes()),
        (KEYSTORE, keystore.as_bytes()),
        (TRUST, issued.trust.as_bytes()),
        (name, text.as_bytes()),
    ];
    for (name, content) in files {
        replace_file(&folder.join(name), content)?;
    }
    Ok(files.iter().map(|(name, _)| (*name).to_owned()).collect())
}

fn describe(written: &Written) -> String {
    let Written { user, folder, files, bootstrap: _, not_after, known_user } = written;
    let mut text = format!(
        "wrote {} to {folder}\nthe certificate of user {user} expires in {}",
        files.join(", "),
        until(Timestamp::now(), *not_after)
    );
    if !known_user {
        text.push_str(&format!(
            "\nuser {user} may connect but do nothing yet: add to the spec, such as {}, then `klamm up`",
            access_example(user)
        ));
    }
    text
}
