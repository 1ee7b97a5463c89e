//! The one binary, `kava`: its command line, the composition root, and the edge of the shop.

// Views nest deeply; the type checker needs the room.
#![recursion_limit = "256"]

mod adapter;
pub mod bench;
pub mod cli;
pub mod commands;
pub mod config;
mod courier;
mod doctor;
pub mod edge;
pub mod grpc;
pub mod logging;
mod master_key;
pub mod rest;
mod runtime;
pub mod serve;
pub mod wiring;
