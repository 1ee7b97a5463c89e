//! Open baskets of a busy shop: written behind the answer, many together, each once.

use contract::TillApi;
use contract::till::QuoteMode;
use domain::SessionId;

use super::scene::{Scene, basket};
use super::statements::counted;
use crate::pace::Pace;

const BASKETS: [&[(&str, i64)]; 3] =
    [&[("espresso", 2), ("eclair", 1)], &[("mystery", 3), ("gift", 1)], &[("bag", 1), ("latte", 9_999)]];

/// Where everything that a new basket asks for is known, and many come at once.
async fn busy() -> Scene {
    let scene = Scene::set_at(Pace::swift()).await;
    scene.put(scene.id(), basket(None, BASKETS[0])).await.unwrap();
    scene.shop.counter.journal.be_busy();
    scene
}

#[tokio::test]
async fn new_baskets_are_entered_together_and_the_next_process_has_them() {
    let scene = busy().await;
    let guest = scene.guest().await;
    scene.quoted(&guest, BASKETS[0]).await;
    scene.shop.counter.journal.be_busy();
    let mut quoted = Vec::new();
    for n in 0..40 {
        let code = (n % 2 == 0).then(|| guest.code.as_str());
        quoted.push(scene.put(scene.id(), basket(code, BASKETS[n % 3])).await.unwrap());
    }
    let (_, seen) = counted(scene.shop.settle()).await;
    assert_eq!(seen, Vec::<String>::new(), "none was looked for by a statement");
    // Some go on, and are written like all others.
    for session in quoted.iter_mut().step_by(3) {
        *session = scene.put(session.session_id, basket(None, BASKETS[1])).await.unwrap();
    }
    scene.shop.settle().await;
    let next = scene.restarted();
    for session in quoted {
        assert_eq!(next.session(&scene.till, session.session_id).await.unwrap(), session);
    }
    assert_eq!(scene.count("select count(*) from sessions where state = 'open'").await, 42);
}

#[tokio::test]
async fn a_basket_that_another_process_began_takes_no_other_with_it() {
    let scene = busy().await;
    let elsewhere = scene.id();
    let put = |shop: crate::Shop, id: SessionId, place: usize| {
        let till = scene.till.clone();
        async move { shop.put_session(&till, id, basket(None, BASKETS[place]), QuoteMode::Stored).await.unwrap() }
    };
    let there = put(scene.restarted(), elsewhere, 1).await;
    scene.shop.counter.journal.be_busy();
    let mut quoted = Vec::new();
    for n in 0..30 {
        let id = if n == 7 { elsewhere } else { scene.id() };
        quoted.push(put(scene.shop.clone(), id, 0).await);
    }
    scene.shop.settle().await;
    let next = scene.restarted();
    for session in quoted {
        let kept = next.session(&scene.till, session.session_id).await.unwrap();
        assert_eq!(kept, if session.session_id == elsewhere { there.clone() } else { session });
    }
    assert_eq!(put(scene.shop.clone(), elsewhere, 0).await.version, there.version + 1, "it goes on from the row");
}
