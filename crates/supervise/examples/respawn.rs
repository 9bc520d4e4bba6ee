//! Measures how fast a killed process's successor is executed: `respawn [ROUNDS] [BALLAST_MIB]`.
//!
//! The clock starts just before SIGKILL is sent to a small process and stops when its successor has
//! become the program, which the kernel shows by closing what closes on exec: the supervisor is told
//! then and no earlier. The ballast is memory that this process holds, because a fork copies its
//! page tables. Prints one line of JSON with all samples, then the figures.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use klamm_supervise::{Launch, RestartPolicy, Supervisor, UnitHandle, UnitOptions};
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
        Ok(samples) => {
            show(samples, ballast.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(rounds: usize) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
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
    let mut samples = Vec::with_capacity(rounds);
    let (mut pid, mut incarnation) = process_after(&unit, 0).await?;
    for _ in 0..rounds {
        let begun = Instant::now();
        kill_process(pid, Signal::KILL)?;
        (pid, incarnation) = process_after(&unit, incarnation).await?;
        samples.push(begun.elapsed());
    }
    unit.kill("the end of the measurement").await?;
    unit.watch().wait_for(|status| status.state.is_at_rest()).await?;
    std::fs::remove_dir_all(&folder)?;
    Ok(samples)
}

async fn process_after(unit: &UnitHandle, before: u64) -> Result<(Pid, u64), Box<dyn std::error::Error>> {
    let mut watch = unit.watch();
    let status =
        watch.wait_for(|status| status.state.process().is_some_and(|live| live.incarnation > before)).await?;
    let live = status.state.process().ok_or("no process")?;
    let pid = i32::try_from(live.identity.pid).ok().and_then(Pid::from_raw).ok_or("no pid")?;
    Ok((pid, live.incarnation))
}

fn show(mut samples: Vec<Duration>, ballast: usize) {
    let micros: Vec<String> = samples.iter().map(|took| took.as_micros().to_string()).collect();
    println!(r#"{{"ballast_bytes":{ballast},"respawn_us":[{}]}}"#, micros.join(","));
    samples.sort();
    let at = |percent: usize| samples[(samples.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    let ok = if at(99) <= 5.0 { "ok" } else { "short" };
    println!("p50 {:.2} ms, p90 {:.2} ms, max {:.2} ms", at(50), at(90), at(100));
    println!("respawn: {:.2} ms at p99 (goal 5 ms) {ok}", at(99));
}
