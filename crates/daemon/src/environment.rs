//! What a detached daemon inherits of the environment of whoever started it.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// What this program and the libraries in it read: the language, where a user's folders are, which Java, how downloads
/// go out, what is logged. Anything else, secrets of a shell among it, stays behind.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TZ",
    "LANG",
    "TMPDIR",
    "JAVA_HOME",
    "KLAMM_ROOT",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// Beginnings of names that are inherited.
const FAMILIES: &[&str] = &["LC_", "XDG_"];

/// The variables that are inherited; one that is not text is left behind.
pub(crate) fn inherited(all: impl Iterator<Item = (OsString, OsString)>) -> BTreeMap<String, String> {
    let texts = all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let wanted = |name: &str| {
        INHERITED.contains(&name) || FAMILIES.iter().any(|beginning| name.starts_with(beginning))
    };
    texts.filter(|(name, _)| wanted(name)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn what_is_needed_is_inherited_and_neither_secrets_nor_what_is_no_text() {
        let variables = [
            ("PATH", b"/usr/bin".to_vec()),
            ("LC_ALL", b"C.UTF-8".to_vec()),
            ("AWS_SECRET_ACCESS_KEY", b"secret".to_vec()),
            ("LD_PRELOAD", b"/tmp/x.so".to_vec()),
            ("HOME", vec![b'/', 0xff]),
        ];
        let all = variables.map(|(name, value)| (OsString::from(name), OsString::from_vec(value)));
        let kept: Vec<String> = inherited(all.into_iter()).into_keys().collect();
        assert_eq!(kept, ["LC_ALL", "PATH"]);
    }
}
