//! The till plane over gRPC: the rules of REST, through the other door, over a real connection.

use std::net::SocketAddr;
use std::time::Duration;

use prost::Message;
use serde_json::json;
use till_proto::session::State;
use till_proto::till_client::TillClient;
use till_proto::{
    CancelSessionRequest, CloseSessionRequest, ExplainSessionRequest, GetSessionRequest, IdentifyRequest,
    PutSessionRequest, ReopenSessionRequest, ReturnLinesRequest, put_session_request, return_lines_request,
};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::stand::{Stand, id};

struct Door {
    stand: Stand,
    till: TillClient<Channel>,
    key: String,
}

impl Door {
    async fn new() -> Self {
        let stand = Stand::new().await;
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let router = stand.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(socket, router).into_future());
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let till = TillClient::new(channel);
        let key = stand.shop.till_key.clone();
        Self { stand, till, key }
    }

    fn ask<T>(&self, message: T, once: &str) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("authorization", format!("Bearer {}", self.key).parse().unwrap());
        if !once.is_empty() {
            metadata.insert("idempotency-key", once.parse().unwrap());
        }
        request
    }

    fn cart(&self, session: &str) -> PutSessionRequest {
        let item = |place: usize, quantity| put_session_request::Item {
            sku: self.stand.shop.skus[place].clone(),
            quantity,
            unit_price: None,
        };
        PutSessionRequest {
            session_id: session.to_owned(),
            customer_code: Some(self.stand.shop.codes[0].clone()),
            currency: "EUR".to_owned(),
            lines: vec![item(0, 2), item(1, 1)],
            ..PutSessionRequest::default()
        }
    }
}

fn refused(status: &Status, code: Code, key: &str) {
    assert_eq!(status.code(), code, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), (key, "kava"));
}

fn places(status: &Status) -> Vec<String> {
    let fields = status.get_details_bad_request().unwrap().field_violations;
    fields.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_purchase_through_the_other_door_is_the_same_purchase() {
    let mut door = Door::new().await;
    let session = id();
    let code = door.stand.shop.codes[0].clone();
    let request = door.ask(IdentifyRequest { code: code.clone() }, "who");
    let known = door.till.identify(request).await.unwrap();
    assert_eq!(known.metadata().get("idempotency-replayed"), None);
    let request = door.ask(IdentifyRequest { code }, "who");
    let again = door.till.identify(request).await.unwrap();
    assert_eq!(again.metadata().get("idempotency-replayed").unwrap(), "true");
    assert_eq!(again.get_ref().encode_to_vec(), known.get_ref().encode_to_vec());
    let card = &known.get_ref().cards[0];
    assert!(card.rate_bp > 0 && card.valid_from.is_some() && !card.reasons.is_empty());

    let request = door.ask(door.cart(&session), "");
    let quote = door.till.put_session(request).await.unwrap().into_inner();
    assert_eq!((quote.state(), quote.lines.len()), (State::Open, 2));
    assert!(quote.discount > 0 && quote.total == quote.subtotal - quote.discount);
    // What REST reads of it is the same, to the last number.
    let rest = door.stand.ask("GET", &format!("/api/v1/sessions/{session}")).await.json();
    assert_eq!(
        (rest["total"].as_i64(), rest["discount"].as_i64(), rest["version"].as_u64()),
        (Some(quote.total), Some(quote.discount), Some(u64::from(quote.version)))
    );
    for (line, seen) in quote.lines.iter().zip(rest["lines"].as_array().unwrap()) {
        assert_eq!(json!(line.allocations[0].amount), seen["allocations"][0]["amount"]);
    }
    let request = door.ask(GetSessionRequest { session_id: session.clone() }, "");
    assert_eq!(door.till.get_session(request).await.unwrap().into_inner(), quote);

    let pay = |paid: i64, number: &str| CloseSessionRequest {
        session_id: session.clone(),
        receipt_number: number.to_owned(),
        paid,
        paid_at: Some(till_proto::Timestamp { seconds: 1_795_248_000, nanos: 0 }),
    };
    let request = door.ask(pay(quote.total + 1, "G-1"), "pay-wrong");
    refused(&door.till.close_session(request).await.unwrap_err(), Code::FailedPrecondition, "paid-mismatch");
    let request = door.ask(pay(quote.total, "G-1"), "pay");
    let closed = door.till.close_session(request).await.unwrap().into_inner();
    assert_eq!((closed.state(), closed.savings.as_ref().unwrap().amount), (State::Closed, quote.discount));
    let request = door.ask(pay(quote.total, "G-1"), "pay");
    let again = door.till.close_session(request).await.unwrap();
    assert_eq!(again.metadata().get("idempotency-replayed").unwrap(), "true");
    assert_eq!(again.get_ref().encode_to_vec(), closed.encode_to_vec(), "the same bytes");
    let request = door.ask(pay(quote.total, "G-2"), "pay");
    refused(&door.till.close_session(request).await.unwrap_err(), Code::InvalidArgument, "idempotency-key-reused");
    // The key is the till's, whichever door it comes through.
    let body = json!({"receipt_number": "G-2", "paid": quote.total});
    let path = format!("/api/v1/sessions/{session}/close");
    door.stand.post(&path, "pay", &body).await.is_problem(422, "idempotency-key-reused");

    let back = |position, quantity| ReturnLinesRequest {
        session_id: session.clone(),
        lines: vec![return_lines_request::Item { position, quantity }],
        reason: "cold".to_owned(),
    };
    let request = door.ask(back(0, 1), "back");
    let returned = door.till.return_lines(request).await.unwrap().into_inner();
    assert_eq!(returned.session.as_ref().unwrap().state(), State::PartiallyReturned);
    assert_eq!(returned.refund.as_ref().unwrap().amount, returned.lines[0].amount);
    let request = door.ask(back(0, 2), "back-2");
    let status = door.till.return_lines(request).await.unwrap_err();
    refused(&status, Code::InvalidArgument, "return-exceeds-sold");
    assert_eq!(places(&status), ["/lines/0/quantity"]);
    let request = door.ask(ReopenSessionRequest { session_id: session.clone() }, "open");
    refused(&door.till.reopen_session(request).await.unwrap_err(), Code::FailedPrecondition, "session-not-closed");
    let request = door.ask(CancelSessionRequest { session_id: session.clone() }, "undo");
    let cancelled = door.till.cancel_session(request).await.unwrap().into_inner();
    assert_eq!(cancelled.state(), State::Cancelled);
    let request = door.ask(CancelSessionRequest { session_id: session.clone() }, "undo-2");
    assert_eq!(door.till.cancel_session(request).await.unwrap().into_inner(), cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_has_a_code_a_key_and_a_place() {
    let mut door = Door::new().await;
    let session = id();
    // Who calls, and with which key.
    let status = door.till.identify(Request::new(IdentifyRequest::default())).await.unwrap_err();
    refused(&status, Code::Unauthenticated, "unauthenticated");
    let reports = door.stand.shop.reports_key.clone();
    let own = std::mem::replace(&mut door.key, reports);
    let request = door.ask(GetSessionRequest { session_id: session.clone() }, "");
    refused(&door.till.get_session(request).await.unwrap_err(), Code::PermissionDenied, "forbidden");
    door.key = own;
    let request = door.ask(IdentifyRequest::default(), "");
    refused(&door.till.identify(request).await.unwrap_err(), Code::InvalidArgument, "idempotency-key-missing");
    let request = door.ask(IdentifyRequest { code: "4000000000000000".to_owned() }, "nobody");
    refused(&door.till.identify(request).await.unwrap_err(), Code::NotFound, "customer-not-found");

    // What is asked.
    let cart = door.cart(&session);
    let item = |sku: &str, quantity| put_session_request::Item { sku: sku.to_owned(), quantity, unit_price: None };
    let now = Some(till_proto::Timestamp { seconds: i64::MAX, nanos: -1 });
    for (request, code, key, place) in [
        (
            PutSessionRequest { session_id: "x".into(), ..cart.clone() },
            Code::InvalidArgument,
            "invalid-session-id",
            None,
        ),
        (
            PutSessionRequest { currency: "euro".into(), ..cart.clone() },
            Code::InvalidArgument,
            "invalid-body",
            Some("/currency"),
        ),
        (
            PutSessionRequest { currency: "GBP".into(), ..cart.clone() },
            Code::InvalidArgument,
            "currency-mismatch",
            Some("/currency"),
        ),
        (
            PutSessionRequest { card_id: Some("x".into()), ..cart.clone() },
            Code::InvalidArgument,
            "invalid-body",
            Some("/card_id"),
        ),
        (
            PutSessionRequest { customer_code: Some("a\0".into()), ..cart.clone() },
            Code::InvalidArgument,
            "invalid-text",
            Some("/customer_code"),
        ),
        (PutSessionRequest { dry: true, now, ..cart.clone() }, Code::InvalidArgument, "invalid-body", Some("/now")),
        (
            PutSessionRequest { explain: Some("de".into()), ..cart.clone() },
            Code::InvalidArgument,
            "invalid-body",
            Some("/explain"),
        ),
        (
            PutSessionRequest { lines: vec![item("nothing", 1)], ..cart.clone() },
            Code::NotFound,
            "sku-not-found",
            Some("/lines/0/sku"),
        ),
        (
            PutSessionRequest { lines: vec![item("a", 0)], ..cart.clone() },
            Code::InvalidArgument,
            "invalid-session",
            Some("/lines/0/quantity"),
        ),
        (
            PutSessionRequest { lines: vec![item("a", i64::MIN)], ..cart.clone() },
            Code::InvalidArgument,
            "invalid-session",
            Some("/lines/0/quantity"),
        ),
    ] {
        let status = door.till.put_session(door.ask(request, "")).await.unwrap_err();
        refused(&status, code, key);
        if let Some(place) = place {
            assert_eq!(places(&status), [place]);
        }
    }
    let at = Some(till_proto::Timestamp { seconds: 1_795_248_000, nanos: 0 });
    let request = door.ask(PutSessionRequest { now: at, ..cart.clone() }, "");
    refused(&door.till.put_session(request).await.unwrap_err(), Code::InvalidArgument, "now-needs-dry");
    let large = PutSessionRequest { coupon_codes: vec!["x".repeat(300 * 1024)], ..cart.clone() };
    let status = door.till.put_session(door.ask(large, "")).await.unwrap_err();
    assert!(matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted), "{status:?}");

    // What nobody has, and what is another store's.
    let request = door.ask(GetSessionRequest { session_id: session.clone() }, "");
    refused(&door.till.get_session(request).await.unwrap_err(), Code::NotFound, "session-not-found");
    let request = door.ask(cart.clone(), "");
    door.till.put_session(request).await.unwrap();
    let pricing = door.stand.shop.pricing_key.clone();
    let own = std::mem::replace(&mut door.key, pricing);
    let request = door.ask(GetSessionRequest { session_id: session.clone() }, "");
    refused(&door.till.get_session(request).await.unwrap_err(), Code::NotFound, "session-not-found");
    door.key = own;

    // Why, and why not.
    let request = door.ask(ExplainSessionRequest { session_id: session.clone(), language: "ru".into() }, "");
    let told = door.till.explain_session(request).await.unwrap().into_inner();
    assert!(told.language == "ru" && told.verdicts.iter().any(|verdict| verdict.applied && verdict.granted.is_some()));

    // A till that waits no longer is told so, and a call of no service is none.
    let mut request = door.ask(cart, "");
    request.set_timeout(Duration::from_nanos(1));
    let status = door.till.put_session(request).await.unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_it_says_so_and_nothing_private() {
    let mut door = Door::new().await;
    let gone = std::mem::replace(&mut door.stand.database, testkit::fresh_database().await);
    let name = gone.url.split(['/', '?']).nth(3).unwrap().to_owned();
    drop(gone);
    let request = door.ask(door.cart(&id()), "");
    let status = door.till.put_session(request).await.unwrap_err();
    assert!(matches!(status.code(), Code::Unavailable | Code::Internal), "{status:?}");
    assert!(uuid::Uuid::parse_str(&status.get_details_request_info().unwrap().request_id).is_ok());
    let told = format!("{status:?}");
    assert!(!told.contains(&name) && !told.to_lowercase().contains("sql"), "{told}");
}
