//! The edge of the shop on a real PostgreSQL: REST's rules, pages' policy, and what survives a kill.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot set up, it cannot go on without")]

mod campaigns;
mod connections;
mod edge;
mod grpc;
mod kill;
mod offline;
mod openapi;
mod policy;
mod rest;
mod server_functions;
mod stand;
mod till_sim;
