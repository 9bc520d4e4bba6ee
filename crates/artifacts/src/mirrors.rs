//! Where downloads come from: the product's default hosts (the only place that names them) and the operator's
//! mirrors.

use reqwest::Url;

/// Maven Central's own name for its repository root.
pub const MAVEN_CENTRAL: &str = "https://repo.maven.apache.org/maven2";
/// The file host of the Python package index; a wheel's path below it holds its BLAKE2 digest and never changes.
pub const PYTHON_FILES: &str = "https://files.pythonhosted.org";

/// The kind of repository that a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registry {
    /// A Maven repository: `group/artifact/version/file`.
    Maven,
    /// The file tree of the Python package index: `packages/…/file.whl`.
    Python,
}

impl Registry {
    fn default_base(self) -> &'static str {
        match self {
            Self::Maven => MAVEN_CENTRAL,
            Self::Python => PYTHON_FILES,
        }
    }
}

/// The operator's mirrors, in the order in which they are tried, and whether the defaults follow them.
///
/// One mirror serves both registries: paths of Maven (`org/…`) and of Python (`packages/…`) never clash.
#[derive(Debug, Clone, Default)]
pub struct Mirrors {
    bases: Vec<Url>,
    only: bool,
}

/// A mirror that is not an `http` or `https` URL.
#[derive(Debug, thiserror::Error)]
#[error("mirror {given:?} {problem}")]
pub struct InvalidMirror {
    given: String,
    problem: &'static str,
}

impl Mirrors {
    /// No mirrors: the default hosts alone.
    pub fn none() -> Self {
        Self::default()
    }

    /// `given` are base URLs, first tried first; with `only` the default hosts are never asked.
    ///
    /// # Errors
    /// When one of them is not an absolute `http` or `https` URL, or `only` is asked for without any.
    pub fn new(given: &[String], only: bool) -> Result<Self, InvalidMirror> {
        let invalid = |given: &str, problem| InvalidMirror { given: given.to_owned(), problem };
        if only && given.is_empty() {
            return Err(invalid(
                "",
                "is missing: without one, and without the default hosts, nothing can be fetched",
            ));
        }
        let bases = given
            .iter()
            .map(|text| {
                let url = Url::parse(text).map_err(|_| invalid(text, "is not a URL"))?;
                if url.cannot_be_a_base() || !["http", "https"].contains(&url.scheme()) {
                    return Err(invalid(&redacted(&url), "is not an http or https URL"));
                }
                Ok(url)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { bases, only })
    }

    /// The operator's, in order.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &Url> {
        self.bases.iter()
    }

    /// Every URL at which `path` of `registry` may be found, in the order in which to try them.
    pub(crate) fn sources(&self, registry: Registry, path: &str) -> Vec<Url> {
        let default = (!self.only)
            .then(|| Url::parse(registry.default_base()).expect("the default hosts are valid URLs"));
        self.bases
            .iter()
            .cloned()
            .chain(default)
            .map(|mut base| {
                let joined = format!("{}/{path}", base.path().trim_end_matches('/'));
                base.set_path(&joined);
                base
            })
            .collect()
    }
}

/// `url` as it may be shown: without a user name, a password or a query, any of which can hold a secret.
pub(crate) fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs that cannot have a host, and those hold no credentials.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mirrors: &Mirrors) -> Vec<String> {
        mirrors.sources(Registry::Maven, "org/a.jar").iter().map(redacted).collect()
    }

    #[test]
    fn a_mirror_is_tried_before_the_default_host_or_instead_of_it() {
        let given = ["http://127.0.0.1:1/base/".to_owned()];
        let first = Mirrors::new(&given, false).unwrap();
        assert_eq!(
            shown(&first),
            ["http://127.0.0.1:1/base/org/a.jar", &format!("{MAVEN_CENTRAL}/org/a.jar")]
        );
        let only = Mirrors::new(&given, true).unwrap();
        assert_eq!(shown(&only), ["http://127.0.0.1:1/base/org/a.jar"]);
        assert_eq!(
            Mirrors::none().sources(Registry::Python, "packages/x.whl")[0].as_str(),
            format!("{PYTHON_FILES}/packages/x.whl")
        );
    }

    #[test]
    fn a_mirror_that_is_not_http_is_refused_and_its_password_is_never_shown() {
        let told =
            Mirrors::new(&["ftp://me:hunter2@example.test/".to_owned()], false).unwrap_err().to_string();
        assert!(told.contains("is not an http or https URL") && !told.contains("hunter2"), "{told}");
        assert!(Mirrors::new(&["nonsense".to_owned()], false).is_err());
        assert!(Mirrors::new(&[], true).is_err());
        let kept = Mirrors::new(&["http://me:hunter2@127.0.0.1/?token=x".to_owned()], true).unwrap();
        assert_eq!(shown(&kept), ["http://127.0.0.1/org/a.jar"]);
    }
}
