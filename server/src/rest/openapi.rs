//! `GET /api/v1/openapi.json`: OpenAPI 3.1, generated from the code that serves it.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kava",
        description = "The till plane and the integrators' plane. Money is integer minor units, rates are basis points, \
            times are RFC 3339. Every POST takes an Idempotency-Key; every error is application/problem+json.",
        license(name = "MIT OR Apache-2.0"),
    ),
    paths(
        super::identify::identify,
        super::put_session::put_session,
        super::get_session::get_session,
        super::close::close,
        super::cancel::cancel,
        super::explanation::explanation,
        super::returns::returns,
        super::reopen::reopen,
        super::grants::grants,
        super::receipts::receipts,
        super::products::products,
        super::rule_sets::list,
        super::rule_sets::get_current,
        super::rule_sets::publish,
        super::rule_sets::check,
        super::rule_sets::get,
        super::campaigns::list,
        super::campaigns::get,
        super::campaigns::put,
        super::campaigns::delete,
        super::campaigns::pause,
        super::campaigns::resume,
        super::coupons::put,
        super::coupons::make,
        super::coupons::batch,
        super::coupons::codes,
        super::simulations::begin,
        super::simulations::get,
        super::simulations::cancel,
    ),
    modifiers(&Keys),
)]
pub struct Api;

/// Bearer keys: a till's, and an integrator's with the scope `campaigns`.
struct Keys;

impl Modify for Keys {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_with(Default::default);
        for key in ["till_key", "integrator_key"] {
            let scheme = SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).build());
            components.add_security_scheme(key, scheme);
        }
    }
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| Api::openapi().to_json().unwrap_or_default());

pub async fn openapi() -> Response {
    let mut response = DOCUMENT.as_str().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
