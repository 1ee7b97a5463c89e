use std::sync::Mutex;

use ::till::wire::{CheckLine, Direction, Secret, Stamp, Taken, ToKava, ToTill};
use async_trait::async_trait;
use contract::AdapterApi;
use contract::adapter::Envelope;
use contract::offline::{OfflineLine, OfflineReceipt, ReceiptResult};
use domain::{Amount, Currency, SessionId};
use uuid::Uuid;

use super::scene::{Guest, Scene};
use crate::Shop;
use crate::adapter::{Courier, Letter, MasterKey, deliver_due};
use crate::clock::{Clock, Draw};

struct Kassa {
    scene: Scene,
    shop: Shop,
    secret: Secret,
}

impl Kassa {
    async fn set() -> Self {
        let scene = Scene::set().await;
        let shop = scene.shop.clone().with_master_key(MasterKey::new([5; 32]));
        let secret = shop.connect_till("Minsk 1", "1", "http://till.example/").await.unwrap().secret;
        Self { scene, shop, secret }
    }

    fn id(&self) -> Uuid {
        self.shop.entropy.id(self.scene.now())
    }

    fn envelope(&self, id: Uuid, message: &ToKava) -> Envelope {
        let body = serde_json::to_vec(message).unwrap();
        let stamp = Stamp { till: self.scene.till.till, message: id, timestamp: self.scene.now().timestamp() };
        Envelope {
            till: stamp.till.to_string(),
            message: id.to_string(),
            timestamp: stamp.timestamp.to_string(),
            signature: self.secret.sign(Direction::ToKava, &stamp, &body),
            body,
        }
    }

    async fn send(&self, message: &ToKava) -> Taken {
        let answer = self.shop.receive(self.envelope(self.id(), message)).await.unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// What the till is told now.
    async fn told(&self) -> Vec<ToTill> {
        let box_ = Letterbox::default();
        deliver_due(&self.shop, &box_).await.unwrap();
        let letters = box_.letters.into_inner().unwrap();
        letters
            .into_iter()
            .map(|letter| {
                let body = letter.body.as_bytes();
                let now = self.scene.now();
                self.secret.verify(Direction::ToTill, &letter.stamp, body, &letter.signature, now).unwrap();
                serde_json::from_slice(body).unwrap()
            })
            .collect()
    }
}

#[derive(Default)]
struct Letterbox {
    letters: Mutex<Vec<Letter>>,
    away: bool,
}

#[async_trait]
impl Courier for Letterbox {
    async fn carry(&self, letter: &Letter) -> Result<(), String> {
        self.letters.lock().unwrap().push(letter.clone());
        if self.away { Err("nobody there".to_owned()) } else { Ok(()) }
    }
}

fn opened(check: SessionId, sequence: i64, guest: &Guest, quantity: i64) -> ToKava {
    ToKava::CheckOpened {
        check,
        sequence,
        currency: Currency::EUR,
        customer_code: Some(guest.code.as_str().to_owned()),
        lines: vec![CheckLine { sku: "espresso".into(), quantity }],
    }
}

fn closed(check: SessionId, sequence: i64, number: &str, quantity: i64, discount: i64) -> ToKava {
    let receipt = OfflineReceipt {
        receipt_number: number.into(),
        device_counter: 1,
        currency: Currency::EUR,
        customer_code: None,
        grant_id: None,
        lines: vec![OfflineLine {
            sku: "espresso".into(),
            quantity,
            unit_price: Amount(250),
            discount: Amount(discount),
        }],
        paid: Amount(250 * quantity - discount),
        paid_at: None,
    };
    ToKava::CheckClosed { check, sequence, receipt }
}

fn recorded(result: ReceiptResult) -> Taken {
    Taken::Recorded { outcome: result }
}

const ACCEPTED: ReceiptResult = ReceiptResult::Accepted { customer_known: true };

#[tokio::test]
async fn the_discount_is_pushed_before_and_the_purchase_received_afterwards() {
    let kassa = Kassa::set().await;
    let guest = kassa.scene.guest().await;
    let check = kassa.scene.id();
    assert_eq!(kassa.send(&opened(check, 1, &guest, 2)).await, Taken::Evaluated);
    let told = kassa.told().await;
    let [ToTill::DiscountGranted { sequence: 1, discount: Amount(50), total: Amount(450), lines, .. }] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((lines[0].discount, lines[0].unit_price), (Amount(50), Amount(250)));
    assert!(kassa.told().await.is_empty(), "told once");
    assert_eq!(kassa.send(&closed(check, 2, "A-1", 2, 50)).await, recorded(ACCEPTED));
    assert_eq!(kassa.scene.savings(&guest).await, 50);
    let told = kassa.told().await;
    assert!(matches!(&told[..], [ToTill::PurchaseRecorded { outcome: ACCEPTED, .. }]), "{told:?}");
    assert_eq!(kassa.scene.count("select count(*) from sessions where state = 'closed'").await, 1);
}

#[tokio::test]
async fn the_same_message_again_is_answered_the_same_and_counts_once() {
    let kassa = Kassa::set().await;
    let guest = kassa.scene.guest().await;
    let check = kassa.scene.id();
    kassa.send(&opened(check, 1, &guest, 2)).await;
    let envelope = kassa.envelope(kassa.id(), &closed(check, 2, "A-1", 2, 50));
    let answers = futures::future::join_all((0..6).map(|_| kassa.shop.receive(envelope.clone()))).await;
    for answer in &answers {
        assert_eq!(answer.as_ref().unwrap(), answers[0].as_ref().unwrap());
    }
    assert_eq!(kassa.scene.savings(&guest).await, 50);
    assert_eq!(kassa.scene.count("select count(*) from receipts").await, 1);
    // Another message under the same id is refused.
    let id = envelope.message.parse().unwrap();
    let other = kassa.shop.receive(kassa.envelope(id, &closed(check, 2, "A-2", 2, 50))).await;
    assert!(other.unwrap_err().is("message-id-reused"));
}

#[tokio::test]
async fn messages_out_of_order_are_put_right_by_their_sequence() {
    let kassa = Kassa::set().await;
    let guest = kassa.scene.guest().await;
    let check = kassa.scene.id();
    assert_eq!(kassa.send(&opened(check, 2, &guest, 4)).await, Taken::Evaluated);
    assert_eq!(kassa.send(&opened(check, 1, &guest, 1)).await, Taken::Superseded);
    let told = kassa.told().await;
    assert!(matches!(&told[..], [ToTill::DiscountGranted { sequence: 2, discount: Amount(100), .. }]), "{told:?}");
    assert_eq!(kassa.send(&closed(check, 3, "A-1", 4, 100)).await, recorded(ACCEPTED));
    // The purchase came first, the basket of it later: no discount is of use any more.
    let early = kassa.scene.id();
    assert_eq!(kassa.send(&closed(early, 2, "A-2", 1, 0)).await, recorded(ACCEPTED));
    assert_eq!(kassa.send(&opened(early, 1, &guest, 1)).await, Taken::Superseded);
    kassa.send(&opened(kassa.scene.id(), 1, &guest, 1)).await;
    let late = kassa.scene.id();
    kassa.send(&opened(late, 1, &guest, 1)).await;
    kassa.send(&closed(late, 2, "A-3", 1, 0)).await;
    let discounts = kassa.told().await;
    let discounts: Vec<_> = discounts.iter().filter(|told| matches!(told, ToTill::DiscountGranted { .. })).collect();
    assert_eq!(discounts.len(), 1, "the paid check's discount is not sent: {discounts:?}");
}

#[tokio::test]
async fn what_the_till_sold_otherwise_is_recorded_as_it_happened() {
    let kassa = Kassa::set().await;
    let guest = kassa.scene.guest().await;
    let open = async || {
        let check = kassa.scene.id();
        kassa.send(&opened(check, 1, &guest, 2)).await;
        check
    };
    // The discount came too late: sold at the shelf price.
    assert_eq!(kassa.send(&closed(open().await, 2, "A-1", 2, 0)).await, recorded(ACCEPTED));
    // The quote had run out meanwhile, but the till gave what it was told.
    let check = open().await;
    kassa.scene.advance(3_600);
    assert_eq!(kassa.send(&closed(check, 2, "A-2", 2, 50)).await, recorded(ACCEPTED));
    // More than it was told.
    let over = ReceiptResult::AcceptedOverBound { amount: Amount(30), customer_known: true };
    assert_eq!(kassa.send(&closed(open().await, 2, "A-3", 2, 80)).await, recorded(over));
    // The same receipt by another message, as a till that lost its journal would send it.
    let known = ReceiptResult::Duplicate { recorded: Amount(500) };
    assert_eq!(kassa.send(&closed(kassa.scene.id(), 1, "A-1", 2, 0)).await, recorded(known));
    assert_eq!(kassa.scene.count("select sum(total)::bigint from receipts").await, 500 + 450 + 420);
}

#[tokio::test]
async fn an_abandoned_check_is_given_up_and_a_purchase_is_not() {
    let kassa = Kassa::set().await;
    let guest = kassa.scene.guest().await;
    let check = kassa.scene.id();
    kassa.send(&opened(check, 1, &guest, 1)).await;
    assert_eq!(kassa.send(&ToKava::CheckAbandoned { check, sequence: 2 }).await, Taken::Abandoned);
    assert_eq!(kassa.scene.count("select count(*) from sessions where state = 'cancelled'").await, 1);
    assert_eq!(kassa.send(&ToKava::CheckAbandoned { check: kassa.scene.id(), sequence: 1 }).await, Taken::Abandoned);
    let paid = kassa.scene.id();
    kassa.send(&opened(paid, 1, &guest, 1)).await;
    kassa.send(&closed(paid, 2, "A-1", 1, 25)).await;
    assert_eq!(kassa.send(&ToKava::CheckAbandoned { check: paid, sequence: 3 }).await, Taken::Superseded);
    assert_eq!(kassa.scene.savings(&guest).await, 25);
}

#[tokio::test]
async fn nobody_but_the_till_is_believed() {
    let kassa = Kassa::set().await;
    let guest = kassa.scene.guest().await;
    let good = kassa.envelope(kassa.id(), &opened(kassa.scene.id(), 1, &guest, 1));
    let unknown = kassa.scene.elsewhere.till.to_string();
    let changes: [fn(&mut Envelope); 6] = [
        |envelope| envelope.signature = String::new(),
        |envelope| envelope.signature.replace_range(5..6, "x"),
        |envelope| envelope.body.push(b' '),
        |envelope| envelope.message = Uuid::nil().to_string(),
        |envelope| envelope.timestamp = "1".to_owned(),
        |envelope| envelope.till = "nonsense".to_owned(),
    ];
    for change in changes {
        let mut envelope = good.clone();
        change(&mut envelope);
        assert!(kassa.shop.receive(envelope).await.unwrap_err().is("unauthenticated"));
    }
    let foreign = Envelope { till: unknown, ..good.clone() };
    assert!(kassa.shop.receive(foreign).await.unwrap_err().is("unauthenticated"));
    kassa.scene.advance(301);
    assert!(kassa.shop.receive(good.clone()).await.unwrap_err().is("unauthenticated"), "stale");
    // Connected anew: the old secret is worth nothing.
    kassa.shop.connect_till("Minsk 1", "1", "http://till.example/").await.unwrap();
    let old = kassa.envelope(kassa.id(), &opened(kassa.scene.id(), 1, &guest, 1));
    assert!(kassa.shop.receive(old).await.unwrap_err().is("unauthenticated"));
    assert_eq!(kassa.scene.count("select count(*) from sessions").await, 0);
}

#[tokio::test]
async fn what_a_till_does_not_take_is_tried_for_a_day_and_then_waits_for_a_person() {
    let kassa = Kassa::set().await;
    kassa.send(&closed(kassa.scene.id(), 1, "A-1", 1, 0)).await;
    let away = Letterbox { away: true, ..Letterbox::default() };
    let began = kassa.scene.now();
    while kassa.scene.count("select count(*) from till_deliveries where outcome is null").await == 1 {
        deliver_due(&kassa.shop, &away).await.unwrap();
        let next: i64 = kassa
            .scene
            .count("select greatest(1, ceil(extract(epoch from max(next_try_at)))::bigint) from till_deliveries")
            .await;
        kassa.scene.advance((next - kassa.scene.now().timestamp()).max(1));
    }
    let letters = away.letters.into_inner().unwrap();
    assert_eq!(letters.len(), 18);
    assert!(letters.iter().all(|letter| letter.stamp.message == letters[0].stamp.message));
    assert!(letters[1].stamp.timestamp > letters[0].stamp.timestamp);
    assert!((kassa.scene.clock.now() - began).num_hours() >= 24);
    let dead = kassa.shop.dead_letters(10).await.unwrap();
    assert_eq!((dead[0].tries, dead[0].last_error.as_deref()), (18, Some("nobody there")));
    assert!(kassa.told().await.is_empty());
    assert_eq!(kassa.shop.retry_dead_letters(Some(Uuid::nil())).await.unwrap(), 0);
    assert_eq!(kassa.shop.retry_dead_letters(None).await.unwrap(), 1);
    assert_eq!(kassa.told().await.len(), 1);
    assert!(kassa.shop.dead_letters(10).await.unwrap().is_empty());
}
