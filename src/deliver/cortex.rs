//! Signatures of Palo Alto Networks Cortex: advanced API keys, which prove each request anew.
//!
//! Source: [Make your first API call](https://docs-cortex.paloaltonetworks.com/r/Cortex-XDR-REST-API/Make-your-first-API-call).

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::settings::Secret;

/// Letters and digits of a nonce.
const NONCE: usize = 64;

/// What proves one request: `x-xdr-nonce`, `x-xdr-timestamp` and `Authorization`.
pub(super) struct Proof {
    /// 64 letters and digits, never used again.
    pub(super) nonce: String,
    /// Milliseconds since 1970, in decimal.
    pub(super) timestamp: String,
    /// `hex(sha256(key + nonce + timestamp))`.
    pub(super) signature: String,
}

/// Proves a request that is sent now. The receiver refuses a proof that it saw before, so each attempt needs its own.
///
/// # Errors
/// When the operating system gives no random bytes.
pub(super) fn prove(key: &Secret, now: Timestamp) -> Result<Proof, getrandom::Error> {
    // 64 of them, so that a byte chooses each alike.
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789AZ";
    let mut random = [0; NONCE];
    getrandom::fill(&mut random)?;
    let nonce: String = random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 64)])).collect();
    let timestamp = now.as_millisecond().to_string();
    let signature = sign(key, &nonce, &timestamp);
    Ok(Proof { nonce, timestamp, signature })
}

fn sign(key: &Secret, nonce: &str, timestamp: &str) -> String {
    let mut hash = Sha256::new();
    for part in [key.expose(), nonce, timestamp] {
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_reference_holds() {
        let signature = sign(&Secret::new("A".repeat(16)), &"n".repeat(64), "1764000000000");
        assert_eq!(signature, "2e81ddb1a01b9c944803bbcb7e1b2dfef2baee74b3ce70402639e329f81443e3");
    }

    #[test]
    fn each_proof_is_its_own() {
        let key = Secret::new("k".to_owned());
        let now = Timestamp::from_second(1_764_000_000).unwrap();
        let (one, two) = (prove(&key, now).unwrap(), prove(&key, now).unwrap());
        assert_eq!((one.nonce.len(), one.timestamp.as_str()), (64, "1764000000000"));
        assert!(one.nonce.chars().all(|c| c.is_ascii_alphanumeric()));
        assert!(one.nonce != two.nonce && one.signature != two.signature);
        assert_eq!(one.signature, sign(&key, &one.nonce, &one.timestamp));
    }
}
