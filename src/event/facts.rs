//! What line formats and indexes want to know of an alert's entities.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

use super::evidence::{Evidence, Kind, Link, Piece};

/// The first value of each kind that an alert's entities hold; absent where none does.
///
/// Computed once per alert, on first use, in one pass over the entities' text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Facts<'a> {
    /// First valid address of an `ip` entity that is the attacker's by the alert type (the default role of `ip` entities).
    pub source_ip: Option<Cow<'a, str>>,
    /// First valid destination address: a network connection's, or the `ip` entity of an outbound alert type.
    pub destination_ip: Option<Cow<'a, str>>,
    /// Source port of the first network connection.
    pub source_port: Option<u16>,
    /// Destination port of the first network connection.
    pub destination_port: Option<u16>,
    /// Protocol of the first network connection, as written.
    pub protocol: Option<Cow<'a, str>>,
    /// First account: `DOMAIN\name`, `name@suffix`, `name`, else its Entra object id.
    pub user: Option<Cow<'a, str>>,
    /// Security identifier, else Entra object id, of that account.
    pub user_id: Option<Cow<'a, str>>,
    /// First host's name.
    pub host: Option<Cow<'a, str>>,
    /// First file's name.
    pub file_name: Option<Cow<'a, str>>,
    /// First file's directory.
    pub file_path: Option<Cow<'a, str>>,
    /// First file hash: SHA-256 before SHA-1 before MD5.
    pub file_hash: Option<Cow<'a, str>>,
    /// First process' image file name.
    pub process_name: Option<Cow<'a, str>>,
    /// First process' id, in decimal or `0x` hexadecimal in the source.
    pub process_id: Option<u64>,
    /// First process' command line, never empty.
    pub command_line: Option<Cow<'a, str>>,
    /// First `url` entity.
    pub url: Option<Cow<'a, str>>,
    /// First `dns` entity's domain name.
    pub domain_name: Option<Cow<'a, str>>,
}

/// The facts in the text of an entity list; none where it does not parse.
pub(super) fn of_entities(list: &str, outbound: bool) -> Facts<'_> {
    Facts::gather(&Evidence::of_entities(list), outbound)
}

/// The facts in the states (`hostStates`, `userStates`, ...) of an alert of Graph's retired shape.
pub(super) fn of_states(record: &str, outbound: bool) -> Facts<'_> {
    Facts::gather(&Evidence::of_states(record), outbound)
}

impl<'a> Facts<'a> {
    fn gather(evidence: &Evidence<'a>, outbound: bool) -> Self {
        let mut facts = Self::default();
        facts.take_connection(evidence, outbound);
        facts.take_process_and_file(evidence);
        if let Some(account) = evidence.of_kind(Kind::Account).find(|piece| user(piece).is_some()) {
            facts.user = user(account);
            facts.user_id = account.sid.clone().or_else(|| account.entra_id.clone());
        }
        facts.host =
            evidence.of_kind(Kind::Host).find_map(|piece| piece.host_name.clone().or_else(|| piece.name.clone()));
        facts.url = evidence.of_kind(Kind::Url).find_map(|piece| piece.url.clone());
        facts.domain_name = evidence.of_kind(Kind::Dns).find_map(|piece| piece.domain.clone());
        facts
    }

    /// Addresses and ports. A connection says itself which end is which; other addresses are the attacker's, who is the source
    /// unless the alert is about outbound traffic.
    fn take_connection(&mut self, evidence: &Evidence<'a>, outbound: bool) {
        let ends = |link: &Link<'a>| match link {
            Link::Text(text) => address(text),
            _ => evidence.follow(link).and_then(|piece| piece.address.as_ref()).and_then(address),
        };
        let mut victims = BTreeSet::new();
        if let Some(connection) = evidence.of_kind(Kind::Connection).next() {
            self.source_ip = ends(&connection.source);
            self.destination_ip = ends(&connection.destination);
            self.source_port = connection.source_port.as_ref().and_then(|text| text.trim().parse().ok());
            self.destination_port = connection.destination_port.as_ref().and_then(|text| text.trim().parse().ok());
            self.protocol = connection.protocol.clone();
            victims.extend(if outbound { self.source_ip.clone() } else { self.destination_ip.clone() });
        }
        // The host that asked is the one attacked.
        victims.extend(evidence.of_kind(Kind::Dns).filter_map(|dns| ends(&dns.host_address)));
        for piece in evidence.of_kind(Kind::Ip) {
            let Some(address) = piece.address.as_ref().and_then(address) else { continue };
            if victims.contains(&address) {
                continue;
            }
            let slot = if outbound || piece.is_destination { &mut self.destination_ip } else { &mut self.source_ip };
            slot.get_or_insert(address);
        }
    }

    /// The process of interest is the first that is nobody's parent, best with a command line.
    fn take_process_and_file(&mut self, evidence: &Evidence<'a>) {
        let parents: BTreeSet<*const Piece<'a>> = evidence
            .of_kind(Kind::Process)
            .filter_map(|child| evidence.follow(&child.parent))
            .map(std::ptr::from_ref)
            .collect();
        let is_parent = |piece: &Piece<'a>| parents.contains(&std::ptr::from_ref(piece));
        let mut found: Option<&Piece<'a>> = None;
        for piece in evidence.of_kind(Kind::Process) {
            let worth = |piece: &Piece<'a>| (!is_parent(piece), piece.command_line.is_some());
            if found.is_none_or(|best| worth(piece) > worth(best)) {
                found = Some(piece);
            }
        }
        let image = found.and_then(|process| evidence.follow(&process.image));
        if let Some(process) = found {
            self.process_name = image.and_then(|file| file.name.clone()).or_else(|| process.name.clone());
            self.process_id = process.process_id.as_deref().and_then(process_id);
            self.command_line = process.command_line.clone();
        }
        let file = evidence.of_kind(Kind::File).find(|piece| piece.name.is_some()).or(image);
        if let Some(file) = file {
            self.file_name = file.name.clone();
            self.file_path = file.directory.clone();
        }
        let own = file.into_iter().flat_map(|file| &file.hashes).filter_map(|link| evidence.follow(link)).chain(file);
        self.file_hash = best_hash(own).or_else(|| best_hash(evidence.of_kind(Kind::FileHash)));
    }
}

/// SHA-256 before SHA-1 before MD5 before anything else.
fn best_hash<'p, 'a: 'p>(pieces: impl Iterator<Item = &'p Piece<'a>>) -> Option<Cow<'a, str>> {
    let rank = |algorithm: Option<&str>| match algorithm.map(str::to_ascii_lowercase).as_deref() {
        Some("sha256" | "sha-256" | "sha256ac") => 0,
        Some("sha1" | "sha-1") => 1,
        Some("md5") => 2,
        _ => 3,
    };
    let mut best: Option<(u8, &Cow<'a, str>)> = None;
    for piece in pieces {
        let named = piece.value.as_ref().map(|value| (rank(piece.algorithm.as_deref()), value));
        let own = piece.sha256.as_ref().map(|value| (0, value));
        let own = own.or(piece.sha1.as_ref().map(|value| (1, value))).or(piece.md5.as_ref().map(|value| (2, value)));
        for hash in [named, own].into_iter().flatten() {
            if best.is_none_or(|(rank, _)| hash.0 < rank) {
                best = Some(hash);
            }
        }
    }
    best.map(|(_, value)| value.clone())
}

/// `DOMAIN\name`, `name@suffix`, `name`, else the Entra object id.
fn user<'a>(account: &Piece<'a>) -> Option<Cow<'a, str>> {
    let Some(name) = &account.name else {
        return account.user_principal.clone().or_else(|| account.entra_id.clone());
    };
    Some(match (&account.nt_domain, &account.domain, &account.upn_suffix) {
        (Some(domain), _, _) | (None, Some(domain), None) => Cow::Owned(format!("{domain}\\{name}")),
        (None, _, Some(suffix)) => Cow::Owned(format!("{name}@{suffix}")),
        (None, None, None) => account.user_principal.clone().unwrap_or_else(|| name.clone()),
    })
}

/// The IP address in a text; `0.0.0.0` and `::` are none, nor is `00.00.00.00` of the sample alerts.
fn address<'a>(text: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    let parsed: IpAddr = without_port(text).parse().ok()?;
    (!parsed.is_unspecified()).then(|| match text {
        Cow::Borrowed(text) => Cow::Borrowed(without_port(text)),
        Cow::Owned(text) => Cow::Owned(without_port(text).to_owned()),
    })
}

/// What may be the address in `address`, `IPv4:port`, `[address]` and `[address]:port`.
fn without_port(text: &str) -> &str {
    let text = text.trim();
    if let Some((address, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match text.split_once(':') {
        Some((address, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => address,
        _ => text,
    }
}

/// A process id in decimal, or in hexadecimal after `0x`.
fn process_id(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
