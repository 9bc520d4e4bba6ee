//! Downloads into the cache: parallel, resumable, verified while they stream, in place only when whole.

mod error;
mod partial;

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use reqwest::{StatusCode, Url, header};

use crate::blob::Wanted;
use crate::http;
use crate::mirrors::redacted;
use crate::progress::Progress;
use crate::supply::Supply;
pub use error::{FetchError, Trouble};
use partial::Partial;

/// An attempt that brought this much counts as progress.
const PROGRESS: u64 = 64 << 10;
/// How often a download that another process is doing is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Brings all of `wanted` into the cache. The first failure ends the others; what they have stays for next time.
pub(crate) async fn fetch_all(supply: &Supply, mut wanted: Vec<Wanted>) -> Result<(), FetchError> {
    if wanted.is_empty() {
        return Ok(());
    }
    // Big files first: a late one would run alone at the end.
    wanted.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.file.cmp(&b.file)));
    let total = wanted.iter().map(|wanted| wanted.size).sum();
    supply.progress.report(Progress::Planned { files: wanted.len(), bytes: total });
    let run = Run { supply, client: OnceLock::new(), total, done: AtomicI64::new(0) };
    let run = &run;
    futures_util::stream::iter(wanted)
        .map(Ok)
        .try_for_each_concurrent(
            supply.pace.parallel.max(1),
            |wanted| async move { run.fetch(&wanted).await },
        )
        .await
}

struct Run<'a> {
    supply: &'a Supply,
    /// Made by the first download that needs it: reading the machine's certificates takes a while.
    client: OnceLock<reqwest::Client>,
    total: u64,
    done: AtomicI64,
}

impl Run<'_> {
    async fn fetch(&self, wanted: &Wanted) -> Result<(), FetchError> {
        let place = self.supply.cache.blob(wanted.sha256);
        let Some(mut partial) = self.partial_unless_finished(wanted, &place).await? else {
            self.count(wanted.size as i64);
            self.supply.progress.report(Progress::Finished { file: &wanted.file });
            return Ok(());
        };
        self.supply.progress.report(Progress::Started { file: &wanted.file, bytes: wanted.size });
        self.count(partial.received() as i64);
        self.fetch_from_any(wanted, &mut partial).await?;
        partial.put_in_place(&place).await.map_err(|failed| FetchError::storage(&place, failed))?;
        self.supply.progress.report(Progress::Finished { file: &wanted.file });
        Ok(())
    }

    /// Completes and verifies `partial`, one source after the other.
    async fn fetch_from_any(&self, wanted: &Wanted, partial: &mut Partial) -> Result<(), FetchError> {
        let sources = self.supply.mirrors.sources(wanted.registry, &wanted.path);
        let (last, others) = sources.split_last().expect("mirrors without any source cannot be made");
        for url in others {
            match self.fetch_from(url, wanted, partial).await {
                Err(failed) if failed.may_succeed_elsewhere() => {
                    self.retrying(wanted, &format!("{failed}; trying the next source"));
                }
                ended => return ended,
            }
        }
        self.fetch_from(last, wanted, partial).await.map_err(|failed| {
            if others.is_empty() || !failed.may_succeed_elsewhere() {
                return failed;
            }
            let tried = others.iter().map(redacted).collect();
            FetchError::Everywhere { file: wanted.file.clone(), tried, source: Box::new(failed) }
        })
    }

    /// The locked partial file, or nothing when another process has finished the whole one meanwhile.
    async fn partial_unless_finished(
        &self,
        wanted: &Wanted,
        place: &Path,
    ) -> Result<Option<Partial>, FetchError> {
        let path = self.supply.cache.partial(wanted.sha256);
        let mut said = false;
        loop {
            let taken = Partial::take(&path, wanted.size)
                .await
                .map_err(|failed| FetchError::storage(&path, failed))?;
            // Looked at while the lock is held: whoever held it before may have put the file in place.
            if place.is_file() {
                if let Some(partial) = taken {
                    partial.discard().map_err(|failed| FetchError::storage(&path, failed))?;
                }
                return Ok(None);
            }
            if taken.is_some() {
                return Ok(taken);
            }
            if !said {
                let stage = format!("waiting for another process that fetches {}", wanted.file);
                self.supply.progress.report(Progress::Stage(&stage));
                said = true;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Completes and verifies `partial` from one URL, with retries.
    async fn fetch_from(&self, url: &Url, wanted: &Wanted, partial: &mut Partial) -> Result<(), FetchError> {
        let pace = &self.supply.pace;
        // Bytes that were there before may be of another file; then one attempt from the start decides.
        let (mut continued, mut begun_again) = (partial.received() > 0, false);
        let (mut barren, mut pause) = (0, pace.first_pause);
        loop {
            let before = partial.received();
            continued |= before > 0;
            let failed = match self.attempt(url, wanted, partial).await {
                Ok(()) => {
                    let found = partial.digest();
                    if found == wanted.sha256 {
                        return Ok(());
                    }
                    self.begin_again(partial).await?;
                    if !continued || begun_again {
                        partial.remove().map_err(|failed| FetchError::storage(partial.path(), failed))?;
                        let (file, url, expected) = (wanted.file.clone(), redacted(url), wanted.sha256);
                        return Err(FetchError::Digest { file, url, expected, found });
                    }
                    (continued, begun_again) = (false, true);
                    self.retrying(
                        wanted,
                        "the continued file has the wrong digest; fetching all of it again",
                    );
                    continue;
                }
                Err(failed) => failed,
            };
            if partial.received() >= before.saturating_add(PROGRESS) {
                (barren, pause) = (0, pace.first_pause);
            }
            barren += 1;
            if !failed.is_transient() || barren >= pace.attempts {
                return Err(failed);
            }
            self.retrying(wanted, &failed.to_string());
            let asked = failed.retry_after().unwrap_or_default();
            tokio::time::sleep(pause.max(asked).min(pace.longest_pause)).await;
            pause = pause.saturating_mul(2);
        }
    }

    /// One request: appends what it brings.
    async fn attempt(&self, url: &Url, wanted: &Wanted, partial: &mut Partial) -> Result<(), FetchError> {
        if partial.received() == wanted.size {
            return Ok(());
        }
        let unreachable = |source: reqwest::Error| FetchError::Unreachable {
            file: wanted.file.clone(),
            url: redacted(url),
            trouble: http::trouble_of(&source),
            source: source.without_url(),
        };
        let incomplete = |received| FetchError::Incomplete {
            file: wanted.file.clone(),
            url: redacted(url),
            received,
            size: wanted.size,
        };
        // A compressed answer would have other bytes and no ranges.
        let mut request = self.client()?.get(url.clone()).header(header::ACCEPT_ENCODING, "identity");
        if let Some(login) = self.supply.access.login_of(url) {
            request = request.basic_auth(&login.user, Some(&login.password));
        }
        if partial.received() > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", partial.received()));
        }
        let mut response = request.send().await.map_err(unreachable)?;
        let whole_size = match response.status() {
            StatusCode::OK => {
                // A server without ranges sends everything.
                self.begin_again(partial).await?;
                response.content_length()
            }
            StatusCode::PARTIAL_CONTENT => match http::content_range(&response) {
                Some((first, size)) if first == partial.received() => size,
                Some(_) | None => {
                    self.begin_again(partial).await?;
                    return Err(incomplete(0));
                }
            },
            StatusCode::RANGE_NOT_SATISFIABLE if partial.received() > 0 => {
                self.begin_again(partial).await?;
                return Err(incomplete(0));
            }
            status => {
                return Err(FetchError::Status {
                    file: wanted.file.clone(),
                    url: redacted(url),
                    status: status.as_u16(),
                    retry_after: http::retry_after(&response),
                });
            }
        };
        if let Some(found) = whole_size.filter(|found| *found != wanted.size) {
            return Err(self.another_file(url, wanted, partial, found));
        }
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            let found = partial.received() + chunk.len() as u64;
            if found > wanted.size {
                return Err(self.another_file(url, wanted, partial, found));
            }
            partial.append(&chunk).await.map_err(|failed| FetchError::storage(partial.path(), failed))?;
            self.count(chunk.len() as i64);
        }
        partial.flush().await.map_err(|failed| FetchError::storage(partial.path(), failed))?;
        if partial.received() < wanted.size { Err(incomplete(partial.received())) } else { Ok(()) }
    }

    fn another_file(&self, url: &Url, wanted: &Wanted, partial: &Partial, found: u64) -> FetchError {
        if let Err(failed) = partial.remove() {
            return FetchError::storage(partial.path(), failed);
        }
        FetchError::Size { file: wanted.file.clone(), url: redacted(url), expected: wanted.size, found }
    }

    async fn begin_again(&self, partial: &mut Partial) -> Result<(), FetchError> {
        self.count(-(partial.received() as i64));
        partial.begin_again().await.map_err(|failed| FetchError::storage(partial.path(), failed))
    }

    fn client(&self) -> Result<&reqwest::Client, FetchError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = http::client(&self.supply.pace, &self.supply.access).map_err(FetchError::Client)?;
        Ok(self.client.get_or_init(|| made))
    }

    fn count(&self, bytes: i64) {
        if bytes != 0 {
            let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
            self.supply.progress.report(Progress::Bytes { done: done.max(0) as u64, total: self.total });
        }
    }

    fn retrying(&self, wanted: &Wanted, because: &str) {
        tracing::debug!(file = wanted.file, because, "download is repeated");
        self.supply.progress.report(Progress::Retrying { file: &wanted.file, because });
    }
}

#[cfg(test)]
mod tests;
