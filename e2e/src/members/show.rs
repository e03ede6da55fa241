//! What `make demo MEMBERS=3` shows: three members, seven seats, and who voted for whom.

use super::{Member, begin, join, seats, snapshot, votes};
use anyhow::{Result, ensure};

/// bank-a begins with two seats, bank-b joins with three, bank-c with two.
pub async fn show() -> Result<()> {
    let (a, b) = (Member::connect("bank-a").await?, Member::connect("bank-b").await?);
    let c = Member::connect("bank-c").await?;
    println!("\n-- bank-a begins a network alone, with two seats");
    let mut begun = begin(&a, 2, 4).await?;
    println!("  genesis {}: bank-b and bank-c name it in spec.join.genesisHash", begun.genesis);
    println!("\n-- bank-b joins by URL: bank-a has the only vote");
    join(&mut begun, &b, &a, &[&a], (3, 3)).await?;
    println!("\n-- bank-c joins: more than half of two members is two, so both have to vote");
    join(&mut begun, &c, &a, &[&a, &b], (2, 3)).await?;
    let rpc = c.rpc().await?;
    println!("\n-- who voted what");
    for vote in votes(&rpc).await? {
        println!("  {vote}");
    }
    println!("\n-- members, as bank-c sees them");
    let seen = c.consortium().await?;
    for member in seen["status"]["members"].as_array().into_iter().flatten() {
        let text = |field: &str| member[field].as_str().unwrap_or("?").to_owned();
        println!(
            "  {:<8} {}  {} of {} seats, {} heard",
            text("alias"),
            text("admin"),
            member["seats"],
            member["capacity"],
            member["live"]
        );
    }
    let (members, seats) = (snapshot(&rpc).await?.members.len(), seats(&rpc).await?);
    ensure!((members, seats) == (3, 7), "{members} members with {seats} seats, not 3 with 7");
    println!("\nmembers={members} seats={seats}");
    Ok(())
}
