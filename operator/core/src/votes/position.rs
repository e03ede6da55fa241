//! A position, the content it stands for on chain, and whether the chain is as it says.

use crate::observed::{Governance, MemberObserved};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use chain::governance::{Kind, Label};

/// Names this wording of a line in the call data of every vote cast for it.
pub type Mark = B256;

/// A line of `spec.governance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Where it stands below `spec.governance`.
    pub line: String,
    /// What it wants.
    pub aim: Aim,
    /// Why, for the others.
    pub memo: String,
}

/// What a position wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// An account is a member.
    Admit {
        /// Its admin account.
        address: Address,
        /// Its alias.
        alias: Label,
        /// Its seats; 0 for the default.
        capacity: u16,
        /// Its operator account.
        operator: Option<Address>,
    },
    /// An account is no member.
    Expel {
        /// Its admin account.
        address: Address,
    },
    /// A member has this capacity.
    Capacity {
        /// Its admin account.
        address: Address,
        /// Seats.
        capacity: u16,
    },
    /// Parameters have these values; 0 leaves one as it is.
    Parameters {
        /// In the contract's order.
        values: [u64; 5],
        /// First block; 0 for the next.
        from_block: u64,
    },
    /// A hardfork begins.
    Hardfork {
        /// Its name.
        name: Label,
        /// Its first block.
        at_block: u64,
    },
    /// A name leads to a contract; the zero address takes it out.
    NamedContract {
        /// The name.
        name: Label,
        /// The contract.
        address: Address,
    },
    /// An account seats nodes of this member; no vote is needed.
    Operator {
        /// The account.
        address: Address,
    },
    /// A proposal fails.
    Oppose {
        /// Which.
        id: u64,
    },
}

/// What makes two proposals the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Kind.
    pub kind: Kind,
    /// Subject.
    pub subject: B256,
    /// Values, ABI-encoded.
    pub values: Bytes,
}

fn words(words: impl IntoIterator<Item = U256>) -> Bytes {
    words.into_iter().flat_map(|word| word.to_be_bytes::<32>()).collect::<Vec<u8>>().into()
}

fn address_word(address: Address) -> U256 {
    address.into_word().into()
}

impl Position {
    /// Changes with every edit that matters: what is wanted, and the memo.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let mut text = b"Quorate position 1".to_vec();
        text.extend(self.aim.bytes());
        text.extend(self.memo.as_bytes());
        keccak256(text)
    }
}

impl Aim {
    /// Fixed length for each kind, so that no two aims with their memos read the same.
    fn bytes(&self) -> Vec<u8> {
        let (tag, values): (u8, Bytes) = match self {
            Self::Admit { address, alias, capacity, operator } => (
                0,
                words([
                    address_word(*address),
                    alias.to_word().into(),
                    U256::from(*capacity),
                    address_word(operator.unwrap_or_default()),
                ]),
            ),
            Self::Expel { address } => (1, words([address_word(*address)])),
            Self::Capacity { address, capacity } => {
                (2, words([address_word(*address), U256::from(*capacity)]))
            }
            Self::Parameters { values, from_block } => {
                (3, words(values.iter().chain([from_block]).map(|value| U256::from(*value))))
            }
            Self::Hardfork { name, at_block } => (4, words([name.to_word().into(), U256::from(*at_block)])),
            Self::NamedContract { name, address } => {
                (5, words([name.to_word().into(), address_word(*address)]))
            }
            Self::Oppose { id } => (6, words([U256::from(*id)])),
            Self::Operator { address } => (7, words([address_word(*address)])),
        };
        std::iter::once(tag).chain(values).collect()
    }

    /// What to propose; `None` for what is no proposal, or about nobody that is a member.
    #[must_use]
    pub fn content(&self, view: &Governance) -> Option<Content> {
        let member = |address: &Address| {
            let found = view.members.iter().find(|member| member.admin == *address)?;
            Some(B256::from(U256::from(found.id)))
        };
        let (kind, subject, values) = match self {
            Self::Admit { address, alias, capacity, operator } => (
                Kind::AdmitMember,
                address.into_word(),
                words([
                    alias.to_word().into(),
                    U256::from(*capacity),
                    address_word(operator.unwrap_or_default()),
                ]),
            ),
            Self::Expel { address } => (Kind::ExpelMember, member(address)?, Bytes::new()),
            Self::Capacity { address, capacity } => {
                (Kind::SetCapacity, member(address)?, words([U256::from(*capacity)]))
            }
            Self::Parameters { values, from_block } => (
                Kind::SetParameters,
                B256::ZERO,
                words(values.iter().chain([from_block]).map(|value| U256::from(*value))),
            ),
            Self::Hardfork { name, at_block } => {
                (Kind::ScheduleHardfork, name.to_word(), words([U256::from(*at_block)]))
            }
            Self::NamedContract { name, address } => {
                (Kind::SetNamedContract, name.to_word(), words([address_word(*address)]))
            }
            Self::Operator { .. } | Self::Oppose { .. } => return None,
        };
        Some(Content { kind, subject, values })
    }

    /// Whether the chain is as the position of a member says. A parameter that is scheduled counts: nothing is left to vote on.
    #[must_use]
    pub fn in_force(&self, view: &Governance, us: &MemberObserved) -> bool {
        let member = |address: &Address| view.members.iter().find(|member| member.admin == *address);
        match self {
            Self::Admit { address, .. } => member(address).is_some(),
            Self::Expel { address } => member(address).is_none(),
            Self::Capacity { address, capacity } => {
                member(address).is_some_and(|member| member.capacity == *capacity)
            }
            Self::Parameters { values, .. } => {
                values.iter().zip(&view.parameters).all(|(want, is)| *want == 0 || want == is)
            }
            Self::Hardfork { name, at_block } => view.hardforks.contains(&(name.to_word(), *at_block)),
            Self::NamedContract { name, address } => {
                let found = view.named_contracts.iter().find(|(known, _)| *known == name.to_word());
                found.map(|(_, at)| *at).unwrap_or_default() == *address
            }
            Self::Operator { address } => us.operators.contains(address),
            Self::Oppose { .. } => false,
        }
    }
}

/// The contract's word for a kind.
#[must_use]
pub const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::AdmitMember => "AdmitMember",
        Kind::ExpelMember => "ExpelMember",
        Kind::SetCapacity => "SetCapacity",
        Kind::SetParameters => "SetParameters",
        Kind::ScheduleHardfork => "ScheduleHardfork",
        Kind::SetNamedContract => "SetNamedContract",
        Kind::Upgrade => "Upgrade",
        Kind::__Invalid => "Unknown",
    }
}

const PARAMETERS: [&str; 6] = [
    "blockPeriodSeconds",
    "requestTimeoutMillis",
    "gasLimit",
    "defaultCapacity",
    "votingBlocks",
    "fromBlock",
];

/// Subject and values for a person; values that others made are read as far as they go.
#[must_use]
pub fn described(content: &Content, view: &Governance) -> (String, String) {
    let word = |index: usize| {
        let bytes = content.values.get(index * 32..index * 32 + 32).unwrap_or(&[0; 32]);
        U256::from_be_slice(bytes)
    };
    let text = |word: B256| Label::from_word(word).map_or_else(|_| word.to_string(), String::from);
    let account = |word: U256| Address::from_word(word.into()).to_string();
    let member = || {
        let id = U256::from_be_bytes(content.subject.0);
        let found = view.members.iter().find(|member| U256::from(member.id) == id);
        found.map_or_else(|| format!("member {id}"), |member| format!("{} {}", member.alias, member.admin))
    };
    match content.kind {
        Kind::AdmitMember => {
            let capacity = match word(1) {
                U256::ZERO => "capacity by default".to_owned(),
                capacity => format!("capacity {capacity}"),
            };
            let operator =
                if word(2).is_zero() { String::new() } else { format!(", operator {}", account(word(2))) };
            (
                format!("{} {}", text(word(0).into()), Address::from_word(content.subject)),
                capacity + &operator,
            )
        }
        Kind::ExpelMember => (member(), String::new()),
        Kind::SetCapacity => (member(), format!("capacity {}", word(0))),
        Kind::SetParameters => {
            let named = PARAMETERS.iter().enumerate().filter(|(index, _)| !word(*index).is_zero());
            let values: Vec<_> = named.map(|(index, name)| format!("{name} {}", word(index))).collect();
            ("the network".to_owned(), values.join(", "))
        }
        Kind::ScheduleHardfork => (text(content.subject), format!("from block {}", word(0))),
        Kind::SetNamedContract => (text(content.subject), account(word(0))),
        Kind::Upgrade => (Address::from_word(content.subject).to_string(), format!("from block {}", word(0))),
        Kind::__Invalid => (content.subject.to_string(), String::new()),
    }
}
