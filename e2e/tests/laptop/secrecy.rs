//! What others on the machine could see.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

use anyhow::{Context, Result, ensure};
use e2e::{ClientFiles, Format};

use crate::world::World;

/// Everybody but the owner.
const OTHERS: u32 = 0o077;
/// Authorities of nodes, users and Klamm, targets, and a node's each: fewer keys would mean that the search is blind.
const KEYS_AT_LEAST: usize = 7;

pub(crate) fn sockets(world: &mut World) -> Result<()> {
    world.ready()?;
    // act
    let mut found = BTreeSet::new();
    for path in world.product.files()? {
        let Ok(about) = fs::symlink_metadata(&path) else { continue };
        if about.file_type().is_socket() {
            let mode = about.permissions().mode() & 0o777;
            ensure!(mode == 0o600, "{} has mode {mode:o}", path.display());
            found.insert(path.file_name().context("a socket's name")?.to_string_lossy().into_owned());
        }
    }
    // assert
    ensure!(found.contains("server.sock"), "only {found:?}");
    Ok(())
}

/// Text that only a key's file may hold: lines of its body.
fn secrets_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("-----") {
            inside = line.contains("BEGIN") && line.contains("PRIVATE KEY");
        } else if inside {
            found.push(line.trim().to_owned());
        }
    }
    found
}

pub(crate) fn keys(world: &mut World) -> Result<()> {
    world.ready()?;
    let files = ClientFiles::write(&world.product, "admin", Format::Java)?;
    let mut paths = world.product.files()?;
    for name in ["key.pem", "keystore.pem", "certificate.pem", "ca.pem", "client.properties"] {
        paths.push(files.folder.join(name));
    }
    // act
    let (mut secrets, mut holders, mut open) = (BTreeSet::new(), 0, Vec::new());
    for path in &paths {
        let Ok(about) = fs::symlink_metadata(path) else { continue };
        if !about.is_file() {
            continue;
        }
        let Ok(bytes) = fs::read(path) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let seen = about.permissions().mode() & OTHERS != 0;
        let log =
            path.extension().is_some_and(|ending| ending == "log") && !path.iter().any(|part| part == "data");
        if text.contains("PRIVATE KEY") {
            ensure!(!seen, "others can read the key in {}", path.display());
            ensure!(!log, "a key is in the log {}", path.display());
            holders += 1;
            secrets.extend(secrets_of(&text));
        }
        if seen || log {
            open.push((path.display().to_string(), text));
        }
    }
    for process in world.product.processes()? {
        let visible = String::from_utf8_lossy(&process.visible()?).into_owned();
        ensure!(!visible.contains("PRIVATE KEY"), "{process:?} shows a key");
        open.push((format!("arguments and environment of {}", process.pid), visible));
    }
    // assert
    ensure!(holders >= KEYS_AT_LEAST && secrets.len() >= KEYS_AT_LEAST, "only {holders} files with keys");
    for (place, text) in &open {
        let shown = secrets.iter().any(|secret| text.contains(secret.as_str()));
        ensure!(!shown, "a key's bytes are in {place}");
    }
    println!("    {holders} files with keys, {} places searched for them", open.len());
    Ok(())
}
