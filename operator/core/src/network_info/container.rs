//! Network infos in a blob container: a folder for each network, in it a blob for each publisher, so that nobody writes over what
//! another member wrote, and one container serves several networks.

use alloy_primitives::{Address, B256};
use chain::network_info::NetworkInfo;
use std::cmp::Reverse;

/// Names that are asked for: one page.
pub const MOST_LISTED: i32 = 256;
/// Documents of one container that are read: as many publishers as are kept.
const MOST_READ: usize = 8;
const SUFFIX: &str = ".json";

/// What the names of a network's blobs begin with.
#[must_use]
pub fn folder(genesis_hash: B256) -> String {
    format!("{genesis_hash:#x}/")
}

/// Name of a publisher's blob.
#[must_use]
pub fn blob_name(genesis_hash: B256, publisher: Address) -> String {
    format!("{}{publisher:#x}{SUFFIX}", folder(genesis_hash))
}

/// A blob in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its whole name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written last, in seconds since 1970.
    pub written: i64,
}

/// The blobs of a network that are worth a look: those written last come first.
#[must_use]
pub fn to_read(listed: Vec<Listed>, genesis_hash: B256) -> Vec<Listed> {
    let folder = folder(genesis_hash);
    let publisher =
        |name: &str| -> Option<Address> { name.strip_prefix(&folder)?.strip_suffix(SUFFIX)?.parse().ok() };
    let mut found: Vec<_> = listed.into_iter().filter(|blob| publisher(&blob.name).is_some()).collect();
    found.sort_by(|a, b| (Reverse(a.written), &a.name).cmp(&(Reverse(b.written), &b.name)));
    found.truncate(MOST_READ);
    found
}

/// What stands where a document is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// The document.
    Same,
    /// Another one, or none.
    Other,
    /// One that this publisher signed, and issued then: readers believe it rather than ours, unless ours is issued later.
    NotOlder(u64),
}

/// Compares what is to be published with what is there.
#[must_use]
pub fn stands(ours: &NetworkInfo, there: Option<&[u8]>) -> Stands {
    let Some(theirs) = there.and_then(|bytes| serde_json::from_slice::<NetworkInfo>(bytes).ok()) else {
        return Stands::Other;
    };
    if theirs == *ours {
        return Stands::Same;
    }
    let rivals = theirs.publisher == ours.publisher && theirs.issued_at >= ours.issued_at;
    if rivals && theirs.verify().is_ok() { Stands::NotOlder(theirs.issued_at) } else { Stands::Other }
}

/// How the publication in a container goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publication {
    /// The document is on its way.
    Underway,
    /// It is there, at this address.
    Written(String),
    /// It is not there, for this reason; it is tried again.
    Failed {
        /// One of `conditions::reasons`.
        reason: &'static str,
        /// Why, for a person.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::{Listed, Stands, blob_name, folder, stands, to_read};
    use crate::network_info::tests::{publisher, signed};
    use alloy_primitives::{Address, B256};

    fn json(info: &chain::network_info::NetworkInfo) -> Vec<u8> {
        serde_json::to_vec(info).expect("JSON")
    }

    #[test]
    fn a_blob_is_named_by_the_network_and_its_publisher() {
        let name = blob_name(B256::repeat_byte(0xab), Address::repeat_byte(0xcd));
        assert_eq!(name, format!("0x{}/0x{}.json", "ab".repeat(32), "cd".repeat(20)));
    }

    #[test]
    fn of_a_container_the_eight_documents_of_this_network_that_were_written_last_are_read() {
        let (network, other) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let of = |name: String, written| Listed { name, bytes: 1, written };
        let publisher = |seed: u8| blob_name(network, Address::repeat_byte(seed));
        let mut listed: Vec<_> = (1..=12).map(|seed| of(publisher(seed), i64::from(seed) / 2)).collect();
        listed.push(of(blob_name(other, Address::repeat_byte(1)), 99));
        listed.push(of(format!("{}readme.txt", folder(network)), 99));
        listed.push(of(format!("{}deeper/{:#x}.json", folder(network), Address::repeat_byte(1)), 99));
        let read: Vec<_> = to_read(listed, network).into_iter().map(|blob| blob.name).collect();
        assert_eq!(read, [12, 10, 11, 8, 9, 6, 7, 4].map(publisher));
    }

    #[test]
    fn what_says_the_same_stays_whatever_its_spaces_are() {
        let info = signed(3, 7, Vec::new());
        assert_eq!(stands(&info, Some(&json(&info))), Stands::Same);
        let pretty = serde_json::to_vec_pretty(&info).expect("JSON");
        assert_eq!(stands(&info, Some(&pretty)), Stands::Same);
        assert_eq!(stands(&info, None), Stands::Other);
        assert_eq!(stands(&info, Some(b"{")), Stands::Other);
    }

    #[test]
    fn only_a_document_that_this_publisher_signed_is_to_be_outdated() {
        let ours = signed(3, 7, Vec::new());
        let later = signed(3, 9, Vec::new());
        assert_eq!(stands(&ours, Some(&json(&later))), Stands::NotOlder(9));
        assert_eq!(stands(&later, Some(&json(&ours))), Stands::Other, "an older one is written over");
        let (bootnode, stranger) = (crate::network_info::tests::bootnode(1, "a"), signed(4, 9, Vec::new()));
        assert_eq!(stands(&ours, Some(&json(&signed(3, 7, vec![bootnode])))), Stands::NotOlder(7));
        assert_eq!(stands(&ours, Some(&json(&stranger))), Stands::Other, "another publisher's");
        let forged = chain::network_info::NetworkInfo { publisher: publisher(3).address, ..stranger };
        assert_eq!(stands(&ours, Some(&json(&forged))), Stands::Other, "nobody signed it");
    }
}
