//! `kava simulate`: what would have been, and what would be.

pub mod campaign;
pub mod policy;

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Replay the last weeks against a draft: a campaign that joins the rules in force, or a whole rule set
    Campaign(campaign::Args),
    /// Discount policies against each other, on shoppers whose answers are known
    Policy(policy::Args),
}
