//! Writes the jar itself, not with the JDK's tool: sorted entries, one fixed time, stored without compression, so that the
//! same classes give the same bytes on every machine and with every version of a compressor.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;

use anyhow::Context;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Rises when the classes change their behaviour; shown by nothing but the manifest, targets name the jar by digest.
const VERSION: &str = "1";

/// The jar of all classes below a folder.
pub(super) fn write(classes: &Path) -> anyhow::Result<Vec<u8>> {
    let mut files = Vec::new();
    super::collect_files(classes, "class", &mut files)?;
    let mut entries = BTreeMap::new();
    for file in files {
        let name = file.strip_prefix(classes).context("naming a class")?;
        let bytes = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        entries.insert(name.to_string_lossy().into_owned(), bytes);
    }
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut jar = ZipWriter::new(Cursor::new(Vec::new()));
    jar.start_file("META-INF/MANIFEST.MF", options).context("writing the manifest")?;
    jar.write_all(manifest().as_bytes()).context("writing the manifest")?;
    for (name, bytes) in entries {
        jar.start_file(name, options).context("writing a class")?;
        jar.write_all(&bytes).context("writing a class")?;
    }
    Ok(jar.finish().context("closing the jar")?.into_inner())
}

fn manifest() -> String {
    [
        "Manifest-Version: 1.0",
        "Implementation-Title: klamm-jvm",
        &format!("Implementation-Version: {VERSION}"),
        "Premain-Class: dev.klamm.kafka.Observer",
        "",
        "",
    ]
    .join("\r\n")
}
