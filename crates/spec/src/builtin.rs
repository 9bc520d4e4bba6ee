//! Specs that Klamm brings: what `up` uses when there is none, and what `init` writes.

use klamm_core::kafka::Profile;

/// The spec of `klamm up` in a folder without one: three combined nodes, mTLS, an admin.
pub fn default_laptop() -> &'static str {
    include_str!("../specs/default-laptop.yaml")
}

/// A spec with a comment on every line that needs one.
pub fn commented_example(profile: Profile) -> String {
    match profile {
        Profile::Laptop => include_str!("../specs/example-laptop.yaml"),
        Profile::Production => include_str!("../specs/example-production.yaml"),
    }
    .to_owned()
}
