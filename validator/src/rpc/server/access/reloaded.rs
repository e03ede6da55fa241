//! A file that is read again when it changes, without a restart: keys and certificates are renewed under a running node.

use parking_lot::Mutex;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// How often files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{path} cannot be read: {source}; check the path and the mount")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its content is not what it should be.
    #[error("{path}: {reason}")]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to write.
        reason: String,
    },
}

/// What is made of the files, one text each.
type Parse<T> = fn(&[Vec<u8>]) -> Result<T, String>;

/// A value made of files.
pub(crate) struct Reloaded<T> {
    paths: Vec<PathBuf>,
    parse: Parse<T>,
    current: Mutex<Current<T>>,
}

struct Current<T> {
    value: Arc<T>,
    /// When each was written last, as the file system says.
    written: Vec<Option<SystemTime>>,
    looked: Instant,
}

impl<T> Reloaded<T> {
    /// Reads the files for the first time: what is wrong with them then keeps the node from starting.
    pub(crate) fn open(paths: Vec<PathBuf>, parse: Parse<T>, now: Instant) -> Result<Self, FileError> {
        // Before the content: what is written in between is read again rather than missed.
        let written = written(&paths);
        let value = Arc::new(read(&paths, parse)?);
        Ok(Self { paths, parse, current: Mutex::new(Current { value, written, looked: now }) })
    }

    /// The value now. Files that have become unreadable or wrong leave the old one in use, and a line in the log.
    pub(crate) fn get(&self, now: Instant) -> Arc<T> {
        let mut current = self.current.lock();
        if now.saturating_duration_since(current.looked) >= LOOK {
            current.looked = now;
            let written = written(&self.paths);
            if written != current.written {
                current.written = written;
                match read(&self.paths, self.parse) {
                    Ok(value) => {
                        tracing::info!(files = ?self.paths, "rpc: files have changed and are in use");
                        current.value = Arc::new(value);
                    }
                    Err(error) => {
                        tracing::error!(%error, "rpc: changed file refused, the old one stays in use");
                    }
                }
            }
        }
        Arc::clone(&current.value)
    }
}

fn written(paths: &[PathBuf]) -> Vec<Option<SystemTime>> {
    // Through symbolic links, which is how mounted secrets are exchanged.
    paths.iter().map(|path| fs::metadata(path).and_then(|data| data.modified()).ok()).collect()
}

fn read<T>(paths: &[PathBuf], parse: Parse<T>) -> Result<T, FileError> {
    let text = |path: &PathBuf| {
        fs::read(path).map_err(|source| FileError::Unreadable { path: path.clone(), source })
    };
    let texts = paths.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let path = || paths.first().map_or(Path::new(""), PathBuf::as_path).to_path_buf();
    parse(&texts).map_err(|reason| FileError::Content { path: path(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(texts: &[Vec<u8>]) -> Result<u32, String> {
        let text = String::from_utf8(texts[0].clone()).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|_| format!("{text:?} is not a number"))
    }

    fn write(path: &Path, text: &str, at: u64) {
        fs::write(path, text).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at)).unwrap();
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_leaves_the_old_value() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        write(&path, "1", 1);
        let start = Instant::now();
        let reloaded = Reloaded::open(vec![path.clone()], number, start).unwrap();
        write(&path, "2", 2);
        assert_eq!(*reloaded.get(start), 1, "not looked at again so soon");
        assert_eq!(*reloaded.get(start + LOOK), 2);
        write(&path, "three", 3);
        assert_eq!(*reloaded.get(start + LOOK * 2), 2);
        fs::remove_file(&path).unwrap();
        assert_eq!(*reloaded.get(start + LOOK * 3), 2);
        write(&path, "4", 4);
        assert_eq!(*reloaded.get(start + LOOK * 4), 4);
    }

    #[test]
    fn what_is_wrong_at_the_start_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        let open = || {
            Reloaded::open(vec![path.clone()], number, Instant::now()).map(|_| ()).unwrap_err().to_string()
        };
        assert!(open().contains("cannot be read"), "{}", open());
        write(&path, "x", 1);
        assert!(open().ends_with("number: \"x\" is not a number"), "{}", open());
    }
}
