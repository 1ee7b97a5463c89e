#![doc = include_str!("../README.md")]

pub use prost_types::Timestamp;

tonic::include_proto!("kava.till.v1");
