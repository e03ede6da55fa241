//! The two files: what a person put there, and what this node took up.

use crate::replaced;
use chain::reseat::{RecoveryError, RecoveryRecord};
use ledger::{Ledger, RecordRefused};
use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Where a person puts a record.
pub(super) const OFFERED: &str = "recovery.json";
/// What was taken up; as binding as the vote journal.
const TAKEN_UP: &str = "recovery-taken-up.json";
/// Longest file that is read.
const MAX_BYTES: u64 = 512 * 1024;

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The system.
    #[error("{path}: {source}; check the disk and who may write there")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its contents.
    #[error("{path}: {source}")]
    Contents {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: RecoveryError,
    },
    /// It was good when it was taken up.
    #[error(
        "{path}: {source}; this node took the record up and may have voted by it: restore the file, or the chain it was made on"
    )]
    Refused {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<RecordRefused>,
    },
}

fn failed(path: &Path) -> impl Fn(io::Error) -> KeptError {
    let path = path.to_path_buf();
    move |source| KeptError::Io { path: path.clone(), source }
}

/// Puts a record where a node with this data takes it up, now or when it starts.
pub fn put(data_dir: &Path, record: &RecoveryRecord) -> Result<PathBuf, KeptError> {
    write(data_dir, OFFERED, record)
}

pub(super) fn keep(data_dir: &Path, record: &RecoveryRecord) -> Result<(), KeptError> {
    write(data_dir, TAKEN_UP, record).map(|_| ())
}

/// The text that a person put there, if one did.
pub(super) fn offered(data_dir: &Path) -> Result<Option<String>, KeptError> {
    read(&data_dir.join(OFFERED))
}

/// Takes up again, at a start, what was taken up before; a record whose height is final has done its work.
pub fn load(data_dir: &Path, ledger: &Ledger) -> Result<(), KeptError> {
    let path = data_dir.join(TAKEN_UP);
    let Some(text) = read(&path)? else { return Ok(()) };
    let record = RecoveryRecord::from_json(&text)
        .map_err(|source| KeptError::Contents { path: path.clone(), source })?;
    match ledger.adopt(&record) {
        Ok(_) => Ok(()),
        Err(RecordRefused::Decided { .. }) => fs::remove_file(&path).map_err(failed(&path)),
        Err(source) => Err(KeptError::Refused { path, source: Box::new(source) }),
    }
}

fn read(path: &Path) -> Result<Option<String>, KeptError> {
    let bytes = replaced::read(path, MAX_BYTES).map_err(failed(path))?;
    let text =
        |bytes| String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error));
    bytes.map(text).transpose().map_err(failed(path))
}

fn write(data_dir: &Path, name: &str, record: &RecoveryRecord) -> Result<PathBuf, KeptError> {
    let path = data_dir.join(name);
    let text = record.to_json().map_err(|source| KeptError::Contents { path: path.clone(), source })?;
    replaced::write(data_dir, name, text.as_bytes()).map_err(failed(&path))?;
    Ok(path)
}
