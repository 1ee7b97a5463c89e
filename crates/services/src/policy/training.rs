//! Training: how customers answer discounts, learned from the log; what is new is judged on customers that it has not seen, and comes
//! into use only where it is not worse than what is.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use contract::Refusal;
use discount::evaluation::{self, Gain, Logged as Decision, Verdict};
use discount::experiment::Interval;
use discount::pilot;
use discount::response::{Belief, FitError, FitReport, History, Levels, Response, fit_told};
use domain::Rate;
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::offers::State;

use super::log::{self, Logged};
use super::models::read_response;
use super::planning::PAGE;
use super::{levels_of, number_of, week_of};
use crate::Shop;
use crate::clock::Draw;

/// Customers that are learned from and judged by at most; of more, every so many-th.
const MOST: usize = 100_000;
/// Of these one in five is not learned from, but judged by.
const JUDGES: f64 = 0.2;
/// With fewer weeks of offers by chance there is nothing to learn.
const LEAST_BY_CHANCE: usize = 500;
const BINS: usize = 10;

/// How far training is, and whether somebody wants it to stop. One a process.
#[derive(Debug)]
pub struct Training {
    /// Thousandths; more than a thousand while nothing runs.
    done: AtomicU32,
    stop: AtomicBool,
    /// Why the last one came to nothing, and when.
    refused: Mutex<Option<(DateTime<Utc>, Refusal)>>,
}

impl Default for Training {
    fn default() -> Self {
        Self { done: AtomicU32::new(u32::MAX), stop: AtomicBool::new(false), refused: Mutex::default() }
    }
}

impl Training {
    /// How much of it is done, from 0 to 1; none while nothing runs.
    #[must_use]
    pub fn told(&self) -> Option<f64> {
        let done = self.done.load(Ordering::Relaxed);
        (done <= 1_000).then(|| f64::from(done) / 1_000.0)
    }

    /// Asks it to end; nothing is changed by it then.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Why the last one came to nothing, and when; none after one that did not.
    #[must_use]
    pub fn refused(&self) -> Option<(DateTime<Utc>, Refusal)> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn at(&self, done: f64) -> bool {
        self.done.store((done.clamp(0.0, 1.0) * 1_000.0) as u32, Ordering::Relaxed);
        !self.stop.load(Ordering::Relaxed)
    }
}

/// Ends what is told of a training with it, however it ends.
struct Running<'a>(&'a Training);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.done.store(u32::MAX, Ordering::Relaxed);
    }
}

/// What is known of a model by those it has not seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    pub fit: FitReport,
    /// Customers that it was judged by, their weeks, and those of them whose offer was left to chance.
    pub judges: usize,
    pub weeks: usize,
    pub weeks_by_chance: usize,
    /// Natural, a week.
    pub log_likelihood: f64,
    /// A week more than that of the model in use, with its interval over customers.
    pub better_by: Option<Interval>,
    /// Whether they come as often as is foretold.
    pub calibration: Vec<Bin>,
    /// Who is to get the most and who the least, by this model, against offers by chance; a week, minor units of margin.
    pub gain: Option<Gain>,
    /// What became of it.
    pub outcome: Outcome,
}

/// Weeks with a like probability of a purchase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    pub weeks: usize,
    /// Means.
    pub foretold: f64,
    pub came: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// In use from now on.
    InUse,
    /// There is no model in use, and the log cannot tell whether this one brings anything: it decides beside the rule, unheard.
    Shadow,
    /// Worse than the one in use.
    Rejected,
}

impl Shop {
    /// How far training is, while this process does.
    #[must_use]
    pub fn training(&self) -> &Training {
        &self.training
    }

    /// Learns a new model from the log, judges it, and puts it where it belongs. Gives its version. `told` is called with what of it is
    /// done, from 0 to 1.
    ///
    /// # Errors
    /// `too-little-to-learn` with what is missing, `training-stopped`, `import-running` while another training, fit or import is at work,
    /// else when the store is away; then nothing changed, but for a model that was kept and could not be put where it belongs: it stands
    /// among the models as rejected, and `kava policy use` puts it in use.
    pub async fn train(&self, told: &(dyn Fn(f64) + Sync)) -> Result<(i32, TrainingReport), Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let mut guard = self.store.begin().await.map_err(failed)?;
        if !store::import::try_lock(&mut guard).await.map_err(failed)? {
            let detail = "An import, a fit or another training is running. Try again when it is done.";
            return Err(Refusal::conflict("import-running", detail));
        }
        self.training.stop.store(false, Ordering::Relaxed);
        self.training.at(0.0);
        let running = Running(&self.training);
        let trained = self.train_alone(told).await;
        drop(running);
        let refused = trained.as_ref().err().map(|refusal| (self.clock.now(), refusal.clone()));
        *self.training.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        let _ = guard.rollback().await;
        let (version, report) = trained?;
        match report.outcome {
            Outcome::InUse => self.set_model_state(version, State::InUse).await?,
            Outcome::Shadow => self.set_model_state(version, State::Shadow).await?,
            Outcome::Rejected => {}
        }
        Ok((version, report))
    }

    async fn train_alone(&self, told: &(dyn Fn(f64) + Sync)) -> Result<(i32, TrainingReport), Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let Some(settings) = self.store.settings().await.map_err(failed)? else {
            return Err(crate::till::not_set_up());
        };
        let (now, levels) = (self.clock.now(), levels_of(&settings.discounts));
        let all = self.logged(&levels).await?;
        let (judges, taught): (Vec<Logged>, Vec<Logged>) =
            all.into_iter().partition(|one| is_judge(number_of(domain::CustomerId(one.customer))));
        let by_chance = |of: &[Logged]| of.iter().flat_map(|one| &one.by_chance).flatten().count();
        let seen = by_chance(&taught);
        if seen < LEAST_BY_CHANCE {
            let detail = format!(
                "There is too little to learn from: {seen} weeks of offers by chance, and {LEAST_BY_CHANCE} are needed. Begin a pilot \
                 (`kava policy set --mode pilot`) and wait."
            );
            return Err(Refusal::conflict("too-little-to-learn", detail));
        }
        let mut tx = self.store.begin().await.map_err(failed)?;
        let in_use = store::offers::model(&mut tx, State::InUse).await.map_err(failed)?;
        drop(tx);
        // One that cannot be read is not one that a new model could be worse than.
        let in_use = in_use.and_then(|stored| read_response(stored.model).ok());

        let training = self.training.clone();
        let mut learning = tokio::task::spawn_blocking(move || {
            let histories: Vec<History> = taught.into_iter().map(|one| one.history).collect();
            let (response, fit) = fit_told(&histories, &levels, &|done| training.at(0.1 + 0.8 * done))?;
            Ok::<_, FitError>(judge(response, fit, &judges, in_use.as_ref()))
        });
        let learned = loop {
            tokio::select! {
                learned = &mut learning => break learned,
                () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {
                    told(self.training.told().unwrap_or_default());
                }
            }
        };
        let learned = learned.map_err(|why| self.failed(&StoreError::corrupt("training", why)))?;
        let (response, report) = learned.map_err(|error| match error {
            FitError::Stopped => Refusal::conflict("training-stopped", "Training was stopped. Nothing changed."),
            other => Refusal::conflict("too-little-to-learn", format!("There is too little to learn from: {other}.")),
        })?;
        let mut tx = self.store.begin().await.map_err(failed)?;
        let id = self.entropy.id(now);
        let version = store::offers::keep_model(&mut tx, id, now, &response, &report).await.map_err(failed)?;
        store::commit(tx).await.map_err(failed)?;
        Ok((version, report))
    }

    /// The weeks of customers who were ever offered something; of more than are needed, every so many-th.
    async fn logged(&self, levels: &Levels) -> Result<Vec<Logged>, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let zone = self.zone().await?;
        let week = week_of(self.clock.now(), zone);
        let (mut all, mut after, mut every, mut place) = (Vec::new(), None, 1, 0_usize);
        loop {
            let mut tx = self.store.begin().await.map_err(failed)?;
            let page = store::offers::page(&mut tx, after, PAGE).await.map_err(failed)?;
            let Some(last) = page.last().copied() else { break };
            let wanted: Vec<_> = page
                .into_iter()
                .filter(|_| {
                    place += 1;
                    place.is_multiple_of(every)
                })
                .collect();
            let offers = store::offers::of(&mut tx, &wanted).await.map_err(failed)?;
            let bought = store::offers::purchases(&mut tx, &wanted, zone.name()).await.map_err(failed)?;
            all.extend(log::weeks_of(&offers, &bought, levels, week, zone));
            if all.len() > MOST {
                // From now on half as many, and half of those there are.
                let mut keeps = false;
                all.retain(|_| {
                    keeps = !keeps;
                    keeps
                });
                every *= 2;
            }
            after = Some(last);
            if !self.training.at(0.1 * (1.0 - 1.0 / (1.0 + place as f64 / 20_000.0))) {
                return Err(Refusal::conflict("training-stopped", "Training was stopped. Nothing changed."));
            }
        }
        Ok(all)
    }
}

/// By chance and for good, so that no model ever learns from those that others are judged by.
fn is_judge(customer: u64) -> bool {
    const JUDGING: u64 = 0x6a75_6467;
    pilot::by_chance(JUDGING, customer, 0) < JUDGES
}

/// Judges a new model by customers that it has not seen.
fn judge(
    response: Response,
    fit: FitReport,
    judges: &[Logged],
    in_use: Option<&Response>,
) -> (Response, TrainingReport) {
    let rates = response.levels.rates().to_vec();
    let own: Vec<f64> = judges.iter().map(|one| log_likelihood(&response, &rates, &one.history)).collect();
    let weeks: usize = judges.iter().map(|one| one.history.offered.len()).sum();
    let better_by = in_use.and_then(|in_use| {
        let theirs = judges.iter().map(|one| log_likelihood(in_use, &rates, &one.history));
        let differences: Vec<f64> = own.iter().zip(theirs).map(|(own, theirs)| own - theirs).collect();
        mean_of(&differences, judges.len() as f64 / weeks.max(1) as f64)
    });
    let gain = gain(&response, judges);
    let is_worse = better_by.is_some_and(|better| better.high < 0.0);
    let brings = gain.as_ref().map(|gain| gain.verdict);
    let outcome = match (in_use, brings) {
        (Some(_), _) if is_worse => Outcome::Rejected,
        (Some(_), _) | (None, Some(Verdict::Better)) => Outcome::InUse,
        (None, Some(Verdict::Worse)) => Outcome::Rejected,
        (None, _) => Outcome::Shadow,
    };
    let report = TrainingReport {
        fit,
        judges: judges.len(),
        weeks,
        weeks_by_chance: judges.iter().flat_map(|one| &one.by_chance).flatten().count(),
        log_likelihood: own.iter().sum::<f64>() / weeks.max(1) as f64,
        better_by,
        calibration: calibration(&response, judges),
        gain,
        outcome,
    };
    (response, report)
}

/// A mean with its interval, in `unit`s of what is averaged.
fn mean_of(all: &[f64], unit: f64) -> Option<Interval> {
    const Z: f64 = 1.959_963_984_540_054;
    let n = all.len() as f64;
    if n < 2.0 {
        return None;
    }
    let mean = all.iter().sum::<f64>() / n;
    let error = (all.iter().map(|one| (one - mean) * (one - mean)).sum::<f64>() / (n - 1.0) / n).sqrt();
    let [estimate, low, high] = [mean, mean - Z * error, mean + Z * error].map(|one| one * unit);
    Some(Interval { estimate, low, high })
}

/// Each week of a customer as it was foretold from those before: the probability of coming, and whether they came.
fn foretold<'a>(
    response: &'a Response,
    rates: &'a [Rate],
    history: &'a History,
) -> impl Iterator<Item = (f64, bool)> + 'a {
    let mut belief = Belief::new(response);
    let weeks = (history.first_week..).zip(&history.offered).zip(&history.bought);
    weeks.map(move |((week, level), bought)| {
        let level = response.levels.place(rates.get(usize::from(*level)).copied().unwrap_or_default());
        let comes = belief.comes(response, week, level);
        belief.learn(response, week, level, *bought);
        (comes, bought.is_some())
    })
}

fn log_likelihood(response: &Response, rates: &[Rate], history: &History) -> f64 {
    const LEAST: f64 = 1e-9;
    let one = |(comes, came): (f64, bool)| if came { comes } else { 1.0 - comes }.max(LEAST).ln();
    foretold(response, rates, history).map(one).sum()
}

fn calibration(response: &Response, judges: &[Logged]) -> Vec<Bin> {
    let mut bins = [Bin::default(); BINS];
    for one in judges {
        for (comes, came) in foretold(response, response.levels.rates(), &one.history) {
            let bin = &mut bins[((comes * BINS as f64) as usize).min(BINS - 1)];
            bin.weeks += 1;
            bin.foretold += comes;
            bin.came += f64::from(u8::from(came));
        }
    }
    let means = bins.into_iter().filter(|bin| bin.weeks > 0).map(|bin| Bin {
        foretold: bin.foretold / bin.weeks as f64,
        came: bin.came / bin.weeks as f64,
        ..bin
    });
    means.collect()
}

/// What it would have brought to give the most to whom this model says, and the least to the others. The pilot offers the two ends nearly
/// always, so that this can be told from its log; of the levels between it says too little.
fn gain(response: &Response, judges: &[Logged]) -> Option<Gain> {
    // The ends of what was offered by chance.
    let drawn = judges.iter().flat_map(|one| one.history.offered.iter().zip(&one.by_chance));
    let drawn = drawn.filter(|(_, propensity)| propensity.is_some()).map(|(level, _)| *level);
    let (bottom, top) = (drawn.clone().min()?, drawn.max()?);
    let levels = usize::from(response.levels.highest()) + 1;
    // Of every week left to chance: whose, what was done and how likely, its reward, what this model would do and foretells.
    let mut weeks: Vec<(u64, u8, f64, f64, [f64; 2])> = Vec::new();
    for one in judges {
        let customer = number_of(domain::CustomerId(one.customer));
        let mut belief = Belief::new(response);
        let history = &one.history;
        let logged = (history.first_week..).zip(&history.offered).zip(&history.bought).zip(&one.by_chance);
        for (((week, level), bought), propensity) in logged {
            if let Some(propensity) = propensity {
                let (gross, cost) = belief.basket(response);
                let brings = |level: u8| {
                    let place = usize::from(level);
                    let rate = response.levels.rates()[place];
                    let larger = 1.0 + response.larger * f64::from(rate.bp()) / 1_000.0;
                    belief.comes(response, week, level) * larger * (gross * (1.0 - response.taken_off[place]) - cost)
                };
                let reward = bought.map_or(0.0, |one| f64::from(one.gross - one.cost - one.discount));
                weeks.push((customer, *level, *propensity, reward, [brings(bottom), brings(top)]));
            }
            belief.learn(response, week, *level, *bought);
        }
    }
    let would = |ends: [f64; 2]| {
        let mut would = vec![0.0; levels];
        would[usize::from(if ends[1] > ends[0] { top } else { bottom })] = 1.0;
        would
    };
    let of_all = |ends: [f64; 2]| {
        let mut foretold = vec![0.0; levels];
        foretold[usize::from(bottom)] = ends[0];
        foretold[usize::from(top)] = ends[1];
        foretold
    };
    let rows: Vec<(Vec<f64>, Vec<f64>)> = weeks.iter().map(|week| (would(week.4), of_all(week.4))).collect();
    let decisions = weeks.iter().zip(&rows).map(|((customer, action, propensity, reward, _), (would, foretold))| {
        Decision { customer: *customer, action: *action, propensity: *propensity, reward: *reward, would, foretold }
    });
    evaluation::gain(decisions).ok()
}
