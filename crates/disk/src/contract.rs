//! What every [`Disk`] must do, as one suite over any of them. What a crash may leave is for each one's own tests.

use std::path::Path;

use crate::Disk;

/// Goes through every operation below `folder`, which must be empty.
///
/// # Panics
/// Where the disk breaks the contract.
pub fn check(disk: &dyn Disk, folder: &Path) {
    files_are_replaced_whole(disk, folder);
    what_is_not_there_is_none_and_no_error(disk, folder);
    folders_are_listed_in_order(disk, folder);
    links_are_swapped_and_read_as_written(disk, folder);
    a_link_leads_to_what_is_behind_it(disk, folder);
    deleting_takes_all_and_may_be_repeated(disk, folder);
    a_file_is_no_folder(disk, folder);
}

const WORKS: &str = "the operation must succeed here";

fn files_are_replaced_whole(disk: &dyn Disk, folder: &Path) {
    let file = folder.join("files/deep/er/name.json");
    disk.replace_file(&file, b"a long first content").expect(WORKS);
    disk.replace_file(&file, b"short").expect(WORKS);
    assert_eq!(disk.read_file(&file).expect(WORKS).as_deref(), Some(b"short".as_slice()));
    let names = disk.list_folder(&folder.join("files/deep/er")).expect(WORKS);
    assert_eq!(names, Some(vec!["name.json".to_owned()]), "nothing is left beside");
    // What a crash left beside is overwritten, whatever it is.
    disk.replace_file(&folder.join("files/deep/er/name.json.new"), b"torn, and longer than what comes")
        .expect(WORKS);
    disk.replace_file(&file, b"new").expect(WORKS);
    assert_eq!(disk.read_file(&file).expect(WORKS).as_deref(), Some(b"new".as_slice()));
    assert!(!disk.exists(&folder.join("files/deep/er/name.json.new")).expect(WORKS));
}

fn what_is_not_there_is_none_and_no_error(disk: &dyn Disk, folder: &Path) {
    let nothing = folder.join("no/such/thing");
    assert_eq!(disk.read_file(&nothing).expect(WORKS), None);
    assert_eq!(disk.list_folder(&nothing).expect(WORKS), None);
    assert_eq!(disk.read_link(&nothing).expect(WORKS), None);
    assert!(!disk.exists(&nothing).expect(WORKS));
    disk.delete(&nothing).expect(WORKS);
}

fn folders_are_listed_in_order(disk: &dyn Disk, folder: &Path) {
    let parent = folder.join("listed");
    disk.ensure_folder(&parent.join("b/below")).expect(WORKS);
    disk.ensure_folder(&parent.join("b/below")).expect(WORKS);
    disk.replace_file(&parent.join("c"), b"").expect(WORKS);
    disk.replace_file(&parent.join("a"), b"").expect(WORKS);
    let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
    assert_eq!(disk.list_folder(&parent).expect(WORKS), Some(names));
    assert_eq!(disk.list_folder(&parent.join("b/below")).expect(WORKS), Some(Vec::new()));
    assert_eq!(
        disk.read_file(&parent.join("a")).expect(WORKS),
        Some(Vec::new()),
        "an empty file is not none"
    );
}

fn links_are_swapped_and_read_as_written(disk: &dyn Disk, folder: &Path) {
    let parent = folder.join("links");
    disk.ensure_folder(&parent).expect(WORKS);
    let link = parent.join("current");
    for destination in ["gen-1", "gen-2"].map(Path::new) {
        disk.replace_link(&link, destination).expect(WORKS);
        assert_eq!(disk.read_link(&link).expect(WORKS).as_deref(), Some(destination));
    }
    assert!(disk.exists(&link).expect(WORKS), "a link is there, wherever it leads");
    // A swap that was cut short left its new link.
    disk.replace_link(&parent.join("current.new"), Path::new("gen-7")).expect(WORKS);
    disk.replace_link(&link, Path::new("gen-3")).expect(WORKS);
    assert_eq!(disk.list_folder(&parent).expect(WORKS), Some(vec!["current".to_owned()]));
    disk.replace_file(&parent.join("plain"), b"text").expect(WORKS);
    assert_eq!(disk.read_link(&parent.join("plain")).expect(WORKS), None, "a file is no link");
}

fn a_link_leads_to_what_is_behind_it(disk: &dyn Disk, folder: &Path) {
    let parent = folder.join("behind");
    disk.replace_file(&parent.join("gen-1/key"), b"secret").expect(WORKS);
    disk.replace_link(&parent.join("current"), Path::new("gen-1")).expect(WORKS);
    let read = disk.read_file(&parent.join("current/key")).expect(WORKS);
    assert_eq!(read.as_deref(), Some(b"secret".as_slice()));
    disk.delete(&parent.join("current")).expect(WORKS);
    assert!(disk.exists(&parent.join("gen-1/key")).expect(WORKS), "only the link was deleted");
}

fn deleting_takes_all_and_may_be_repeated(disk: &dyn Disk, folder: &Path) {
    let parent = folder.join("deleted");
    disk.replace_file(&parent.join("one/two/three"), b"3").expect(WORKS);
    disk.replace_file(&parent.join("one/file"), b"1").expect(WORKS);
    disk.delete(&parent.join("one/file")).expect(WORKS);
    assert!(!disk.exists(&parent.join("one/file")).expect(WORKS));
    for _ in 0..2 {
        disk.delete(&parent.join("one")).expect(WORKS);
        assert_eq!(disk.list_folder(&parent).expect(WORKS), Some(Vec::new()));
    }
}

fn a_file_is_no_folder(disk: &dyn Disk, folder: &Path) {
    let file = folder.join("kinds/file");
    disk.replace_file(&file, b"text").expect(WORKS);
    assert!(disk.list_folder(&file).is_err());
    assert!(disk.ensure_folder(&file).is_err());
    assert!(disk.replace_file(&file.join("below"), b"").is_err());
    assert!(disk.read_file(&folder.join("kinds")).is_err(), "a folder is not read as a file");
}
