//! The cap keeps what is written, in order, under a writer that goes on.

use std::io::Write as _;

use super::*;

fn lines_of(paths: &[PathBuf]) -> Vec<String> {
    let text: String = paths.iter().map(|path| std::fs::read_to_string(path).expect("readable")).collect();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_small_or_missing_file_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("console.log");
    let cap = LogCap { max_bytes: 10, keep: 2 };
    assert_eq!(cap_console(&path, &cap).expect("no file"), Capped::Small);
    std::fs::write(&path, "0123456789").expect("written");
    assert_eq!(cap_console(&path, &cap).expect("small file"), Capped::Small);
    assert!(!numbered(&path, 1).exists());
}

#[test]
fn content_moves_through_the_numbered_files_and_no_line_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("console.log");
    let cap = LogCap { max_bytes: 20_000, keep: 8 };
    let mut writer = open_console(&path).expect("opened");
    let mut moved = 0;
    for number in 0..10_000 {
        writeln!(writer, "line {number:05}").expect("written");
        if number % 500 == 0
            && let Capped::Moved { .. } = cap_console(&path, &cap).expect("capped")
        {
            moved += 1;
        }
    }
    assert!(moved >= 4, "moved only {moved} times");
    let mut files: Vec<_> = (1..=8).rev().map(|n| numbered(&path, n)).filter(|path| path.exists()).collect();
    files.push(path);
    let expected: Vec<_> = (0..10_000).map(|number| format!("line {number:05}")).collect();
    assert_eq!(lines_of(&files), expected);
}

#[test]
fn only_so_many_older_files_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("console.log");
    let mut writer = open_console(&path).expect("opened");
    for keep in [2, 0] {
        for _ in 0..6 {
            writer.write_all(&[b'x'; 9000]).expect("written");
            cap_console(&path, &LogCap { max_bytes: 8192, keep }).expect("capped");
        }
    }
    assert!(numbered(&path, 2).exists() && !numbered(&path, 3).exists());
    assert_eq!(std::fs::metadata(&path).expect("there").len(), 0);
}

#[test]
fn a_copy_left_by_a_killed_supervisor_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("console.log");
    std::fs::write(copying(&path), "older").expect("written");
    std::fs::write(&path, "newer newer newer").expect("written");
    cap_console(&path, &LogCap { max_bytes: 4, keep: 3 }).expect("capped");
    assert_eq!(std::fs::read_to_string(numbered(&path, 2)).expect("kept"), "older");
}

#[test]
fn a_symbolic_link_or_a_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "precious").expect("written");
    let link = folder.path().join("console.log");
    std::os::unix::fs::symlink(&victim, &link).expect("linked");
    assert!(matches!(open_console(&link), Err(ConsoleError::Open { .. })));
    assert!(cap_console(&link, &LogCap { max_bytes: 0, keep: 0 }).is_err());
    assert_eq!(std::fs::read_to_string(&victim).expect("there"), "precious");
    assert!(open_console(folder.path()).is_err());
}
