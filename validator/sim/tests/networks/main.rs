//! Networks whose validator sets change, of symbols and of real keys, bytes and ledgers.

mod governed;
mod real;
