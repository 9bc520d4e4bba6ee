//! A root with a space and a path longer than a socket's, in which `up` is interrupted twice.

use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Case, Product, Role, poll, poll_every, tell};

/// Sockets' paths end at 108 bytes.
const LONGER_THAN: usize = 120;
/// A whole `up` on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest that `up` may wait for a daemon that is no more.
const NOTICE: Duration = Duration::from_secs(40);
/// A daemon ends when it is told that it is not needed any more; it closes its store first.
const FAREWELL: Duration = Duration::from_secs(5);
/// Between two looks: the moments at which the daemon is killed pass quickly.
const PAUSE: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    tell(
        empty,
        &[
            Case { name: "p01_an_up_whose_daemon_is_killed_is_completed_by_the_next", run: interrupted },
            Case { name: "p02_a_root_with_a_space_and_a_long_path_works", run: used },
            Case { name: "p03_down_leaves_no_process", run: down },
        ],
    )
}

fn empty() -> Result<Product> {
    Product::empty(&format!("my clusters/{}/root", "long-".repeat(20)))
}

/// The daemon is killed as soon as it is there, and again when the first node was started.
fn interrupted(product: &mut Product) -> Result<()> {
    for role in [Role::Daemon, Role::Node] {
        let mut up = product
            .command(["up"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting up")?;
        let seen = poll_every(PAUSE, "a process to interrupt", PATIENCE, || {
            ensure!(!product.processes_of(role)?.is_empty(), "no {role:?} yet");
            product.processes_of(Role::Daemon)
        });
        // act
        let killed = seen.and_then(|daemons| product.kill(&daemons));
        let begun = Instant::now();
        let ended = poll("up to notice", NOTICE, || up.try_wait()?.context("it goes on"));
        println!("    up noticed the end of its daemon after {} ms", begun.elapsed().as_millis());
        if ended.is_err() {
            up.kill().context("ending up")?;
            up.wait().context("waiting for up")?;
        }
        killed?;
        // assert
        ensure!(!ended?.success(), "up ended well without a daemon");
        ensure!(product.processes_of(Role::Daemon)?.is_empty(), "a daemon is there again");
    }
    let begun = product.node_pids()?;
    // act
    product.klamm(["up"])?;
    // assert
    let status = product.status()?;
    ensure!(status.is_ready() && status.nodes.len() == 3, "{status:?}");
    let now = product.node_pids()?;
    ensure!(begun.iter().all(|pid| now.contains(pid)), "{begun:?} ran, and now {now:?}: one was restarted");
    let again = product.klamm(["up"])?;
    ensure!(again.is_empty() || again.contains("nothing to do"), "{again}");
    Ok(())
}

fn used(product: &mut Product) -> Result<()> {
    let length = product.root().as_os_str().len();
    ensure!(length > LONGER_THAN, "the path is only {length} bytes long");
    product.klamm(["up"])?;
    // act
    product.klamm(["topic", "create", "orders", "--partitions", "2"])?;
    let listed = product.klamm(["topic", "list"])?;
    // assert
    ensure!(listed.contains("orders"), "{listed}");
    Ok(())
}

fn down(product: &mut Product) -> Result<()> {
    product.klamm(["up"])?;
    // act
    product.klamm(["down"])?;
    // assert
    poll("the last process to end", FAREWELL, || {
        let left = product.processes()?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}
