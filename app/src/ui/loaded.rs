//! What a screen shows when its data is here, and when it did not come.

use leptos::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::FaultNotice;
use crate::fault::Fault;

/// `show` with the value, or the refusal with another try. Pages are sent whole, so `skeleton` is seen only where one is
/// streamed; it has the final size.
pub fn loaded<T>(
    resource: Resource<Result<T, Fault>>,
    skeleton: fn() -> AnyView,
    show: fn(T) -> AnyView,
) -> impl IntoView
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    view! {
        <Suspense fallback=skeleton>
            {move || resource.get().map(|answer| match answer {
                Ok(value) => show(value),
                Err(fault) => view! { <FaultNotice fault=fault retry=true/> }.into_any(),
            })}
        </Suspense>
    }
}
