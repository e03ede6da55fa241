//! Room on the disk of the data directory. Votes go into room that was made before, so a node votes on for a while after
//! its disk has filled; that is the time to grow it, and somebody must be told.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// A disk with less than this part of it left is nearly full…
const PART: u64 = 20;
/// …unless so many bytes are left: a large disk is not full with much room.
const ENOUGH: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// What a file system has for the node, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Left for a process without privileges.
    pub free: u64,
    /// Altogether.
    pub size: u64,
}

/// The data directory's disk, looked at from time to time.
#[derive(Debug)]
pub struct Disk {
    dir: PathBuf,
    bad: AtomicBool,
}

/// What a look found.
#[derive(Debug)]
pub struct Looked {
    /// Room, if the file system told.
    pub room: Option<Room>,
    /// What a person must know.
    pub fault: Option<String>,
    /// Whether the look before found nothing wrong.
    pub began: bool,
}

impl Disk {
    /// Of a data directory.
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir, bad: AtomicBool::new(false) }
    }

    /// Asks the file system, and logs when something begins to be wrong.
    pub fn look(&self) -> Looked {
        let room = Room::of(&self.dir);
        let fault = match &room {
            Ok(room) => room.judge(&self.dir),
            Err(error) => Some(format!("{} does not tell its room: {error}", self.dir.display())),
        };
        let was_bad = self.bad.swap(fault.is_some(), Ordering::AcqRel);
        let began = fault.as_ref().filter(|_| !was_bad);
        if let Some(fault) = began {
            tracing::error!(%fault, "local fault, needs a person");
        }
        Looked { room: room.ok(), began: began.is_some(), fault }
    }
}

impl Room {
    /// Asks the file system.
    pub fn of(dir: &Path) -> io::Result<Self> {
        let found = rustix::fs::statvfs(dir)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Self { free: bytes(found.f_bavail), size: bytes(found.f_blocks) })
    }

    /// What somebody must be told, if anything. A file system that tells no size has no bound to speak of.
    pub fn judge(self, dir: &Path) -> Option<String> {
        let low = self.size > 0 && self.free < (self.size / PART).min(ENOUGH);
        low.then(|| {
            let (dir, free, size) = (dir.display(), self.free / MIB, self.size / MIB);
            format!(
                "{dir} has {free} MiB left of {size}, the disk is nearly full; grow it before this node has to stop voting"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_nearly_full_below_a_twentieth_of_it_and_below_a_gibibyte() {
        const GIB: u64 = 1 << 30;
        let told = |free, size| Room { free, size }.judge(Path::new("/data")).is_some();
        for (free, size, low) in [
            (0, 96 * MIB, true),
            (4 * MIB, 96 * MIB, true),
            (5 * MIB, 96 * MIB, false),
            (GIB, 1024 * GIB, false),
            (GIB - 1, 1024 * GIB, true),
            (0, 0, false),
        ] {
            assert_eq!(told(free, size), low, "{free} of {size}");
        }
    }

    #[test]
    fn a_folder_that_exists_has_a_size_and_one_that_does_not_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Room::of(dir.path()).unwrap().size > 0);
        assert_eq!(Room::of(&dir.path().join("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_look_says_when_something_begins_to_be_wrong_and_not_again_while_it_lasts() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::new(dir.path().join("data"));
        let began = [(); 2].map(|()| disk.look().began);
        std::fs::create_dir(dir.path().join("data")).unwrap();
        assert!(disk.look().room.is_some());
        std::fs::remove_dir(dir.path().join("data")).unwrap();
        assert_eq!((began, disk.look().began), ([true, false], true));
    }

    #[test]
    fn what_is_said_has_both_numbers_and_what_to_do() {
        let full = Room { free: 3 * MIB, size: 96 * MIB }.judge(Path::new("/data")).unwrap();
        assert_eq!(
            full,
            "/data has 3 MiB left of 96, the disk is nearly full; grow it before this node has to stop voting"
        );
    }
}
