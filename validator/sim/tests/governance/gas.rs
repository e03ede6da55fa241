//! Gas of every operation in a network of 200 members and 400 seats, each in the worst state found for it: full tables,
//! longest texts. What is measured is what the transaction has to be given, so without refunds.

mod reads;
mod world;
mod writes;

use std::cmp::Reverse;

/// No operation may need more: far below the 2^24 of one transaction (EIP-7825).
const MOST: u64 = 10_000_000;

/// Operation, what makes it the worst, gas.
type Row = (&'static str, &'static str, u64);

pub(crate) fn run() -> Result<(), String> {
    let mut rows = writes::measure()?;
    rows.sort_by_key(|(.., gas)| Reverse(*gas));
    println!("| operation | state | gas |\n|---|---|---|");
    print(&rows);
    let mut reads = reads::measure()?;
    reads.sort_by_key(|(.., gas)| Reverse(*gas));
    println!("| read | state | gas |\n|---|---|---|");
    print(&reads);
    let most = |rows: &[Row]| rows.first().map_or(0, |(.., gas)| *gas);
    println!(
        "reads={} read-gas-max={} operations={} gas-max={}",
        reads.len(),
        most(&reads),
        rows.len(),
        most(&rows)
    );
    let (gas, read) = (most(&rows), most(&reads));
    if gas > MOST || read > MOST {
        return Err(format!("an operation needs {gas} gas, a read {read}; at most {MOST} are allowed"));
    }
    Ok(())
}

fn print(rows: &[Row]) {
    for (name, state, gas) in rows {
        println!("| `{name}` | {state} | {} |", grouped(*gas));
    }
}

/// Digits in threes.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let threes: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8(threes.join(&b',')).unwrap()
}
