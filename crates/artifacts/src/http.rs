//! The HTTP client of downloads, and what its failures mean.

use std::error::Error;
use std::io;
use std::time::Duration;

use crate::fetch::Trouble;
use crate::sources::Access;
use crate::supply::Pace;

/// A client that trusts the machine's certificate store and goes through the proxies that the environment names
/// (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), and the operator's own authorities.
///
/// The `klamm` binary installs the process-wide TLS provider in `main`; where nobody did (tests, other tools) the
/// same one is installed here.
pub(crate) fn client(pace: &Pace, access: &Access) -> Result<reqwest::Client, reqwest::Error> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails only when another thread was faster, with the only provider that is linked.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    reqwest::Client::builder()
        .user_agent(concat!("klamm/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(pace.connect)
        .read_timeout(pace.silence)
        .tls_certs_merge(access.authorities.iter().cloned())
        .build()
}

/// Names the layer that failed.
pub(crate) fn trouble_of(failed: &reqwest::Error) -> Trouble {
    let mut cause: Option<&(dyn Error + 'static)> = Some(failed);
    while let Some(current) = cause {
        if current.is::<rustls::Error>() {
            return Trouble::Tls;
        }
        // The resolver's error type is private to the HTTP stack; its text is all there is.
        if failed.is_connect() && current.to_string() == "dns error" {
            return Trouble::NameLookup;
        }
        // An `io::Error` hides the error it wraps: its `source` is that error's source.
        let wrapped = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| current.source());
    }
    if failed.is_timeout() {
        Trouble::Timeout
    } else if failed.is_connect() {
        Trouble::Connect
    } else {
        Trouble::Broken
    }
}

/// The pause that a busy server asks for, when it says so in seconds.
pub(crate) fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let value = response.headers().get(reqwest::header::RETRY_AFTER)?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// First byte and whole size of a partial answer: `bytes 100-199/200` or `bytes 100-199/*`.
pub(crate) fn content_range(response: &reqwest::Response) -> Option<(u64, Option<u64>)> {
    let value = response.headers().get(reqwest::header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, size) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, size.trim().parse().ok()))
}
