//! `klamm cert …`: certificates.

use std::collections::BTreeMap;

use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use klamm_core::api::{CertificateRow, Certificates};
use klamm_pki::renew_at;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::kafka_session::LIFETIME;
use crate::output::{self, Field, Format, Keep, Table, Tone, age, print_json, until};

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
        /// Those too that were replaced, and those that commands such as `klamm produce` got for ten minutes
        #[arg(long)]
        all: bool,
    },
}

pub(crate) async fn run(
    invocation: &Invocation,
    Args { verb: Verb::List { all } }: Args,
) -> Result<u8, CliError> {
    let mut certificates = invocation.ask_about(async |api, cluster| api.certificates(cluster).await).await?;
    let left_out = if all { LeftOut::default() } else { leave_out(&mut certificates.certificates) };
    certificates.certificates.sort_by(|a, b| (a.not_after, &a.serial).cmp(&(b.not_after, &b.serial)));
    match invocation.terminal.format {
        Format::Json => print_json(&certificates)?,
        Format::Table => {
            let table = table(&certificates, Timestamp::now());
            output::print(&table.render(invocation.terminal.width, invocation.terminal.color))?;
            if let Some(told) = left_out.describe() {
                invocation.terminal.tell(&told);
            }
        }
    }
    Ok(exit::DONE)
}

/// What is not worth a line each.
#[derive(Debug, Default)]
struct LeftOut {
    of_commands: usize,
    replaced: usize,
}

impl LeftOut {
    fn describe(&self) -> Option<String> {
        let Self { of_commands, replaced } = self;
        let parts = [(of_commands, "of single commands"), (replaced, "replaced")];
        let parts = parts.iter().filter(|(number, _)| **number > 0);
        let parts: Vec<_> = parts.map(|(number, what)| format!("{number} {what}")).collect();
        (!parts.is_empty()).then(|| format!("not shown: {}; `--all` shows them", parts.join(", ")))
    }
}

/// Leaves out what a command got for itself, and what its holder has replaced: of those who keep one certificate at a
/// time only the newest is in use.
fn leave_out(rows: &mut Vec<CertificateRow>) -> LeftOut {
    let all = rows.len();
    rows.retain(|row| !is_of_a_command(row));
    let of_commands = all - rows.len();
    let mut newest: BTreeMap<(String, String, String), Timestamp> = BTreeMap::new();
    for row in rows.iter() {
        let begun = newest.entry(holder(row)).or_insert(row.not_before);
        *begun = row.not_before.max(*begun);
    }
    rows.retain(|row| row.kind == "user" || newest.get(&holder(row)) == Some(&row.not_before));
    LeftOut { of_commands, replaced: all - of_commands - rows.len() }
}

fn holder(row: &CertificateRow) -> (String, String, String) {
    (row.kind.clone(), row.subject.clone(), row.place.clone())
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
