//! A disk that stops, and forgets what was not synced.

use super::super::{LedgerError, StateStore};
use rand::{Rng as _, rngs::StdRng};
use redb::{Builder, StorageBackend};
use std::{
    io,
    sync::{Arc, Mutex},
};

/// What a disk was told, in order.
#[derive(Clone, Debug)]
enum Told {
    Write(u64, Vec<u8>),
    Length(u64),
    Sync,
}

#[derive(Debug, Default)]
struct Platter {
    /// As the running process sees it.
    bytes: Vec<u8>,
    told: Vec<Told>,
    /// Operations until none succeeds.
    left: Option<usize>,
}

/// A disk that fails from some operation on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    pub(crate) fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Platter { bytes, ..Platter::default() })))
    }

    /// Nothing succeeds any more after so many operations.
    pub(crate) fn stop_after(&self, operations: usize) {
        self.0.lock().unwrap().left = Some(operations);
    }

    fn tell(&self, told: Told) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        if let Some(left) = &mut platter.left {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("the disk stopped"))?;
        }
        match &told {
            Told::Write(offset, data) => put(&mut platter.bytes, *offset, data),
            Told::Length(length) => platter.bytes.resize(usize::try_from(*length).unwrap(), 0),
            Told::Sync => {}
        }
        platter.told.push(told);
        Ok(())
    }

    /// What is there after the power went: all that was synced, and of the rest what chance left, a torn write included.
    pub(crate) fn after_power_cut(&self, random: &mut StdRng) -> Vec<u8> {
        let platter = self.0.lock().unwrap();
        let synced = platter.told.iter().rposition(|told| matches!(told, Told::Sync)).map_or(0, |at| at + 1);
        let mut bytes = Vec::new();
        for (index, told) in platter.told.iter().enumerate() {
            match told {
                Told::Write(offset, data) if index < synced => put(&mut bytes, *offset, data),
                Told::Write(offset, data) => {
                    let kept = data.len() * random.random_range(0..=4) / 4;
                    put(&mut bytes, *offset, &data[..kept]);
                }
                Told::Length(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
                Told::Sync => {}
            }
        }
        bytes
    }

    pub(crate) fn store(&self) -> Result<StateStore, LedgerError> {
        let database = Builder::new().create_with_backend(self.clone());
        StateStore::over(database.map_err(|error| LedgerError::Storage(Box::new(error.into())))?)
    }

    pub(crate) fn operations(&self) -> usize {
        self.0.lock().unwrap().told.len()
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let from = usize::try_from(offset).unwrap();
    bytes.resize(bytes.len().max(from + data.len()), 0);
    bytes[from..from + data.len()].copy_from_slice(data);
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.0.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        out.copy_from_slice(platter.bytes.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.tell(Told::Length(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.tell(Told::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.tell(Told::Write(offset, data.to_vec()))
    }
}
