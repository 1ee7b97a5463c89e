//! What a screen shows while its data is on the way, when it is here, and when it did not come.

use leptos::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::FaultNotice;
use crate::fault::Fault;

/// `skeleton` while loading, `show` with the value, or the refusal with another try. While it is fetched again the old
/// view stays.
pub fn loaded<T>(
    resource: Resource<Result<T, Fault>>,
    skeleton: fn() -> AnyView,
    show: fn(T) -> AnyView,
) -> impl IntoView
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let retry = Callback::new(move |()| resource.refetch());
    view! {
        <Transition fallback=skeleton>
            {move || resource.get().map(|answer| match answer {
                Ok(value) => show(value),
                Err(fault) => view! { <FaultNotice fault=fault retry=retry/> }.into_any(),
            })}
        </Transition>
    }
}
