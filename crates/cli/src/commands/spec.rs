//! `klamm spec …`: specs without a cluster.

mod kafka_key;

use std::path::PathBuf;

use clap::Subcommand;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Format, print_json, tell};
use crate::specs;

/// Check, show and explain specs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check a spec: all problems at once, each with its place, the reason and what to write instead
    Check {
        /// The spec; `-` reads standard input
        #[arg(value_name = "FILE", default_value = specs::FILE)]
        file: PathBuf,
    },
    /// Print the spec that the cluster has
    Show,
    /// Explain a key: `heap`, in full `pools.NAME.heap`, or one of Kafka's own such as `num.network.threads`
    Explain {
        /// The key
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Print the JSON Schema of specs, for editors
    Schema,
}

pub(crate) async fn run(invocation: &Invocation, Args { verb }: Args) -> Result<u8, CliError> {
    match verb {
        Verb::Check { file } => check(invocation, &file)?,
        Verb::Show => {
            let text = invocation.ask_about(async |api, cluster| api.spec(cluster).await).await?;
            output::print(&text)?;
        }
        Verb::Explain { key } => output::print(&explain(&key)?)?,
        Verb::Schema => output::print(&klamm_spec::json_schema())?,
    }
    Ok(exit::DONE)
}

fn check(invocation: &Invocation, file: &std::path::Path) -> Result<(), CliError> {
    let (text, file) = specs::read(file)?;
    let checked = specs::check_text(&text, &file);
    let terminal = &invocation.terminal;
    if let Format::Json = terminal.format {
        print_json(&checked.problems)?;
    }
    let Some(cluster) = &checked.cluster else {
        return Err(specs::refused(&checked, &text, &file, terminal));
    };
    if let Format::Table = terminal.format {
        let warnings =
            klamm_spec::render(&checked.problems, &text, terminal.width.unwrap_or(100), terminal.error_color);
        if !warnings.is_empty() {
            tell(warnings.trim_end());
        }
        terminal.tell(&format!("{file} is a sound spec of cluster {}", cluster.name));
    }
    Ok(())
}

fn explain(key: &str) -> Result<String, CliError> {
    let explanations = klamm_spec::explain(key);
    if explanations.is_empty() {
        if let Some(text) = kafka_key::explain(key) {
            return Ok(text);
        }
        return Err(CliError::NoSuchKey { key: key.to_owned() });
    }
    let texts = explanations.iter().map(|explanation| {
        let klamm_spec::Explanation { path, doc, value, default, example, keys } = explanation;
        let default = default.map_or_else(|| "must be given".to_owned(), str::to_owned);
        let mut text =
            format!("{path}\n  {doc}\n  value:    {value}\n  default:  {default}\n  example:  {example}\n");
        if !keys.is_empty() {
            text.push_str(&format!("  keys:     {}\n", keys.join(", ")));
        }
        text
    });
    Ok(texts.collect::<Vec<_>>().join("\n"))
}
