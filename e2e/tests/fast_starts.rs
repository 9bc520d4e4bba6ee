//! Class-data archives: made once everything is calm, used by the next start, and harmless when they are damaged.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Case, Product, Role, poll, tell};

/// Ten seconds of calm, a start and an end at the lowest priority, on a busy machine.
const MADE_WITHIN: Duration = Duration::from_secs(300);
/// The next daemon looks for what the last one left before it does anything else.
const CLEARED_WITHIN: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    tell(
        || Product::empty("root"),
        &[
            Case { name: "f01_an_archive_is_made_and_the_next_start_uses_it", run: made_and_used },
            Case { name: "f02_an_archive_that_was_cut_short_costs_nothing", run: cut_short },
            Case { name: "f03_the_throwaway_node_of_a_killed_daemon_is_ended", run: left_over },
        ],
    )
}

/// The archives that are kept.
fn archives(product: &Product) -> Result<Vec<PathBuf>> {
    let folder = product.root().join("cache/archives");
    let mut found = Vec::new();
    // There is no folder before the first.
    for entry in fs::read_dir(&folder).into_iter().flatten() {
        let archive = entry.context("reading the archives")?.path();
        let named = |name: &str| Some(archive.join(name)).filter(|path| path.is_file());
        found.extend(named("classes.aot").or_else(|| named("classes.jsa")));
    }
    // One that is being put in place begins with a dot.
    found.retain(|path| !path.to_string_lossy().contains("/."));
    Ok(found)
}

fn await_archive(product: &Product) -> Result<PathBuf> {
    poll("an archive", MADE_WITHIN, || {
        let found = archives(product)?;
        found.first().cloned().with_context(|| format!("{:?} run", product.processes()))
    })
}

/// How many nodes run, and how many of them have the file mapped.
fn users_of(product: &Product, archive: &std::path::Path) -> Result<(usize, usize)> {
    let nodes = product.node_pids()?;
    let maps = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let name = archive.to_string_lossy();
    Ok((nodes.len(), nodes.iter().filter(|pid| maps(pid).contains(&*name)).count()))
}

fn made_and_used(product: &mut Product) -> Result<()> {
    let begun = Instant::now();
    product.klamm(["up"])?;
    println!("    up without an archive took {:.1} s", begun.elapsed().as_secs_f32());
    // act
    let archive = await_archive(product)?;
    // assert: who ran before runs on as before
    ensure!(users_of(product, &archive)? == (3, 0), "a node was restarted");
    ensure!(product.klamm(["plan"])?.contains("nothing to do"), "an archive is no change");
    product.klamm(["down"])?;
    let begun = Instant::now();
    product.klamm(["up"])?;
    println!("    up with one took {:.1} s", begun.elapsed().as_secs_f32());
    ensure!(users_of(product, &archive)? == (3, 3), "not all nodes use the archive");
    Ok(())
}

fn cut_short(product: &mut Product) -> Result<()> {
    product.klamm(["up"])?;
    let archive = await_archive(product)?;
    product.klamm(["down"])?;
    let whole = fs::metadata(&archive).context("looking at the archive")?.len();
    let mut permissions = fs::metadata(&archive)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs::set_permissions(&archive, permissions).context("making the archive writable")?;
    let file = fs::File::options().write(true).open(&archive).context("opening the archive")?;
    file.set_len(whole / 2).context("cutting the archive")?;
    // act
    product.klamm(["up"])?;
    // assert
    let status = product.status()?;
    ensure!(status.is_ready() && status.nodes.values().all(|node| node.restarts == 0), "{status:?}");
    let again = await_archive(product)?;
    ensure!(fs::metadata(&again)?.len() > whole / 2, "it was not made anew");
    Ok(())
}

fn left_over(product: &mut Product) -> Result<()> {
    product.klamm(["up"])?;
    fs::remove_dir_all(product.root().join("cache/archives")).ok();
    product.klamm(["down"])?;
    product.klamm(["up"])?;
    poll("a throwaway node", MADE_WITHIN, || {
        ensure!(!product.processes_of(Role::Throwaway)?.is_empty(), "none yet");
        Ok(())
    })?;
    // act
    product.kill(&product.processes_of(Role::Daemon)?)?;
    let left = product.processes_of(Role::Throwaway)?;
    let nodes = product.node_pids()?;
    product.klamm(["up"])?;
    // assert
    poll("the throwaway node to end", CLEARED_WITHIN, || {
        let now = product.processes_of(Role::Throwaway)?;
        ensure!(left.iter().all(|process| !now.contains(process)), "{now:?}");
        Ok(())
    })?;
    ensure!(product.node_pids()? == nodes, "a node was restarted");
    Ok(())
}
