//! Every way to say where things lie.

use std::collections::BTreeMap;
use std::os::unix::net::{UnixListener, UnixStream};

use super::*;

fn find(given: Option<&str>, superuser: bool, variables: &[(&str, &str)]) -> Result<Root, RootError> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    Root::find(given.map(Path::new), superuser, |name| variables.get(name).map(OsString::from))
}

#[test]
fn a_given_root_holds_everything_and_is_absolute() {
    let root = find(Some("some/where"), true, &[]).unwrap();
    let base = std::env::current_dir().unwrap().join("some/where");
    assert_eq!(root.given(), Some(base.as_path()));
    assert_eq!(root.socket(), base.join("run/server.sock"));
    for (path, name) in
        [(&root.config, "config"), (&root.state, "state"), (&root.log, "log"), (&root.cache, "cache")]
    {
        assert_eq!(*path, base.join(name));
    }
}

#[test]
fn root_uses_the_folders_of_the_system() {
    let root = find(None, true, &[("HOME", "/root")]).unwrap();
    assert_eq!(root.state, Path::new("/var/lib/klamm"));
    assert_eq!(root.socket(), Path::new("/run/klamm/server.sock"));
}

#[test]
fn a_user_has_the_xdg_folders_and_without_a_runtime_folder_the_socket_is_in_the_state() {
    let root = find(None, false, &[("HOME", "/home/eve")]).unwrap();
    assert_eq!(root.config, Path::new("/home/eve/.config/klamm"));
    assert_eq!(root.state, Path::new("/home/eve/.local/share/klamm"));
    assert_eq!(root.log, Path::new("/home/eve/.local/state/klamm/log"));
    assert_eq!(root.run, Path::new("/home/eve/.local/share/klamm/run"));
    assert_eq!(root.cache, Path::new("/home/eve/.cache/klamm"));
    let variables = [
        ("HOME", "/home/eve"),
        ("XDG_DATA_HOME", "/data"),
        ("XDG_RUNTIME_DIR", "/run/user/7"),
        ("XDG_CACHE_HOME", "x"),
    ];
    let root = find(None, false, &variables).unwrap();
    assert_eq!(root.state, Path::new("/data/klamm"));
    assert_eq!(root.run, Path::new("/run/user/7/klamm"));
    assert_eq!(root.cache, Path::new("/home/eve/.cache/klamm"), "relative values are ignored");
    assert!(matches!(find(None, false, &[]), Err(RootError::Homeless)));
}

#[test]
fn a_socket_deeper_than_a_socket_address_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(90)).join("e".repeat(90));
    std::fs::create_dir_all(&deep).unwrap();
    let socket = deep.join("server.sock");
    assert!(UnixStream::connect(&socket).is_err());
    let listener = UnixListener::bind(SocketAddress::of(&socket).unwrap().path()).unwrap();
    let reachable = SocketAddress::of(&socket).unwrap();
    assert!(reachable.path().as_os_str().len() <= LONGEST_ADDRESS);
    UnixStream::connect(reachable.path()).unwrap();
    drop(listener);
}

const LONGEST_ADDRESS: usize = 107;
