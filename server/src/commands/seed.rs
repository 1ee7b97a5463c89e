//! `kava seed`: the demo shop; and a past for it, lived by simulated guests, so that there is something to learn from.

use anyhow::bail;
use domain::Rate;
use services::Shop;
use services::seed::past::Past;
use simulator::{Budget, Crowd, Item, Outcome, Policy, Truth};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also so many simulated guests, whose offers were left to chance, with receipts and the log of offers
    #[arg(long, value_name = "NUMBER")]
    guests: Option<usize>,
    /// Weeks that their past has
    #[arg(long, value_name = "WEEKS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=260))]
    weeks: u32,
    /// Another number, other guests
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// More guests are the load generator's business.
const MOST: usize = 50_000;

/// # Errors
/// When there is a shop already, and what the store says.
pub async fn run(args: Args, shop: &Shop) -> anyhow::Result<()> {
    let refused = |refusal: contract::Refusal| anyhow::anyhow!("{}", refusal.detail);
    let guests = args.guests.unwrap_or(0);
    if guests > MOST {
        bail!("At most {MOST} guests are simulated.");
    }
    services::seed::demo(shop).await.map_err(refused)?;
    println!("The demo shop is set up.");
    if guests == 0 {
        return Ok(());
    }
    let past = Past::begin(shop, guests, args.weeks).await.map_err(refused)?;
    let truth = truth_of(&past);
    let (weeks, seed) = (args.weeks, args.seed);
    let lived = tokio::task::spawn_blocking(move || -> anyhow::Result<Past> {
        let crowd = Crowd::draw(truth, seed, guests)?;
        let mut living = Living(past);
        crowd.open().live(weeks, &mut living, &mut Budget::unlimited());
        Ok(living.0)
    });
    let past = lived.await??;
    past.write(shop, &|written| eprint!("\r{written} of {guests} guests")).await.map_err(refused)?;
    eprintln!();
    println!(
        "{guests} guests with a past of {weeks} weeks, in which their offers were left to chance. Learn from it: kava policy train"
    );
    Ok(())
}

/// The café of the simulator's default, with what this shop sells.
fn truth_of(past: &Past) -> Truth {
    let menu = past.products().iter().map(|product| Item {
        sku: product.sku.as_str().to_owned(),
        category: product.category.to_string(),
        price: product.price,
        cost: product.cost.unwrap_or(product.price),
        // What is dear is taken less.
        popularity: 400.0 / (product.price.minor().max(100) as f64),
    });
    Truth { menu: menu.collect(), min_margin_bp: past.settings().floor.min_margin.bp(), ..Truth::default() }
}

/// The shop's pilot among simulated guests.
struct Living(Past);

impl Policy for Living {
    fn offer(&mut self, shopper: usize, _: u32) -> Rate {
        self.0.offered(shopper)
    }

    fn learn(&mut self, outcome: &Outcome<'_>) {
        if let Some(visit) = outcome.visit {
            self.0.lived(outcome.shopper, outcome.week, &visit.items);
        }
    }
}
