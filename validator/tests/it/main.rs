//! The node as its users meet it: processes, files, ports.

mod bad_input;
mod catch_up;
mod foreign;
mod hostile;
mod journal;
mod live;
mod membership;
mod restart;
mod support;
