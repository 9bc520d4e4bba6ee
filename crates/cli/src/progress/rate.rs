//! How fast downloads go.

use std::collections::BTreeMap;
use std::time::Duration;

use klamm_core::api::RunView;
use klamm_core::model::ByteCount;
use klamm_core::model::inventory::Stage;

use super::downloads;

/// A rate is measured over at least this long, so that it does not flicker.
const WINDOW: Duration = Duration::from_secs(1);

/// The downloads of a run, by what is downloaded: all slots of a host see the same one.
#[derive(Debug, Default)]
pub(super) struct Rates {
    of: BTreeMap<String, Rate>,
}

#[derive(Debug)]
struct Rate {
    since: Duration,
    done: ByteCount,
    per_second: Option<ByteCount>,
}

impl Rates {
    pub(super) fn take_in(&mut self, view: &RunView, time: Duration) {
        for (item, stage) in downloads(view) {
            let Stage::Fetching { done, .. } = stage else { continue };
            let start = Rate { since: time, done: *done, per_second: None };
            let rate = self.of.entry(item.to_owned()).or_insert(start);
            let window = time.saturating_sub(rate.since);
            if window >= WINDOW {
                let bytes = done.0.saturating_sub(rate.done.0) as f64;
                let per_second = ByteCount((bytes / window.as_secs_f64()) as u64);
                *rate = Rate { since: time, done: *done, per_second: Some(per_second) };
            }
        }
    }

    /// `, 12 MiB/s`; nothing while it is not known.
    pub(super) fn text(&self, item: &str) -> String {
        let per_second = self.of.get(item).and_then(|rate| rate.per_second);
        per_second.map(|rate| format!(", {rate}/s")).unwrap_or_default()
    }
}
