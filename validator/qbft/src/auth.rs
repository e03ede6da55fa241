//! Who signed what: the only door through which a signed part becomes [`Verified`].

use alloy_primitives::{Address, B256};
use chain::{Seal, signature::SignatureError};

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Ecdsa {}
    #[cfg(feature = "symbolic")]
    impl Sealed for super::Symbolic {}
}

/// Recovers the author of a signature. Sealed: [`Ecdsa`] is the only one in shipped binaries.
pub trait Authenticator: sealed::Sealed {
    /// The address that signed `hash`.
    fn recover(hash: B256, signature: &Seal) -> Result<Address, SignatureError>;
}

/// secp256k1 recovery, strict (low `s`, `v` 0 or 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecdsa {}

impl Authenticator for Ecdsa {
    fn recover(hash: B256, signature: &Seal) -> Result<Address, SignatureError> {
        chain::signature::recover(hash, signature)
    }
}

/// Signatures that name their author and carry the hash in the clear: unforgeable only by convention, for simulation.
#[cfg(feature = "symbolic")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbolic {}

#[cfg(feature = "symbolic")]
impl Symbolic {
    /// What `author` would sign for `hash`.
    #[must_use]
    pub fn sign(author: Address, hash: B256) -> Seal {
        let mut bytes = [0u8; 65];
        let (name, rest) = bytes.split_at_mut(20);
        name.copy_from_slice(author.as_slice());
        let (signed, _) = rest.split_at_mut(32);
        signed.copy_from_slice(hash.as_slice());
        Seal::from(bytes)
    }
}

#[cfg(feature = "symbolic")]
impl Authenticator for Symbolic {
    fn recover(hash: B256, signature: &Seal) -> Result<Address, SignatureError> {
        let (name, rest) = signature.split_at(20);
        let (signed, _) = rest.split_at(32);
        if signed == hash.as_slice() {
            Ok(Address::from_slice(name))
        } else {
            Err(SignatureError::Unrecoverable)
        }
    }
}

/// A payload with its signature as it came from outside; nobody has checked it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<P> {
    /// What was signed.
    pub payload: P,
    /// `keccak(rlp([code, payload]))` over the payload's bytes **as received** (`qbft-facts` §2.3).
    pub signing_hash: B256,
    /// The signature of that hash.
    pub signature: Seal,
}

impl<P> Signed<P> {
    /// Recovers the author.
    pub fn authenticate<A: Authenticator>(self) -> Result<Verified<P>, SignatureError> {
        let author = A::recover(self.signing_hash, &self.signature)?;
        Ok(Verified { payload: self.payload, signature: self.signature, author })
    }
}

/// A payload whose signature was checked, and who signed it. Whether the author may vote is the core's to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<P> {
    payload: P,
    signature: Seal,
    author: Address,
}

impl<P> Verified<P> {
    /// What was signed.
    pub const fn payload(&self) -> &P {
        &self.payload
    }

    /// The signature over it.
    pub const fn signature(&self) -> &Seal {
        &self.signature
    }

    /// Who signed it.
    pub const fn author(&self) -> Address {
        self.author
    }

    /// A part that this node signed itself.
    pub(crate) const fn own(payload: P, signature: Seal, author: Address) -> Self {
        Self { payload, signature, author }
    }

    /// A part that `author` signed, by the simulator's convention.
    #[cfg(feature = "symbolic")]
    #[must_use]
    pub fn symbolic(payload: P, author: Address) -> Self {
        Self { payload, signature: Symbolic::sign(author, B256::ZERO), author }
    }
}
