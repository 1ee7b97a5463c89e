//! The edge of the shop on a real PostgreSQL: REST's rules, pages' policy, and what survives a kill.

mod edge;
mod kill;
mod openapi;
mod rest;
mod server_functions;
mod stand;
