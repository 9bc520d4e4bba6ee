//! Clients that others wrote, with what `client-config` wrote, as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use e2e::{ClientFiles, Format, JavaTools, Missing};
use serde_json::Value;

use crate::world::{ALICE, World};

/// Records of each exchange.
const COUNT: u32 = 200;

pub(crate) fn verifiable_clients(world: &mut World) -> Result<()> {
    let status = world.ready()?;
    world.topic("apples", 3)?;
    let files = world.admin(Format::Java)?;
    let tools = JavaTools::of(&world.product)?;
    // act
    let sent = tools.produce(&files, &status.bootstrap, "apples", COUNT)?;
    let read = tools.consume(&files, &status.bootstrap, ("apples", "verify"), COUNT)?;
    // assert
    let acknowledged = records(&sent, "producer_send_success")?;
    ensure!(acknowledged.len() == COUNT as usize, "{} acknowledged", acknowledged.len());
    let failed = sent.iter().find(|event| event["name"] == "producer_send_error");
    ensure!(failed.is_none(), "{failed:?}");
    ensure!(records(&read, "record_data")? == acknowledged, "what was read is not what was written");
    in_order(&read)
}

/// The value at each partition and offset.
fn records(events: &[Value], name: &str) -> Result<BTreeMap<(u64, u64), String>> {
    let record = |event: &Value| {
        let place = (event["partition"].as_u64()?, event["offset"].as_u64()?);
        Some((place, event["value"].as_str()?.to_owned()))
    };
    events
        .iter()
        .filter(|event| event["name"] == name)
        .map(|event| record(event).with_context(|| format!("{event} has no place or no value")))
        .collect()
}

/// Offsets must rise by one and values must rise within each partition.
fn in_order(read: &[Value]) -> Result<()> {
    let mut last: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for event in read.iter().filter(|event| event["name"] == "record_data") {
        let partition = event["partition"].as_u64().context("no partition")?;
        let offset = event["offset"].as_u64().context("no offset")?;
        let value: u64 = event["value"].as_str().context("no value")?.parse()?;
        if let Some((before, lower)) = last.insert(partition, (offset, value)) {
            ensure!(
                offset == before + 1 && value > lower,
                "{value} at {offset} came after {lower} at {before}"
            );
        }
    }
    Ok(())
}

pub(crate) fn kcat(world: &mut World) -> Result<()> {
    world.ready()?;
    world.topic("cherries", 1)?;
    let (files, shell) = (world.admin(Format::Librdkafka)?, world.admin(Format::Env)?);
    let lines: String = (0..COUNT).map(|number| format!("cherry-{number}\n")).collect();
    let input = world.product.beside("input")?.join("cherries");
    fs::write(&input, &lines).context("writing the input")?;
    // act: written with the file, read with the variables
    let mut write = Command::new("kcat");
    write.arg("-F").arg(&files.main).args(["-P", "-t", "cherries", "-p", "0", "-X", "acks=all"]);
    say(write.stdin(fs::File::open(&input).context("opening the input")?))?;
    let script = ". \"$0\" && exec kcat -b \"$KAFKA_BOOTSTRAP_SERVERS\" \
                  -X security.protocol=\"$KAFKA_SECURITY_PROTOCOL\" \
                  -X ssl.key.location=\"$KAFKA_SSL_KEY_LOCATION\" \
                  -X ssl.certificate.location=\"$KAFKA_SSL_CERTIFICATE_LOCATION\" \
                  -X ssl.ca.location=\"$KAFKA_SSL_CA_LOCATION\" -C -t cherries -o beginning -e -q";
    let mut read = Command::new("sh");
    let with_variables = say(read.args(["-c", script]).arg(&shell.main).stdin(Stdio::null()))?;
    let with_file = say(&mut reading(&files, "cherries"))?;
    // assert
    ensure!(with_variables.0 && with_variables.1 == lines, "with variables: {with_variables:?}");
    ensure!(with_file.0 && with_file.1 == lines, "with the file: {with_file:?}");
    Ok(())
}

/// kcat from the beginning of a topic to its end.
fn reading(files: &ClientFiles, topic: &str) -> Command {
    let mut command = Command::new("kcat");
    command
        .arg("-F")
        .arg(&files.main)
        .args(["-C", "-t", topic, "-o", "beginning", "-e", "-q"])
        .stdin(Stdio::null());
    command
}

/// Runs it: whether it ended well, its output, what it complained of.
fn say(command: &mut Command) -> Result<(bool, String, String)> {
    let output = command.output().map_err(|error| Missing(format!("kcat does not start here: {error}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((output.status.success(), text(&output.stdout), text(&output.stderr)))
}

pub(crate) fn confluent(world: &mut World) -> Result<()> {
    world.ready()?;
    world.topic("plums", 3)?;
    let files = world.admin(Format::Librdkafka)?;
    // act
    let count = COUNT.to_string();
    let read = world.python()?.tell("confluent_round.py", &[&files.main_path(), "plums", "plums", &count])?;
    // assert
    all_in_order(&read, "confluent-")
}

pub(crate) fn pure_python(world: &mut World) -> Result<()> {
    world.ready()?;
    world.topic("figs", 3)?;
    let folder = world.admin(Format::Python)?.folder.display().to_string();
    for (script, prefix) in [("kafka_python_round.py", "pure-"), ("aiokafka_round.py", "aio-")] {
        // act
        let read = world.python()?.tell(script, &[&folder, "figs", prefix, &COUNT.to_string()])?;
        // assert
        all_in_order(&read, prefix).with_context(|| script.to_owned())?;
    }
    Ok(())
}

/// `{"0": [["k3", "PREFIX3"], …], …}`: all numbers, each once, rising in each partition, each key in one partition.
fn all_in_order(read: &Value, prefix: &str) -> Result<()> {
    let partitions = read.as_object().context("no partitions")?;
    let (mut all, mut homes) = (BTreeSet::new(), BTreeMap::new());
    for (partition, records) in partitions {
        let mut last = None;
        for record in records.as_array().context("no records")? {
            let (key, value) =
                (record[0].as_str().context("no key")?, record[1].as_str().context("no value")?);
            let number: u32 = value.strip_prefix(prefix).context("a foreign value")?.parse()?;
            ensure!(last < Some(number), "{number} after {last:?} in partition {partition}");
            ensure!(key == format!("k{}", number % 7), "{value} has key {key}");
            ensure!(
                homes.insert(key, partition).is_none_or(|home| home == partition),
                "{key} is in two partitions"
            );
            ensure!(all.insert(number), "{number} twice");
            last = Some(number);
        }
    }
    ensure!(all.into_iter().eq(0..COUNT), "not all of {COUNT}");
    Ok(())
}

pub(crate) fn access(world: &mut World) -> Result<()> {
    let before = world.ready()?;
    world.topic("pears", 1)?;
    world.topic("quinces", 1)?;
    let [alice, mallory] =
        ["alice", "mallory"].map(|user| ClientFiles::write(&world.product, user, Format::Librdkafka));
    let (alice, mallory) = (alice?, mallory?);
    let denied = "authorization failed";
    // act: before the spec allows anything
    let early = say(&mut reading(&alice, "pears"))?;
    world.extend_spec(ALICE);
    world.up()?;
    world.write_lines("pears", "conference\n")?;
    let own = say(&mut reading(&alice, "pears"))?;
    let other = say(&mut reading(&alice, "quinces"))?;
    let never = say(&mut reading(&mallory, "pears"))?;
    let groups = |group: &str| {
        let python = Command::new("kcat")
            .arg("-F")
            .arg(&alice.main)
            .args(["-G", group, "-c", "1", "-X", "auto.offset.reset=earliest", "-q", "pears"])
            .stdin(Stdio::null())
            .output();
        python.map(|output| (output.status.success(), output)).context("starting kcat")
    };
    let own_group = groups("alice-1")?;
    let other_group = groups("bob-1")?;
    // assert
    ensure!(early.2.contains(denied), "before she was in the spec: {early:?}");
    ensure!(own.0 && own.1 == "conference\n", "her own topic: {own:?}");
    ensure!(other.2.contains(denied) && other.1.is_empty(), "another topic: {other:?}");
    ensure!(never.2.contains(denied) && never.1.is_empty(), "a user without access: {never:?}");
    ensure!(own_group.1.stdout == b"conference\n", "her own group: {own_group:?}");
    ensure!(other_group.1.stdout.is_empty() && !other_group.0, "another group: {other_group:?}");
    ensure!(world.product.status()?.pids() == before.pids(), "giving access restarted a node");
    Ok(())
}
