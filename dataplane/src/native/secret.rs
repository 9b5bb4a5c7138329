//! Numbers that nobody can know who was not told: cookies, sessions, tokens. All shards of a process share the secret.

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};

use adit_wire::native::request::COOKIE_BYTES;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::path::Path;

/// The secret of a process.
#[derive(Clone, Copy)]
pub struct Secret(u128);

impl Secret {
    /// A secret, drawn at random when the process started.
    pub fn new(secret: u128) -> Self {
        Self(secret)
    }

    /// The cookie that proves at `now_ns` that something sent to `address` arrives there.
    pub(super) fn cookie(self, address: SocketAddr, now_ns: u64) -> [u8; COOKIE_BYTES] {
        let mut cookie = [0; COOKIE_BYTES];
        cookie[..8].copy_from_slice(&now_ns.to_le_bytes());
        cookie[8..].copy_from_slice(&self.cookie_code(address, now_ns).to_le_bytes());
        cookie
    }

    /// Whether a cookie is for `address` and not too old.
    pub(super) fn proves(self, cookie: &[u8; COOKIE_BYTES], address: SocketAddr, now_ns: u64) -> bool {
        let Some((issued, code)) = cookie.split_first_chunk::<8>() else { return false };
        let issued_ns = u64::from_le_bytes(*issued);
        let is_young = now_ns.checked_sub(issued_ns).is_some_and(|age_ns| age_ns <= COOKIE_LIFE_NS);
        is_young && *code == self.cookie_code(address, issued_ns).to_le_bytes()
    }

    fn cookie_code(self, address: SocketAddr, issued_ns: u64) -> u128 {
        let mut hash = self.hasher(b"cookie");
        write_address(&mut hash, address);
        hash.write(&issued_ns.to_le_bytes());
        hash.finish128().as_u128()
    }

    /// The session of who opens one from `path` with a number that it drew: the same again if it asks again.
    pub(super) fn session(self, path: Path, drawn: u128) -> u64 {
        let mut hash = self.hasher(b"session");
        match path {
            Path::Datagram(interface, address) => {
                hash.write(&[interface]);
                write_address(&mut hash, address);
            }
            Path::Stream(id) => {
                hash.write(&id.index.to_le_bytes());
                hash.write(&id.generation.to_le_bytes());
            }
        }
        hash.write(&drawn.to_le_bytes());
        // 0 is no session.
        hash.finish().max(1)
    }

    /// What whoever has opened a session knows about it.
    pub(super) fn token(self, session: u64, tenant: u32) -> u128 {
        let mut hash = self.hasher(b"token");
        hash.write(&session.to_le_bytes());
        hash.write(&tenant.to_le_bytes());
        hash.finish128().as_u128()
    }

    fn hasher(self, purpose: &[u8]) -> SipHasher24 {
        let mut hash = SipHasher24::new_with_key(&self.0.to_le_bytes());
        hash.write(&[purpose.len().to_le_bytes()[0]]);
        hash.write(purpose);
        hash
    }
}

fn write_address(hash: &mut SipHasher24, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => hash.write(&ip.octets()),
        IpAddr::V6(ip) => hash.write(&ip.octets()),
    }
    hash.write(&address.port().to_le_bytes());
}

/// A cookie is good for so long.
pub(super) const COOKIE_LIFE_NS: u64 = 10_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_for_one_address_and_some_seconds() {
        let secret = Secret::new(7);
        let [here, there] = ["127.0.0.1:1", "127.0.0.1:2"].map(|text| text.parse().unwrap());
        let cookie = secret.cookie(here, 1_000);
        assert!(secret.proves(&cookie, here, 1_000));
        assert!(secret.proves(&cookie, here, 1_000 + COOKIE_LIFE_NS));
        assert!(!secret.proves(&cookie, here, 1_001 + COOKIE_LIFE_NS));
        assert!(!secret.proves(&cookie, here, 999), "it is not issued yet");
        assert!(!secret.proves(&cookie, there, 1_000));
        assert!(!Secret::new(8).proves(&cookie, here, 1_000));
        for bit in 0..COOKIE_BYTES * 8 {
            let mut other = cookie;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!secret.proves(&other, here, 1_000));
        }
    }

    #[test]
    fn who_asks_again_gets_the_same_session() {
        let secret = Secret::new(7);
        let path = Path::Datagram(0, "127.0.0.1:1".parse().unwrap());
        assert_eq!(secret.session(path, 5), secret.session(path, 5));
        assert_ne!(secret.session(path, 5), secret.session(path, 6));
        assert_ne!(secret.token(1, 0), secret.token(2, 0));
        assert_ne!(secret.token(1, 0), secret.token(1, 1));
    }
}
