//! The till plane over gRPC (docs/grpc.md): another door to the same [`contract::TillApi`], on the same port as REST.
//!
//! `call` is what every call goes through, `wire` turns messages into the contract's words and back, `status` says no.

mod call;
mod status;
mod wire;

use axum::Router;
use contract::till::QuoteMode;
use contract::{Once, Refusal};
use till_proto as proto;
use till_proto::till_server::{Till, TillServer};
use tonic::{Request, Response, Status};

use self::call::Call;
use crate::edge::Edge;
use crate::rest::request::MAX_BODY;

/// The service at its path; everything else stays with the other doors.
pub fn router(edge: &Edge) -> Router<Edge> {
    let service = TillServer::new(Door(edge.clone())).max_decoding_message_size(MAX_BODY);
    Router::new().route_service("/kava.till.v1.Till/{method}", service)
}

struct Door(Edge);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Till for Door {
    async fn identify(&self, request: Request<proto::IdentifyRequest>) -> Answer<proto::Identified> {
        let call = Call::of(&self.0, &request);
        let told = call.within_time(async {
            let (caller, once) = (call.caller().await?, call.once()?);
            let code = wire::text("/code", request.into_inner().code)?;
            self.0.till.identify(&caller, &once, &code).await
        });
        counted(told.await?, wire::identified)
    }

    async fn put_session(&self, request: Request<proto::PutSessionRequest>) -> Answer<proto::Session> {
        let call = Call::of(&self.0, &request);
        let told = call.within_time(async {
            let caller = call.caller().await?;
            let (id, request, mode) = wire::put_session(request.into_inner())?;
            self.0.till.put_session(&caller, id, request, mode).await
        });
        Ok(Response::new(wire::session(told.await?)))
    }

    async fn get_session(&self, request: Request<proto::GetSessionRequest>) -> Answer<proto::Session> {
        let call = Call::of(&self.0, &request);
        let told = call.within_time(async {
            let caller = call.caller().await?;
            self.0.till.session(&caller, wire::session_id(&request.get_ref().session_id)?).await
        });
        Ok(Response::new(wire::session(told.await?)))
    }

    async fn close_session(&self, request: Request<proto::CloseSessionRequest>) -> Answer<proto::Session> {
        let call = Call::of(&self.0, &request);
        let told = call.within_time(async {
            let (caller, once) = (call.caller().await?, call.once()?);
            let (id, request) = wire::close(request.into_inner())?;
            self.0.till.close(&caller, id, &once, request).await
        });
        counted(told.await?, wire::session)
    }

    async fn cancel_session(&self, request: Request<proto::CancelSessionRequest>) -> Answer<proto::Session> {
        let call = Call::of(&self.0, &request);
        let told = call.within_time(async {
            let (caller, once) = (call.caller().await?, call.once()?);
            self.0.till.cancel(&caller, wire::session_id(&request.get_ref().session_id)?, &once).await
        });
        counted(told.await?, wire::session)
    }

    async fn return_lines(&self, request: Request<proto::ReturnLinesRequest>) -> Answer<proto::Returned> {
        let call = Call::of(&self.0, &request);
        let told = call.within_time(async {
            let (caller, once) = (call.caller().await?, call.once()?);
            let (id, request) = wire::returning(request.into_inner())?;
            self.0.till.return_lines(&caller, id, &once, request).await
        });
        counted(told.await?, wire::returned)
    }

    async fn reopen_session(&self, request: Request<proto::ReopenSessionRequest>) -> Answer<proto::Session> {
        let call = Call::of(&self.0, &request);
        let told = call.within_time(async {
            let (caller, once) = (call.caller().await?, call.once()?);
            self.0.till.reopen(&caller, wire::session_id(&request.get_ref().session_id)?, &once).await
        });
        counted(told.await?, wire::session)
    }

    async fn explain_session(&self, request: Request<proto::ExplainSessionRequest>) -> Answer<proto::Explanation> {
        let call = Call::of(&self.0, &request);
        let told = call.within_time(async {
            let caller = call.caller().await?;
            let asked = request.get_ref();
            let language = wire::language("/language", &asked.language)?;
            self.0.till.explain(&caller, wire::session_id(&asked.session_id)?, language).await
        });
        Ok(Response::new(wire::explanation(told.await?)))
    }
}

/// The answer to a call that counts once; a repeated one says so.
fn counted<T, M>(once: Once<T>, message: impl FnOnce(T) -> M) -> Answer<M> {
    let mut response = Response::new(message(once.value));
    if once.replayed {
        response.metadata_mut().insert("idempotency-replayed", tonic::metadata::MetadataValue::from_static("true"));
    }
    Ok(response)
}

/// Only a dry quote may be of another time.
fn mode(dry: bool, now: Option<chrono::DateTime<chrono::Utc>>) -> Result<QuoteMode, Refusal> {
    match (dry, now) {
        (false, None) => Ok(QuoteMode::Stored),
        (true, at) => Ok(QuoteMode::Dry { at }),
        (false, Some(_)) => {
            Err(Refusal::unacceptable("now-needs-dry", "Another time than now can only be asked for with `dry`."))
        }
    }
}
