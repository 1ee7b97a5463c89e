//! How a till recognises a code without holding any: a slow hash under a salt that the grant carries.
//!
//! A static code has 50 random bits. Under a plain hash they could be tried out in hours by whoever takes a till's file;
//! under [`ROUNDS`] of PBKDF2 that takes some thousand times longer, while the till hashes once a scan.

use domain::CustomerCode;
use domain::code::CodeHandle;
use hmac::Hmac;
use sha2::Sha256;

use crate::canonical::hex;

/// Rounds of PBKDF2-HMAC-SHA256 (RFC 8018) for one hash.
pub const ROUNDS: u32 = 4_096;

/// A code under a salt, in hex: of the static code its 16 digits, of a rotating one the 10 characters of its handle.
///
/// The handle alone does not prove a phone, and offline nobody can check the tag: a grant bounds what that may cost.
#[must_use]
pub fn hash(code: &CustomerCode, salt: &[u8; 16]) -> String {
    match code {
        CustomerCode::Static(code) => hash_static(code.as_str(), salt),
        CustomerCode::Rotating(code) => hash_handle(code.handle, salt),
    }
}

#[must_use]
pub fn hash_static(digits: &str, salt: &[u8; 16]) -> String {
    slow(&format!("static:{digits}"), salt)
}

#[must_use]
pub fn hash_handle(handle: CodeHandle, salt: &[u8; 16]) -> String {
    slow(&format!("handle:{}", handle.text()), salt)
}

fn slow(text: &str, salt: &[u8; 16]) -> String {
    let mut key = [0; 32];
    // Fails for a key that HMAC cannot take only, and HMAC takes any.
    let hashed = pbkdf2::pbkdf2::<Hmac<Sha256>>(text.as_bytes(), salt, ROUNDS, &mut key);
    hashed.map(|()| hex(&key)).unwrap_or_default()
}
