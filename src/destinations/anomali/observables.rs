//! The observables of an alert: what its entities say of somebody else, and nothing of ourselves.
//!
//! When in doubt nothing is published: an indicator that is wrong gets somebody blocked, and one of our own tells who we are.

mod victim;

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Map, Value};
use url::{Host, Url};

use self::victim::Victim;
use super::own::{self, Own};
use crate::event::{Alert, AlertShape, Status, parse_address};

/// What an observable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Ipv4,
    Ipv6,
    Domain,
    Url,
    Email,
    /// MD5, SHA-1 or SHA-256: ThreatStream keeps them all under `md5`.
    Hash,
}

impl Kind {
    /// By its name in the setting `ITYPES`.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ip" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "domain" => Self::Domain,
            "url" => Self::Url,
            "email" => Self::Email,
            "hash" => Self::Hash,
            _ => return None,
        })
    }
}

/// Something to look out for. The value is in its canonical form: it holds no white space and no control character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Observable {
    pub(super) kind: Kind,
    pub(super) value: String,
}

/// An object of an alert's entities.
type Members = Map<String, Value>;

/// The observables of an alert, each once, in the order of its entities.
pub(super) fn of(alert: &Alert<'_>, own: &Own) -> Vec<Observable> {
    // Whoever dismisses an alert says that nobody attacked.
    if alert.status == Status::Dismissed || attacks_others(alert) {
        return Vec::new();
    }
    // Graph's retired shape does not tell the machine's own public address from the attacker's.
    if alert.shape == AlertShape::GraphV1 {
        return Vec::new();
    }
    let entities = &alert.entities().list;
    let pieces: Vec<_> = entities.iter().flat_map(|entity| entity.pieces()).collect();
    let victim = Victim::of(alert, &pieces, own);
    let mut found = Found { victim: &victim, seen: BTreeSet::new(), list: Vec::new() };
    for entity in entities {
        let members = &entity.fields;
        if victim::is_ours(&entity.kind, members) || is_harmless(members) {
            continue;
        }
        match entity.kind.as_str() {
            "ip" if !is_system_service(members) => found.address(text(members, &["address", "ipAddress"])),
            "network-connection" => found.address(victim.other_end(members)),
            "dns" => found.domain(text(members, &["domainName"])),
            "url" => found.url(text(members, &["url"])),
            "mail-message" | "analyzed-message" | "submission-mail" => found.sender(members),
            "malware" => hashes(members).into_iter().for_each(|hash| found.add(Kind::Hash, hash)),
            "file" | "filehash" if victim.publishes_hashes(members) => {
                let foreign = hashes(members).into_iter().filter(|hash| !victim.runs(hash));
                foreign.for_each(|hash| found.add(Kind::Hash, hash));
            }
            _ => {}
        }
    }
    found.list
}

/// Whether our machine is the attacker, so that the addresses are those of its victims: outgoing brute force, scans, floods.
fn attacks_others(alert: &Alert<'_>) -> bool {
    alert.alert_type.as_deref().is_some_and(|name| name.to_ascii_lowercase().contains("outgoing"))
}

/// Whether Graph's verdict clears the piece of evidence.
fn is_harmless(members: &Members) -> bool {
    text(members, &["verdict"]).is_some_and(|verdict| verdict.eq_ignore_ascii_case("noThreatsFound"))
}

/// Whether the address belongs to a service of Azure, by its service tag.
fn is_system_service(ip: &Members) -> bool {
    let location = member(ip, "location").and_then(Value::as_object);
    location.and_then(|location| text(location, &["systemService"])).is_some()
}

/// Collects what passes.
struct Found<'v> {
    victim: &'v Victim<'v>,
    seen: BTreeSet<Observable>,
    list: Vec<Observable>,
}

impl Found<'_> {
    fn add(&mut self, kind: Kind, value: String) {
        let observable = Observable { kind, value };
        if self.seen.insert(observable.clone()) {
            self.list.push(observable);
        }
    }

    fn address(&mut self, text: Option<&str>) {
        let Some(address) = text.and_then(parse_address) else { return };
        if self.victim.is_foreign_address(address) {
            let kind = if address.is_ipv4() { Kind::Ipv4 } else { Kind::Ipv6 };
            self.add(kind, address.to_string());
        }
    }

    fn domain(&mut self, text: Option<&str>) {
        let Some(name) = text.and_then(own::domain) else { return };
        if self.victim.is_foreign_web(&name) {
            self.add(Kind::Domain, name);
        }
    }

    fn url(&mut self, text: Option<&str>) {
        if let Some(url) = text.and_then(|text| foreign_url(text, self.victim)) {
            self.add(Kind::Url, url);
        }
    }

    /// The envelope's sender; the sender that the message shows is often forged, and then a victim's.
    fn sender(&mut self, message: &Members) {
        let nested = member(message, "p1Sender").and_then(Value::as_object);
        let nested = nested.and_then(|sender| text(sender, &["emailAddress"]));
        let Some(address) = nested.or_else(|| text(message, &["p1Sender", "sender"])) else { return };
        let Some((local, domain)) = address.trim().rsplit_once('@') else { return };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
        let Some(domain) = own::domain(domain) else { return };
        if !local.is_empty() && local.len() <= 64 && local.bytes().all(legal) && self.victim.is_foreign_domain(&domain)
        {
            self.add(Kind::Email, format!("{local}@{domain}"));
        }
    }
}

/// An address of the web, unless it leads to ourselves or could hold a credential or a person's name. Its fragment is left out.
fn foreign_url(text: &str, victim: &Victim<'_>) -> Option<String> {
    const LONGEST: usize = 2_000;
    let mut url = Url::parse(text.trim()).ok()?;
    let plain =
        matches!(url.scheme(), "http" | "https" | "ftp") && url.username().is_empty() && url.password().is_none();
    let foreign = match url.host()? {
        Host::Domain(name) => own::domain(name).is_some_and(|name| victim.is_foreign_web(&name)),
        Host::Ipv4(address) => victim.is_foreign_address(IpAddr::V4(address)),
        Host::Ipv6(address) => victim.is_foreign_address(IpAddr::V6(address)),
    };
    url.set_fragment(None);
    (plain && foreign && !tells_secrets(&url) && url.as_str().len() <= LONGEST).then(|| url.into())
}

/// Whether the query could hold a signature, a token, a password or a person's name.
fn tells_secrets(url: &Url) -> bool {
    const SECRETIVE: [&str; 14] = [
        "sig", "token", "secret", "pass", "pwd", "key", "auth", "code", "cred", "session", "sid", "jwt", "user", "mail",
    ];
    const LONGEST: usize = 64;
    let mut pairs = url.query_pairs();
    let path_names_somebody = url.path().contains('@') || url.path().to_ascii_lowercase().contains("%40");
    path_names_somebody
        || pairs.any(|(name, value)| {
            let name = name.to_ascii_lowercase();
            SECRETIVE.iter().any(|word| name.contains(word))
                || [&*name, &*value].iter().any(|text| text.contains('@') || text.len() > LONGEST)
        })
}

/// The file hashes in an object, however deep, in canonical form.
fn hashes(members: &Members) -> Vec<String> {
    let own = ["sha256", "sha1", "md5"].into_iter().filter_map(|name| text(members, &[name]));
    let algorithm = text(members, &["algorithm", "hashType"]);
    // The hash of an Authenticode signature is not the file's.
    let named = algorithm.filter(|name| !name.eq_ignore_ascii_case("sha256ac"));
    let named = named.and_then(|_| text(members, &["value", "hashValue"]));
    let mut found: Vec<String> = own.chain(named).filter_map(hash).collect();
    for value in members.values() {
        let items = if let Value::Array(items) = value { items.as_slice() } else { std::slice::from_ref(value) };
        found.extend(items.iter().filter_map(Value::as_object).flat_map(hashes));
    }
    found
}

/// An MD5, SHA-1 or SHA-256 in lower case; nothing for what no file has, and for the hashes of the empty file.
fn hash(text: &str) -> Option<String> {
    const EMPTY_FILE: [&str; 3] = [
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ];
    let hash = text.trim().to_ascii_lowercase();
    let whole = matches!(hash.len(), 32 | 40 | 64) && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (whole && !hash.bytes().all(|byte| byte == b'0') && !EMPTY_FILE.contains(&hash.as_str())).then_some(hash)
}

/// A member, whatever the case of its name.
fn member<'v>(members: &'v Members, name: &str) -> Option<&'v Value> {
    members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The first of these members that is a text, and not blank.
fn text<'v>(members: &'v Members, names: &[&str]) -> Option<&'v str> {
    names.iter().filter_map(|name| member(members, name)?.as_str()).find(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests;
