//! Read, change, check, publish. Nothing is read while the revision in force is held: whoever waits for it keeps a
//! connection, and they could be all that there are. So a change is made on what was read before, and made again when
//! somebody published in between: nobody's change is lost.

use contract::campaigns::{Author, Revision};
use contract::{Once, Refusal};
use promotions::Params;
use sha2::{Digest, Sha256};
use store::idempotency::{self, Claim, Claimed};
use store::{StoreError, campaigns, sessions};

use super::reading::{refuse, text_of};
use crate::Shop;
use crate::till::Stop;

/// A change of the rules in force: the rules after it, and where in them is what the caller sent.
pub(super) type Changed = Result<(Params, String), Refusal>;

impl Shop {
    /// Publishes the rules in force with this change; once for each key where there is a claim of one.
    pub(super) async fn change_rules(
        &self,
        author: &Author,
        expected: Option<i64>,
        claim: Option<&Claim<'_>>,
        change: impl Fn(Params) -> Changed + Send + Sync,
    ) -> Result<Once<Revision>, Stop> {
        loop {
            if let Some(claim) = claim
                && let Some(answered) = answered(self.store.answered(claim).await?)?
            {
                return Ok(answered);
            }
            if let Some(published) = self.try_change(author, expected, claim, &change).await? {
                return Ok(published);
            }
        }
    }

    /// `None` when somebody published meanwhile.
    async fn try_change(
        &self,
        author: &Author,
        expected: Option<i64>,
        claim: Option<&Claim<'_>>,
        change: impl Fn(Params) -> Changed + Send + Sync,
    ) -> Result<Option<Once<Revision>>, Stop> {
        let in_force = self.store.rules_revision().await?;
        let number = in_force.unwrap_or(0);
        if expected.is_some_and(|expected| expected != number) {
            return Err(conflict(number).into());
        }
        let before = self.rules_of(in_force).await?;
        let (params, within) = change(before.params().clone())?;
        let rules = params.check().map_err(|problems| refuse(problems, &within))?;
        let (text, old) = (text_of(&rules)?, text_of(&before)?);
        let standing = if text == old { self.revision(in_force).await? } else { None };

        let now = self.clock.now();
        let mut tx = sessions::begin_patient(&self.store).await?;
        if let Some(claim) = claim
            && let Some(answered) = answered(idempotency::claim(&mut tx, claim, "", now).await?)?
        {
            return Ok(Some(answered));
        }
        if campaigns::hold(&mut tx).await?.ok_or_else(crate::till::not_set_up)? != in_force {
            return Ok(None);
        }
        let revision = match standing {
            Some(standing) => standing,
            None => Revision {
                revision: campaigns::publish(&mut tx, &text, &author.name, now).await?,
                published_at: Some(now),
                published_by: Some(author.name.clone()),
                sha256: hex(&Sha256::digest(&text)),
            },
        };
        let body = serde_json::to_string(&revision).map_err(|why| unreadable(&why))?;
        if let Some(claim) = claim {
            idempotency::complete(&mut tx, claim, &body).await?;
        }
        store::commit(tx).await?;
        self.snapshots.expire();
        Ok(Some(Once { value: revision, body, replayed: false }))
    }

    /// What was published as this revision; `None` for none.
    pub(super) async fn revision(&self, revision: Option<i64>) -> Result<Option<Revision>, StoreError> {
        let Some(number) = revision else { return Ok(None) };
        let found = self.store.rule_sets(number.checked_add(1), 1).await?;
        Ok(found.into_iter().find(|published| published.revision == number).map(shown))
    }
}

pub(super) fn shown(published: campaigns::Published) -> Revision {
    Revision {
        revision: published.revision,
        published_at: Some(published.published_at),
        published_by: Some(published.published_by),
        sha256: hex(&published.sha256),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn conflict(in_force: i64) -> Refusal {
    let detail =
        format!("Revision {in_force} is in force: somebody published meanwhile. Look at it, and publish on it.");
    Refusal::conflict("revision-conflict", detail.clone()).at("/expected_revision", "revision-conflict", detail)
}

/// What a key was answered before; `None` when nobody has used it.
pub(super) fn answered<T: serde::de::DeserializeOwned>(claimed: Claimed) -> Result<Option<Once<T>>, Stop> {
    match claimed {
        Claimed::First => Ok(None),
        Claimed::Answered(body) => {
            let value = serde_json::from_str(&body).map_err(|why| unreadable(&why))?;
            Ok(Some(Once { value, body, replayed: true }))
        }
        Claimed::Reused => {
            let detail = "This Idempotency-Key was used for another request: take a new one.";
            Err(Refusal::unacceptable("idempotency-key-reused", detail).into())
        }
    }
}

pub(super) fn unreadable(why: &serde_json::Error) -> StoreError {
    StoreError::corrupt("answer", why)
}
