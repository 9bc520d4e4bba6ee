//! `klamm cert …`: certificates.

use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use klamm_core::api::{CertificateRow, Certificates};
use klamm_pki::renew_at;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::kafka_session::LIFETIME;
use crate::output::{self, Field, Format, Keep, Table, Tone, age, count, print_json, tell, until};

/// Look at certificates
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the certificates that the server knows of, the first to expire first
    List {
        /// Those too that commands such as `klamm produce` got for ten minutes, with keys that no file ever held
        #[arg(long)]
        all: bool,
    },
}

pub(crate) async fn run(
    invocation: &Invocation,
    Args { verb: Verb::List { all } }: Args,
) -> Result<u8, CliError> {
    let api = invocation.api()?;
    let cluster = invocation.choose_cluster(&api).await?;
    let mut certificates = api.certificates(&cluster).await?;
    let known = certificates.certificates.len();
    certificates.certificates.retain(|row| all || !is_of_a_command(row));
    let left_out = known - certificates.certificates.len();
    certificates.certificates.sort_by(|a, b| (a.not_after, &a.serial).cmp(&(b.not_after, &b.serial)));
    match invocation.terminal.format {
        Format::Json => print_json(&certificates)?,
        Format::Table => {
            let table = table(&certificates, Timestamp::now());
            output::print(&table.render(invocation.terminal.width, invocation.terminal.color))?;
            if left_out > 0 {
                tell(&format!("and {} of single commands, see --all", count(left_out, "certificate")));
            }
        }
    }
    Ok(exit::DONE)
}

/// Whether a command of ours got it for itself.
fn is_of_a_command(row: &CertificateRow) -> bool {
    row.kind == "user" && row.not_after.duration_since(row.not_before).unsigned_abs() <= LIFETIME
}

fn table(certificates: &Certificates, now: Timestamp) -> Table {
    let mut table = Table::new(&[
        ("KIND", Keep::Always),
        ("SUBJECT", Keep::Always),
        ("EXPIRES IN", Keep::Always),
        ("AGE", Keep::WithRoom(1)),
        ("PLACE", Keep::WithRoom(2)),
        ("ISSUER", Keep::WithRoom(3)),
        ("SERIAL", Keep::WithRoom(4)),
    ]);
    for row in &certificates.certificates {
        let CertificateRow { kind, subject, serial, issuer, not_before, not_after, place } = row;
        table.row([
            Field::plain(kind),
            Field::plain(subject),
            Field::toned(until(now, *not_after), tone(now, *not_before, *not_after)),
            Field::plain(age(now, *not_before)),
            Field::plain(place),
            Field::plain(issuer),
            Field::plain(serial),
        ]);
    }
    table
}

/// A certificate past two thirds of its life should have been renewed; one past its life is of no use.
fn tone(now: Timestamp, not_before: Timestamp, not_after: Timestamp) -> Tone {
    if not_after.duration_since(now) < SignedDuration::ZERO {
        Tone::Bad
    } else if renew_at(not_before, not_after) < now {
        Tone::Notice
    } else {
        Tone::Plain
    }
}
