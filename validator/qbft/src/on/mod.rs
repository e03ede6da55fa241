//! The handlers, one file per input, named as in the formal specification (`dafny/spec/L1/node.dfy`).

mod answers;
mod commit;
mod message;
mod new_block;
mod prepare;
mod proposal;
mod round_change;
mod timeout;
