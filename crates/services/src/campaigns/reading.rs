//! From JSON to rules that may be published, and every reason why they may not be, with its place.

use contract::Refusal;
use contract::campaigns::Checked;
use promotions::{Params, Problems, Rules};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use sha2::{Digest, Sha256};

use super::publish::hex;

const REFUSED: &str = "These rules cannot be published. Mend what the errors point at and try again.";

/// Whether these rules could be published; asks nobody.
///
/// # Errors
/// `invalid-rules` with a pointer to everything that is wrong.
pub fn check(rules: Value) -> Result<Checked, Refusal> {
    let params: Params = read(rules)?;
    let rules = params.check().map_err(|problems| refuse(problems, ""))?;
    let text = text_of(&rules).map_err(|why| Refusal::unacceptable("invalid-rules", why.to_string()))?;
    let campaigns = &rules.params().campaigns;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Checked {
        campaigns: count(campaigns.len()),
        enabled: count(campaigns.iter().filter(|campaign| campaign.enabled).count()),
        sha256: hex(&Sha256::digest(&text)),
    })
}

/// Rules as they would be published, compiled.
pub(crate) fn compiled(rules: Value) -> Result<Rules, Refusal> {
    let params: Params = read(rules)?;
    params.check().map_err(|problems| refuse(problems, ""))
}

/// Reads a rule set or a campaign.
pub(super) fn read<T: DeserializeOwned>(json: Value) -> Result<T, Refusal> {
    // A list would be read field by field, and an empty one as an empty rule set: nobody means that.
    if !json.is_object() {
        return Err(Refusal::unacceptable("invalid-rules", REFUSED).at("", "invalid", "This has to be a JSON object."));
    }
    serde_path_to_error::deserialize(json).map_err(|error| {
        let pointer = pointer(error.path());
        Refusal::unacceptable("invalid-rules", REFUSED).at(pointer, "invalid", error.into_inner().to_string())
    })
}

/// What keeps rules from being published. `within` is the place in the rule set of what was sent, `""` for all of it:
/// pointers lead into what the caller sent.
pub(super) fn refuse(problems: Problems, within: &str) -> Refusal {
    problems.0.into_iter().fold(Refusal::unacceptable("invalid-rules", REFUSED), |refusal, problem| {
        let inside = problem.pointer.strip_prefix(within).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let pointer = inside.map_or_else(|| problem.pointer.clone(), str::to_owned);
        refusal.at(pointer, problem.key, problem.detail)
    })
}

/// The text of rules that is stored, and whose hash says that two rule sets are the same.
pub(super) fn text_of(rules: &Rules) -> Result<String, store::StoreError> {
    serde_json::to_string(rules.params()).map_err(|why| store::StoreError::corrupt("rule set", why))
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escaped(key)),
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect()
}
