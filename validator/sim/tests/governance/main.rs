//! The governance contract, its shipped code in the EVM that nodes run, against what its rules say: the reference model
//! on random calls, plain arithmetic on every vector of votes, and a bound of gas for every operation.
//!
//! `cargo test` runs a slice of each; `make governance-property`, `make governance-arithmetic` and `make governance-gas`
//! run them as wide as wanted.

mod arithmetic;
mod contract;
mod gas;
mod limits;
mod property;
mod view;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Checks of the governance contract.
#[derive(Parser)]
struct Arguments {
    /// What to check; a slice of everything if not said.
    #[command(subcommand)]
    check: Option<Check>,
}

#[derive(Subcommand)]
enum Check {
    /// Random operations, on the contract and on the reference model.
    Property {
        /// How many.
        #[arg(long, default_value_t = 20_000)]
        operations: u64,
        /// First seed; every thousand operations have their own.
        #[arg(long, default_value_t = 0)]
        from: u64,
    },
    /// Every vector of votes of small networks.
    Arithmetic {
        /// Most members.
        #[arg(long, default_value_t = 7)]
        members: usize,
    },
    /// Gas of every operation in a large network.
    Gas,
}

fn main() -> ExitCode {
    let ours = ["property", "arithmetic", "gas", "--help"];
    if std::env::args().nth(1).is_some_and(|first| !ours.contains(&first.as_str())) {
        // `cargo test -- <filter>` hands its words to every test binary.
        println!("governance: not asked for");
        return ExitCode::SUCCESS;
    }
    let ended = match Arguments::parse().check {
        Some(Check::Property { operations, from }) => property::run(operations, from),
        Some(Check::Arithmetic { members }) => arithmetic::run(members),
        Some(Check::Gas) => gas::run(),
        None => slice(),
    };
    if let Err(why) = ended {
        println!("{why}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn slice() -> Result<(), String> {
    limits::every_role_the_model_names_is_the_contracts()?;
    limits::the_limits_of_members_and_seats_are_the_contracts()?;
    limits::two_regions_of_one_member_do_not_unseat_each_others_nodes()?;
    arithmetic::run(4)?;
    gas::run()?;
    property::run(20_000, 0)
}
