//! Measures how fast a killed process's successor is executed: `respawn [ROUNDS] [BALLAST_MIB]`.
//!
//! The clock starts just before SIGKILL is sent to a small process and stops at [`Live::since`] of its
//! successor, which the supervisor notes as soon as the kernel says that it has become the program. The
//! ballast is memory that this process holds, because starting must not depend on it, as a fork's copy of
//! page tables. Alternately the least that is possible is measured the same way: a thread that waits
//! for its child and starts the next, on the same machine under the same load. Prints one line of JSON
//! with all samples, then the figures.

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use klamm_supervise::{Launch, Live, RestartPolicy, Supervisor, UnitHandle, UnitOptions, monotonic_now};
use rustix::process::{Pid, Signal, kill_process};

#[tokio::main]
async fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<usize>());
    let (Ok(rounds), Ok(ballast)) = (numbers.next().unwrap_or(Ok(500)), numbers.next().unwrap_or(Ok(12)))
    else {
        eprintln!("usage: respawn [ROUNDS] [BALLAST_MIB]");
        return ExitCode::from(2);
    };
    let ballast = vec![1u8; ballast * 1024 * 1024];
    match measure(rounds.max(1)).await {
        Ok((ours, bare)) => {
            show(ours, bare, ballast.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Our samples, and the bare ones.
type Samples = (Vec<Duration>, Vec<Duration>);

async fn measure(rounds: usize) -> Result<Samples, Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("klamm-respawn-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut options = UnitOptions::new("respawned");
    // Every run counts as a healthy one: no pauses.
    options.policy = RestartPolicy { stable_after: Duration::ZERO, ..RestartPolicy::default() };
    let unit = Supervisor::new()?.unit(options);
    let mut launch = Launch::new("/bin/sleep", &folder, folder.join("console.log"));
    launch.args = vec!["1000".into()];
    launch.record = Some(folder.join("process.json"));
    launch.limits.open_files = Some(1024);
    unit.start(launch).await?;
    let (mut ours, mut bare) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    let mut child = start_bare()?;
    let mut live = process_after(&unit, 0).await?;
    for _ in 0..rounds {
        let pid = i32::try_from(live.identity.pid).ok().and_then(Pid::from_raw).ok_or("no pid")?;
        let begun = monotonic_now();
        kill_process(pid, Signal::KILL)?;
        live = process_after(&unit, live.incarnation).await?;
        ours.push(live.since - begun);
        let begun = Instant::now();
        child.kill()?;
        child.wait()?;
        child = start_bare()?;
        bare.push(begun.elapsed());
    }
    child.kill()?;
    child.wait()?;
    unit.kill("the end of the measurement").await?;
    unit.watch().wait_for(|status| status.state.is_at_rest()).await?;
    std::fs::remove_dir_all(&folder)?;
    Ok((ours, bare))
}

fn start_bare() -> std::io::Result<Child> {
    Command::new("/bin/sleep").arg("1000").stdin(Stdio::null()).stdout(Stdio::null()).spawn()
}

async fn process_after(unit: &UnitHandle, before: u64) -> Result<Live, Box<dyn std::error::Error>> {
    let mut watch = unit.watch();
    let status =
        watch.wait_for(|status| status.state.process().is_some_and(|live| live.incarnation > before)).await?;
    Ok(status.state.process().ok_or("no process")?.clone())
}

fn show(mut ours: Vec<Duration>, mut bare: Vec<Duration>, ballast: usize) {
    let micros = |samples: &[Duration]| {
        let all: Vec<_> = samples.iter().map(|took| took.as_micros().to_string()).collect();
        all.join(",")
    };
    println!(
        r#"{{"ballast_bytes":{ballast},"respawn_us":[{}],"bare_us":[{}]}}"#,
        micros(&ours),
        micros(&bare)
    );
    ours.sort();
    bare.sort();
    let at = |samples: &[Duration], percent: usize| {
        samples[(samples.len() - 1) * percent / 100].as_secs_f64() * 1000.0
    };
    for (name, samples) in [("ours", &ours), ("bare", &bare)] {
        let (half, most, all) = (at(samples, 50), at(samples, 99), at(samples, 100));
        println!("{name}: p50 {half:.2} ms, p99 {most:.2} ms, max {all:.2} ms");
    }
    let (ours, bare) = (at(&ours, 99), at(&bare, 99));
    let verdict = if ours <= 5.0 { "ok" } else { "short" };
    println!("respawn: {ours:.2} ms at p99 (goal 5 ms, against {bare:.2} ms bare) {verdict}");
}
