//! Where a request comes from. A header is believed only as far as the settings name proxies of our own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::request::Parts;
use http::{Extensions, HeaderMap};

/// The client's address: the peer's, or what `trusted_hops` proxies of our own wrote into X-Forwarded-For.
#[must_use]
pub fn address(parts: &Parts, trusted_hops: u8) -> IpAddr {
    let peer = peer(&parts.extensions).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    if trusted_hops == 0 {
        return peer;
    }
    let forwarded: Vec<&str> = parts
        .headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    // The last entry was written by the proxy nearest to us about its own peer.
    let entry = forwarded.len().checked_sub(usize::from(trusted_hops)).and_then(|at| forwarded.get(at));
    entry.and_then(|text| text.parse().ok()).unwrap_or(peer)
}

#[must_use]
pub fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

/// Came from this machine itself and through no proxy that says so.
#[must_use]
pub fn is_local(extensions: &Extensions, headers: &HeaderMap) -> bool {
    let direct = ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().all(|name| !headers.contains_key(*name));
    direct && peer(extensions).is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address_of(forwarded: &[&str], trusted_hops: u8) -> String {
        let mut request = http::Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 40_000))));
        address(&parts, trusted_hops).to_string()
    }

    #[test]
    fn a_header_is_believed_only_from_our_own_proxies() {
        assert_eq!(address_of(&["203.0.113.9"], 0), "192.0.2.1");
        assert_eq!(address_of(&["198.51.100.1, 203.0.113.9"], 1), "203.0.113.9");
        assert_eq!(address_of(&["198.51.100.1", "203.0.113.9"], 1), "203.0.113.9");
        assert_eq!(address_of(&["198.51.100.1, 203.0.113.9"], 2), "198.51.100.1");
        assert_eq!(address_of(&["203.0.113.9"], 2), "192.0.2.1");
        assert_eq!(address_of(&["nonsense"], 1), "192.0.2.1");
        assert_eq!(address_of(&[], 1), "192.0.2.1");
    }
}
