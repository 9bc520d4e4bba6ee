//! Reading a node's log for a person.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;

/// How often a followed file is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The most that is read of a file's end for its last lines.
const LONGEST_TAIL: u64 = 4 << 20;

/// The last lines of a file; nothing where it cannot be read.
pub(crate) fn tail(path: &Path, lines: usize) -> String {
    read_tail(path, lines).map(|(text, _)| text).unwrap_or_default()
}

/// The last lines, and where they end.
fn read_tail(path: &Path, lines: usize) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let begin = size.saturating_sub(LONGEST_TAIL);
    file.seek(SeekFrom::Start(begin))?;
    let mut content = Vec::new();
    file.take(size - begin).read_to_end(&mut content)?;
    let text = String::from_utf8_lossy(&content);
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    Ok((all[all.len().saturating_sub(lines)..].concat(), size))
}

/// A log's last lines and, when followed, what is added, across rotations.
pub(crate) fn read(
    path: PathBuf,
    lines: usize,
    follow: bool,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let reader = Reader { path, lines: Some(lines), follow, place: None };
    futures_util::stream::try_unfold(reader, |mut reader| async move {
        let piece = reader.next().await?;
        Ok(piece.map(|piece| (piece, reader)))
    })
}

struct Reader {
    path: PathBuf,
    /// How many lines to begin with; none once they were given.
    lines: Option<usize>,
    follow: bool,
    /// Which file is read, and up to where.
    place: Option<(u64, u64)>,
}

impl Reader {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(lines) = self.lines.take() {
            let (text, end) = match read_tail(&self.path, lines) {
                Ok(tail) => tail,
                Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), 0),
                Err(error) => return Err(error),
            };
            let inode = std::fs::metadata(&self.path).map(|metadata| metadata.ino());
            self.place = inode.ok().map(|inode| (inode, end));
            return Ok(Some(text.into()));
        }
        while self.follow {
            tokio::time::sleep(LOOK).await;
            let added = self.added()?;
            if !added.is_empty() {
                return Ok(Some(added.into()));
            }
        }
        Ok(None)
    }

    /// What was added since the last look; a file that was replaced or cut is read from its beginning.
    fn added(&mut self) -> io::Result<Vec<u8>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        let begin = match self.place {
            Some((inode, end)) if inode == metadata.ino() && end <= metadata.len() => end,
            Some(_) | None => 0,
        };
        file.seek(SeekFrom::Start(begin))?;
        let mut content = Vec::new();
        file.take(1 << 20).read_to_end(&mut content)?;
        self.place = Some((metadata.ino(), begin + content.len() as u64));
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_followed_log_goes_on_in_the_file_that_replaces_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        let mut log = Box::pin(read(path.clone(), 2, true));
        assert_eq!(log.next().await.unwrap().unwrap(), "two\nthree\n");
        std::fs::rename(&path, folder.path().join("server.log.1")).unwrap();
        std::fs::write(&path, "four\n").unwrap();
        let next = tokio::time::timeout(Duration::from_secs(5), log.next()).await.expect("followed");
        assert_eq!(next.unwrap().unwrap(), "four\n");
    }
}
