//! The crate as its users see it: published vectors, and nodes talking over loopback.

mod admission;
mod client;
mod compact;
mod connect;
mod gossip;
mod hostile;
mod node;
mod requests;
mod vectors;
mod versions;
