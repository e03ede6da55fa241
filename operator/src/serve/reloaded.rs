//! A value made of files that is made again when they change, as mounted ConfigMaps and Secrets do.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// How often files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It cannot be read.
    #[error("{path} cannot be read: {source}; check the path and the mount")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its content is not what it should be.
    #[error("{path} {reason}")]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What is made of the files, one text each.
type Parse<T> = fn(&[Vec<u8>]) -> Result<T, String>;

/// A value made of files.
pub(super) struct Reloaded<T> {
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
    /// Reads the files for the first time: what is wrong with them then keeps the process from starting.
    pub(super) fn open(paths: Vec<PathBuf>, parse: Parse<T>, now: Instant) -> Result<Self, FileError> {
        // Before the content: what is written in between is read again rather than missed.
        let written = written(&paths);
        let value = Arc::new(read(&paths, parse)?);
        Ok(Self { paths, parse, current: Mutex::new(Current { value, written, looked: now }) })
    }

    /// The value now. Files that have become unreadable or wrong leave the old one in use, and a line in the log.
    pub(super) fn get(&self, now: Instant) -> Arc<T> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(current.looked) >= LOOK {
            current.looked = now;
            let written = written(&self.paths);
            if written != current.written {
                current.written = written;
                match read(&self.paths, self.parse) {
                    Ok(value) => current.value = Arc::new(value),
                    Err(error) => tracing::error!(%error, "changed file refused, the old one stays in use"),
                }
            }
        }
        current.value.clone()
    }
}

/// Through symbolic links, which is how mounted files are exchanged.
fn written(paths: &[PathBuf]) -> Vec<Option<SystemTime>> {
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
    use super::{LOOK, Reloaded};
    use std::{
        fs,
        path::Path,
        time::{Duration, Instant, SystemTime},
    };

    fn number(texts: &[Vec<u8>]) -> Result<u32, String> {
        String::from_utf8_lossy(&texts[0]).trim().parse().map_err(|_| "is not a number".to_owned())
    }

    fn write(path: &Path, text: &str, at: u64) {
        fs::write(path, text).expect("written");
        let file = fs::File::options().write(true).open(path).expect("opened");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at)).expect("dated");
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_leaves_the_old_value() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("number");
        let start = Instant::now();
        assert!(Reloaded::open(vec![path.clone()], number, start).is_err(), "there is none");
        write(&path, "1", 1);
        let reloaded = Reloaded::open(vec![path.clone()], number, start).expect("a number");
        for (text, at, want) in [("2", 2, 2), ("three", 3, 2), ("4", 4, 4)] {
            write(&path, text, at);
            assert_eq!(*reloaded.get(start + LOOK * u32::try_from(at).expect("small")), want, "{text}");
        }
    }
}
