//! `Consortium` into what the builders need.

use super::{
    InvalidField,
    keys::{self, AccountKey},
    network::{Container, JoinedNetwork, PublishedService, joined, published, published_blob},
    positions::{address, positions},
};
use crate::{
    api::{
        Consortium,
        consortium::{Account, Create},
    },
    names::{ConsortiumName, FleetName},
    observed::SecretState,
    units::{milliseconds, wei},
    votes::Position,
};
use alloy_primitives::{Address, B256, U256};
use chain::governance::Label;
use std::collections::{BTreeMap, BTreeSet};

const BLOCK_PERIOD: &str = "2s";
const REQUEST_TIMEOUT: &str = "1500ms";
const GAS_LIMIT: i64 = 250_000_000;
const CAPACITY: i32 = 16;

/// A consortium whose every field can be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidConsortium {
    /// Its name.
    pub name: ConsortiumName,
    /// Its namespace.
    pub namespace: String,
    /// Its uid, for owner references.
    pub uid: String,
    /// The member's alias.
    pub alias: Label,
    /// The admin account.
    pub admin: AdminAccount,
    /// The operator account's key.
    pub operator: AccountKey,
    /// Where the network comes from.
    pub network: Network,
    /// The web server with the network info, if one is wanted.
    pub publish: Option<PublishedService>,
    /// The container in which the network info is to be, if one is wanted.
    pub publish_blob: Option<Container>,
    /// What this member wants of it.
    pub positions: Vec<Position>,
    /// Votes without a line here are taken back. Not where the admin's key is elsewhere and nothing is said of votes: another
    /// cluster's manifest has the lines.
    pub takes_back: bool,
}

/// Where the key of the account that votes is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAccount {
    /// With the operator, which signs with it.
    Held(AccountKey),
    /// Elsewhere; this is its address.
    Address(Address),
}

impl AdminAccount {
    /// Its address, once it is known.
    #[must_use]
    pub fn address(&self, secret: &SecretState) -> Option<Address> {
        match self {
            Self::Held(_) => secret.key().map(|stored| stored.key.address),
            Self::Address(address) => Some(*address),
        }
    }
}

/// Where a network comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// This member starts it.
    Create(Chain),
    /// It exists, and is described by its members.
    Join(JoinedNetwork),
}

impl Network {
    /// The network to join, if that is what is wanted.
    #[must_use]
    pub const fn join(&self) -> Option<&JoinedNetwork> {
        match self {
            Self::Create(_) => None,
            Self::Join(joined) => Some(joined),
        }
    }
}

/// What the genesis is made from, beside the addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Fleets that hold the first seats.
    pub fleets: BTreeSet<FleetName>,
    /// Seconds between blocks.
    pub block_period_s: u64,
    /// Round-0 timeout in milliseconds.
    pub request_timeout_ms: u64,
    /// Gas limit.
    pub gas_limit: u64,
    /// Seats of this member, and default of later ones.
    pub capacity: u16,
    /// Balances in wei.
    pub accounts: BTreeMap<Address, U256>,
    /// Hash that the genesis must have.
    pub pin: Option<B256>,
}

/// Checks a consortium.
pub fn consortium(object: &Consortium) -> Result<ValidConsortium, InvalidField> {
    let name = ConsortiumName(object.metadata.name.clone().unwrap_or_default());
    let member = &object.spec.member;
    let alias = Label::new(&member.alias)
        .map_err(|error| InvalidField::new("spec.member.alias", error.to_string()))?;
    let operator = operator(&member.operator, &name)?;
    let admin = admin(&member.admin, &name)?;
    if let AdminAccount::Held(admin) = &admin {
        apart(admin, &operator)?;
    }
    Ok(ValidConsortium {
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        alias,
        takes_back: object.spec.governance.is_some() || matches!(admin, AdminAccount::Held(_)),
        admin,
        operator,
        network: network(object)?,
        publish: published(object)?,
        publish_blob: published_blob(object)?,
        positions: object.spec.governance.as_ref().map_or(Ok(Vec::new()), positions)?,
        name,
    })
}

fn admin(
    account: &crate::api::consortium::AdminAccount,
    name: &ConsortiumName,
) -> Result<AdminAccount, InvalidField> {
    let held = keys::account(account.secret.as_ref(), account.azure_key_vault.as_ref(), name.admin());
    let none = account.secret.is_none() && account.azure_key_vault.is_none();
    match (held, &account.address) {
        (Some(key), None) => Ok(AdminAccount::Held(key)),
        (None, Some(text)) if none => address("spec.member.admin.address", text).map(AdminAccount::Address),
        _ => Err(InvalidField::new(
            "spec.member.admin",
            "needs exactly one of secret, azureKeyVault and address",
        )),
    }
}

fn operator(account: &Account, name: &ConsortiumName) -> Result<AccountKey, InvalidField> {
    keys::account(account.secret.as_ref(), account.azure_key_vault.as_ref(), name.operator()).ok_or_else(
        || InvalidField::new("spec.member.operator", "needs exactly one of secret and azureKeyVault"),
    )
}

/// Every account needs a key of its own.
fn apart(admin: &AccountKey, operator: &AccountKey) -> Result<(), InvalidField> {
    let own = "every account needs a key of its own";
    if admin.secret == operator.secret {
        return Err(InvalidField::new(
            "spec.member.operator.secret.name",
            format!("is {}, as the admin's; {own}", operator.secret),
        ));
    }
    match (admin.place(), operator.place()) {
        (Some(admin), Some(operator)) if admin == operator => Err(InvalidField::new(
            "spec.member.operator.azureKeyVault.keyName",
            format!("is {}, as the admin's; {own}", operator.name),
        )),
        _ => Ok(()),
    }
}

fn network(object: &Consortium) -> Result<Network, InvalidField> {
    match (&object.spec.create, &object.spec.join) {
        (Some(create), None) => chain(create).map(Network::Create),
        (None, Some(join)) => joined(join).map(Network::Join),
        _ => Err(InvalidField::new("spec.create", "exactly one of spec.create and spec.join must be set")),
    }
}

fn chain(create: &Create) -> Result<Chain, InvalidField> {
    let period = create.block_period.as_deref().unwrap_or(BLOCK_PERIOD);
    let period_ms = milliseconds(period).filter(|ms| ms % 1000 == 0).ok_or_else(|| {
        InvalidField::new("spec.create.blockPeriod", format!("is {period}; write whole seconds, as 2s"))
    })?;
    let timeout = create.request_timeout.as_deref().unwrap_or(REQUEST_TIMEOUT);
    let request_timeout_ms = milliseconds(timeout).ok_or_else(|| {
        InvalidField::new("spec.create.requestTimeout", format!("is {timeout}; write it as 1500ms or 2s"))
    })?;
    Ok(Chain {
        chain_id: positive("spec.create.chainId", create.chain_id)?,
        fleets: create.fleets.iter().cloned().map(FleetName).collect(),
        block_period_s: period_ms / 1000,
        request_timeout_ms,
        gas_limit: positive("spec.create.gasLimit", create.gas_limit.unwrap_or(GAS_LIMIT))?,
        capacity: capacity(create.capacity.unwrap_or(CAPACITY))?,
        accounts: accounts(create)?,
        pin: create.genesis_hash.as_deref().map(|text| hash("spec.create.genesisHash", text)).transpose()?,
    })
}

fn positive(field: &str, value: i64) -> Result<u64, InvalidField> {
    u64::try_from(value)
        .ok()
        .filter(|value| *value > 0)
        .ok_or_else(|| InvalidField::new(field, format!("is {value}; it must be 1 or more")))
}

fn capacity(value: i32) -> Result<u16, InvalidField> {
    let most = chain::governance::MAX_SEATS;
    u16::try_from(value).ok().filter(|value| (1..=most).contains(&usize::from(*value))).ok_or_else(|| {
        InvalidField::new("spec.create.capacity", format!("is {value}; it must be 1 to {most}"))
    })
}

fn accounts(create: &Create) -> Result<BTreeMap<Address, U256>, InvalidField> {
    let mut accounts = BTreeMap::new();
    for account in &create.accounts {
        let field = format!("spec.create.accounts[{}]", account.address);
        let address = address(&field, &account.address)?;
        let balance = wei(&account.balance).ok_or_else(|| {
            InvalidField::new(
                &format!("{field}.balance"),
                format!("is {:?}; write it as \"1000 ether\"", account.balance),
            )
        })?;
        if accounts.insert(address, balance).is_some() {
            return Err(InvalidField::new(&field, "stands twice, in other letter case; keep one"));
        }
    }
    Ok(accounts)
}

pub(super) fn hash(field: &str, text: &str) -> Result<B256, InvalidField> {
    text.parse().map_err(|_| InvalidField::new(field, format!("is {text:?}; write 0x and 64 hex digits")))
}
