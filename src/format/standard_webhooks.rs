//! Signatures of [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
//! HMAC-SHA256 over `{id}.{timestamp}.{body}`, in base64, one per key.

use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::engine::{DecodePaddingMode, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::parcel::SigningKey;

/// What every secret begins with, to tell it from other secrets in scans and logs.
const PREFIX: &str = "whsec_";

/// Sizes of a key in bytes, decoded, that the specification allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Decodes secrets whether or not the padding was copied along.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The value of the `webhook-signature` header: one `v1,<base64>` per key, separated by a space, in the order of `keys`.
///
/// `id` and `timestamp` (seconds since 1970, of this attempt) are what the headers `webhook-id` and `webhook-timestamp` say, and
/// `body` is exactly what is sent. `id` must hold no dot: the dot separates the signed parts.
#[must_use]
pub fn sign(id: &str, timestamp: i64, body: &[u8], keys: &[SigningKey]) -> String {
    let mut header = String::with_capacity(keys.len() * 48);
    for SigningKey(key) in keys {
        // A key of any length makes a MAC; the type only says otherwise because other MACs are pickier.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { continue };
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(itoa::Buffer::new().format(timestamp).as_bytes());
        mac.update(b".");
        mac.update(body);
        if !header.is_empty() {
            header.push(' ');
        }
        header.push_str("v1,");
        STANDARD.encode_string(mac.finalize().into_bytes(), &mut header);
    }
    header
}

/// Reads `whsec_…` secrets separated by commas or white space; the first signs first.
///
/// # Errors
/// When there is none, or one lacks the prefix, is not base64, or is too short or too long. The text says which one by its place, and
/// never quotes it.
pub fn parse_secrets(text: &str) -> Result<Vec<SigningKey>, String> {
    let secrets: Vec<&str> =
        text.split(|c: char| c == ',' || c.is_whitespace()).filter(|secret| !secret.is_empty()).collect();
    if secrets.is_empty() {
        return Err("holds no secret".to_owned());
    }
    let many = secrets.len() > 1;
    let named = |place: usize, problem: &str| {
        if many { format!("secret {} of {}: {problem}", place + 1, secrets.len()) } else { problem.to_owned() }
    };
    let parse = |(place, secret): (usize, &&str)| parse_secret(secret).map_err(|problem| named(place, &problem));
    secrets.iter().enumerate().map(parse).collect()
}

fn parse_secret(secret: &str) -> Result<SigningKey, String> {
    let encoded = secret.strip_prefix(PREFIX).ok_or_else(|| format!("must begin with {PREFIX}"))?;
    let key = LENIENT.decode(encoded).map_err(|_| format!("must be base64 after {PREFIX}"))?;
    if KEY_BYTES.contains(&key.len()) {
        return Ok(SigningKey(key));
    }
    Err(format!(
        "holds {} bytes after base64 decoding; must be {} to {}",
        key.len(),
        KEY_BYTES.start(),
        KEY_BYTES.end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_bWRjLWZvcndhcmRlci1kZW1vLWtleS0wMTIzNDU2Nzg=";
    const BODY: &[u8] = br#"{"type":"mdc.alert.created","timestamp":"2025-11-24T16:00:00Z","data":{"id":"a1"}}"#;
    const SIGNATURE: &str = "v1,gg1pdUBBNpiyIcO/taW2dmDNq/cnxJWKesgE+Y2NfH4=";

    #[test]
    fn the_known_vector_is_met() {
        let keys = parse_secrets(SECRET).unwrap();
        assert_eq!(sign("mdc_2518_0001", 1_764_000_000, BODY, &keys), SIGNATURE);
    }

    #[test]
    fn the_specification_s_own_example_is_met() {
        let keys = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let header = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#, &keys);
        assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_rotation_signs_with_each_key_in_order() {
        let other = format!("whsec_{}", STANDARD.encode([7; 24]));
        for separator in [",", " ", ", ", "\n"] {
            let keys = parse_secrets(&format!("{SECRET}{separator}{other}")).unwrap();
            let header = sign("mdc_2518_0001", 1_764_000_000, BODY, &keys);
            let (first, second) = header.split_once(' ').unwrap();
            assert_eq!(first, SIGNATURE);
            assert_eq!(second, sign("mdc_2518_0001", 1_764_000_000, BODY, &keys[1..]));
        }
    }

    #[test]
    fn faults_name_the_place_and_never_the_value() {
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        for (text, problem) in [
            (" , ", "holds no secret"),
            ("hunter2hunter2hunter2hunter2", "must begin with whsec_"),
            ("whsec_hunter2!", "must be base64 after whsec_"),
            (short.as_str(), "holds 23 bytes after base64 decoding; must be 24 to 64"),
            (&format!("{SECRET} {long}"), "secret 2 of 2: holds 65 bytes after base64 decoding; must be 24 to 64"),
        ] {
            assert_eq!(parse_secrets(text).unwrap_err(), problem);
        }
    }

    #[test]
    fn padding_may_be_missing() {
        assert_eq!(parse_secrets(SECRET.trim_end_matches('=')), parse_secrets(SECRET));
    }
}
