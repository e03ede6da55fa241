//! Museum of bugs: the ways in which clients of this family have forked or stood still, each with a test that fails once
//! that bug is put into our core. `mutants/table.md` says which patch does it; `make museum` proves it.

#![expect(unreachable_pub, reason = "a test crate exports nothing; `pub` is for its own modules")]

#[expect(dead_code, reason = "the step tables need more of it")]
#[path = "../it/bench.rs"]
mod bench;
#[path = "../it/real.rs"]
mod real;

mod blocks;
mod bounds;
mod formats;
mod locks;
mod net;
mod restarts;
mod rounds;
mod sets;
mod table;
mod votes;
