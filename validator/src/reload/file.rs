//! The file as it stands, once it has come to rest.

use super::Refused;
use std::{
    fs::File,
    io::{Read as _, Result},
    path::Path,
};

/// Longest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// What a look found.
pub(super) type Found = std::result::Result<String, Refused>;

/// The text, bounded.
pub(super) fn read(path: &Path) -> Found {
    let read = || -> Result<String> {
        let mut text = String::new();
        File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    match read() {
        Ok(text) if text.len() as u64 > MAX_BYTES => Err(Refused::Size { most: MAX_BYTES }),
        Ok(text) => Ok(text),
        Err(error) => Err(Refused::Unreadable(error.to_string())),
    }
}

/// Somebody may be writing while it is read: only what two looks in a row find is news, and once.
#[derive(Default)]
pub(super) struct Settled {
    before: Option<Found>,
    told: bool,
}

impl Settled {
    /// What is found now, if it stands still and was not told yet.
    pub(super) fn news(&mut self, found: Found) -> Option<Found> {
        if self.before.as_ref() != Some(&found) {
            (self.before, self.told) = (Some(found), false);
            return None;
        }
        (!std::mem::replace(&mut self.told, true)).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_news_once_and_only_when_it_stands_still() {
        let mut settled = Settled::default();
        let found = |text: &str| Ok(text.to_string());
        for (text, is_news) in [
            ("a", false),
            ("a", true),
            ("a", false),
            ("b", false),
            ("c", false),
            ("c", true),
            ("c", false),
            ("a", false),
            ("a", true),
        ] {
            assert_eq!(settled.news(found(text)).is_some(), is_news, "{text}");
        }
        assert_eq!(settled.news(Err(Refused::Size { most: 1 })), None);
        assert_eq!(settled.news(Err(Refused::Size { most: 1 })), Some(Err(Refused::Size { most: 1 })));
    }

    #[test]
    fn a_file_that_is_gone_or_too_long_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.json");
        assert!(matches!(read(&path), Err(Refused::Unreadable(_))));
        let most = usize::try_from(MAX_BYTES).unwrap();
        std::fs::write(&path, "x".repeat(most)).unwrap();
        assert_eq!(read(&path).map(|text| text.len()), Ok(most));
        std::fs::write(&path, "x".repeat(most + 1)).unwrap();
        assert_eq!(read(&path), Err(Refused::Size { most: MAX_BYTES }));
    }
}
