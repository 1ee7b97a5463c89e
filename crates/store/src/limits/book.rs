//! The book of a few accounts that a transaction holds: what a story does with them, in memory and without waiting.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Short, Use};

/// What an account has. The row is locked, so it stays what it is until the book is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub id: i64,
    pub ceiling: i64,
    pub committed: i64,
    pub reserved: i64,
    pub touched: bool,
}

/// What one session holds of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub holder: Uuid,
    pub amount: i64,
    pub expires_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Reserve,
    Release,
    Commit,
    Return,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Release => "release",
            Self::Commit => "commit",
            Self::Return => "return",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub account: i64,
    pub session: Uuid,
    pub kind: Kind,
    pub amount: i64,
}

/// The accounts by key, all holds on them that matter here, and what was done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub accounts: BTreeMap<String, Account>,
    /// By session and account: those of the sessions that act, and the expired ones of everybody else.
    pub holds: BTreeMap<(Uuid, i64), Hold>,
    pub entries: Vec<Entry>,
    /// Holds that are no longer what is stored: to be written, or deleted where there is none any more.
    pub moved: BTreeSet<(Uuid, i64)>,
}

impl Book {
    /// Expired holds count no longer, whoever has them.
    pub fn expire(&mut self, now: DateTime<Utc>) {
        let expired: Vec<(Uuid, i64)> =
            self.holds.iter().filter(|(_, hold)| hold.expires_at <= now).map(|(&place, _)| place).collect();
        for (session, account) in expired {
            self.let_go(session, account);
        }
    }

    /// What the session may have of it, counting what it holds already.
    pub fn room(&self, session: Uuid, key: &str, limit: i64) -> i64 {
        let Some(account) = self.accounts.get(key) else { return limit.max(0) };
        let others = account.reserved - self.held(session, account.id);
        limit.saturating_sub(account.committed).saturating_sub(others).max(0)
    }

    /// The session holds exactly these; or, when one has no room, what it held before.
    pub fn reserve(
        &mut self,
        session: Uuid,
        uses: &[Use<'_>],
        holder: Uuid,
        until: DateTime<Utc>,
    ) -> Result<(), Vec<Short>> {
        let short: Vec<Short> = uses.iter().filter_map(|wanted| self.short(session, wanted)).collect();
        if !short.is_empty() {
            return Err(short);
        }
        self.let_go_of_others(session, uses);
        for wanted in uses {
            if let Some(account) = self.take(session, wanted) {
                let hold = Hold { holder, amount: wanted.amount, expires_at: until };
                self.holds.insert((session, account), hold);
            }
        }
        Ok(())
    }

    /// What the session uses is spent for good; what it held beside that is free again. A hold is a promise: it is kept
    /// although the limit was lowered since.
    pub fn commit(&mut self, session: Uuid, uses: &[Use<'_>]) -> Result<(), Vec<Short>> {
        let short: Vec<Short> = uses
            .iter()
            .filter(|wanted| !self.is_promised(session, wanted))
            .filter_map(|wanted| self.short(session, wanted))
            .collect();
        if !short.is_empty() {
            return Err(short);
        }
        self.let_go_of_others(session, uses);
        for wanted in uses {
            if let Some(account) = self.take(session, wanted) {
                self.holds.remove(&(session, account));
                self.spend(session, wanted);
            }
        }
        Ok(())
    }

    /// Everything that the session holds is free again.
    pub fn release(&mut self, session: Uuid) {
        self.let_go_of_others(session, &[]);
    }

    /// What the session had spent of an account is free again.
    pub fn give_back(&mut self, session: Uuid, account: i64, amount: i64) {
        if let Some(account) = self.account(account) {
            account.committed -= amount;
            account.touched = true;
            let id = account.id;
            self.entries.push(Entry { account: id, session, kind: Kind::Return, amount });
        }
    }

    fn account(&mut self, id: i64) -> Option<&mut Account> {
        self.accounts.values_mut().find(|account| account.id == id)
    }

    fn held(&self, session: Uuid, account: i64) -> i64 {
        self.holds.get(&(session, account)).map_or(0, |hold| hold.amount)
    }

    fn short(&self, session: Uuid, wanted: &Use<'_>) -> Option<Short> {
        let left = self.room(session, wanted.key, wanted.limit);
        (left < wanted.amount).then(|| Short { key: wanted.key.to_owned(), left })
    }

    fn is_promised(&self, session: Uuid, wanted: &Use<'_>) -> bool {
        self.accounts.get(wanted.key).is_some_and(|account| self.held(session, account.id) >= wanted.amount)
    }

    /// Reserves what the session wants of an account, whatever it held; says which account that is.
    fn take(&mut self, session: Uuid, wanted: &Use<'_>) -> Option<i64> {
        let account = self.accounts.get_mut(wanted.key)?;
        let before = self.holds.get(&(session, account.id)).map_or(0, |hold| hold.amount);
        account.reserved += wanted.amount - before;
        account.ceiling = wanted.limit.max(account.committed + account.reserved);
        account.touched = true;
        let id = account.id;
        self.moved.insert((session, id));
        if wanted.amount > before {
            self.entries.push(Entry { account: id, session, kind: Kind::Reserve, amount: wanted.amount - before });
        } else if wanted.amount < before {
            self.entries.push(Entry { account: id, session, kind: Kind::Release, amount: before - wanted.amount });
        }
        Some(id)
    }

    /// What was reserved is spent.
    fn spend(&mut self, session: Uuid, wanted: &Use<'_>) {
        if let Some(account) = self.accounts.get_mut(wanted.key) {
            account.reserved -= wanted.amount;
            account.committed += wanted.amount;
            self.entries.push(Entry { account: account.id, session, kind: Kind::Commit, amount: wanted.amount });
        }
    }

    fn let_go_of_others(&mut self, session: Uuid, kept: &[Use<'_>]) {
        let kept: Vec<i64> =
            kept.iter().filter_map(|wanted| self.accounts.get(wanted.key).map(|account| account.id)).collect();
        let gone: Vec<i64> = self
            .holds
            .range((session, i64::MIN)..=(session, i64::MAX))
            .map(|(&(_, account), _)| account)
            .filter(|account| !kept.contains(account))
            .collect();
        for account in gone {
            self.let_go(session, account);
        }
    }

    fn let_go(&mut self, session: Uuid, id: i64) {
        // A hold on an account that is not locked here is left to its time to live.
        let amount = self.held(session, id);
        let Some(account) = self.account(id).filter(|_| amount > 0) else { return };
        account.reserved -= amount;
        account.touched = true;
        self.holds.remove(&(session, id));
        self.moved.insert((session, id));
        self.entries.push(Entry { account: id, session, kind: Kind::Release, amount });
    }
}
