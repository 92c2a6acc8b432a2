//! What line formats and indexes want to know of an alert's entities.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

use super::evidence::{Entity, Evidence};
use super::evidence_names::{Kind, Member};

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
        if let Some((account, name)) =
            evidence.of_kind(Kind::Account).find_map(|account| Some((account, user(account)?)))
        {
            facts.user = Some(name);
            facts.user_id = account.text(Member::Sid).or_else(|| account.text(Member::EntraId));
        }
        facts.host = evidence.of_kind(Kind::Host).find_map(host_name);
        facts.url = evidence.of_kind(Kind::Url).find_map(|url| url.text(Member::Url));
        facts.domain_name = evidence.of_kind(Kind::Dns).find_map(|dns| dns.text(Member::Domain));
        facts
    }

    /// Addresses and ports. A connection says itself which end is which; other addresses are the attacker's, who is the source
    /// unless the alert is about outbound traffic.
    fn take_connection(&mut self, evidence: &Evidence<'a>, outbound: bool) {
        // An end is an `ip` entity, or the address itself.
        let end = |of: Entity<'_, 'a>, member| {
            let text = of.linked(member).map_or_else(|| of.text(member), |ip| ip.text(Member::Address));
            text.and_then(address)
        };
        let mut victims = BTreeSet::new();
        if let Some(connection) = evidence.of_kind(Kind::Connection).next() {
            let port = |member| connection.text(member)?.trim().parse().ok();
            self.source_ip = end(connection, Member::Source);
            self.destination_ip = end(connection, Member::Destination);
            self.source_port = port(Member::SourcePort);
            self.destination_port = port(Member::DestinationPort);
            self.protocol = connection.text(Member::Protocol);
            victims.extend(if outbound { self.source_ip.clone() } else { self.destination_ip.clone() });
        }
        // The host that asked is the one attacked.
        victims.extend(evidence.of_kind(Kind::Dns).filter_map(|dns| end(dns, Member::HostAddress)));
        for ip in evidence.of_kind(Kind::Ip) {
            let Some(address) = ip.text(Member::Address).and_then(address) else { continue };
            if victims.contains(&address) {
                continue;
            }
            let slot = if outbound || is_destination(ip) { &mut self.destination_ip } else { &mut self.source_ip };
            slot.get_or_insert(address);
        }
    }

    /// The process of interest is the first that is nobody's parent, best with a command line.
    fn take_process_and_file(&mut self, evidence: &Evidence<'a>) {
        let parents: BTreeSet<usize> = evidence
            .of_kind(Kind::Process)
            .filter_map(|child| child.linked(Member::Parent))
            .map(Entity::place)
            .collect();
        let worth = |process: Entity<'_, 'a>| {
            (!parents.contains(&process.place()), process.text(Member::CommandLine).is_some())
        };
        let mut found: Option<Entity<'_, 'a>> = None;
        for process in evidence.of_kind(Kind::Process) {
            if found.is_none_or(|best| worth(process) > worth(best)) {
                found = Some(process);
            }
        }
        let image = found.and_then(|process| process.linked(Member::Image));
        if let Some(process) = found {
            let image_name = image.and_then(|file| file.text(Member::Name));
            self.process_name = image_name.or_else(|| process.text(Member::Name));
            self.process_id = process.text(Member::ProcessId).and_then(|text| process_id(&text));
            self.command_line = process.text(Member::CommandLine);
        }
        let file = evidence.of_kind(Kind::File).find(|file| file.text(Member::Name).is_some()).or(image);
        if let Some(file) = file {
            self.file_name = file.text(Member::Name);
            self.file_path = file.text(Member::Directory);
        }
        let own = file.into_iter().flat_map(|file| file.all_linked(Member::Hashes)).chain(file);
        self.file_hash = best_hash(own).or_else(|| best_hash(evidence.of_kind(Kind::FileHash)));
    }
}

/// SHA-256 before SHA-1 before MD5 before anything else.
fn best_hash<'e, 'a: 'e>(pieces: impl Iterator<Item = Entity<'e, 'a>>) -> Option<Cow<'a, str>> {
    let hashes = pieces.flat_map(|piece| {
        let rank = || match piece.text(Member::Algorithm).map(|name| name.to_ascii_lowercase()).as_deref() {
            Some("sha256" | "sha-256" | "sha256ac") => 0,
            Some("sha1" | "sha-1") => 1,
            Some("md5") => 2,
            _ => 3,
        };
        let own = [Member::Sha256, Member::Sha1, Member::Md5];
        let own = own.into_iter().zip(0_u8..).filter_map(move |(member, rank)| Some((rank, piece.text(member)?)));
        piece.text(Member::Value).map(|value| (rank(), value)).into_iter().chain(own)
    });
    hashes.min_by_key(|(rank, _)| *rank).map(|(_, value)| value)
}

/// Whether Graph says that the address is the attacked end.
fn is_destination(ip: Entity<'_, '_>) -> bool {
    ip.texts(Member::Roles)
        .any(|role| ["destination", "commandAndControl"].iter().any(|name| role.eq_ignore_ascii_case(name)))
}

/// The best of a host's names.
fn host_name<'a>(host: Entity<'_, 'a>) -> Option<Cow<'a, str>> {
    host.text(Member::HostName).or_else(|| host.texts(Member::OtherHostName).next()).or_else(|| host.text(Member::Name))
}

/// `DOMAIN\name`, `name@suffix`, `name`, else the Entra object id.
fn user<'a>(account: Entity<'_, 'a>) -> Option<Cow<'a, str>> {
    let text = |member| account.text(member);
    let principal = text(Member::UserPrincipal);
    let Some(name) = text(Member::Name) else {
        return principal.or_else(|| text(Member::EntraId));
    };
    Some(match (text(Member::NtDomain), text(Member::Domain), text(Member::UpnSuffix)) {
        (Some(domain), _, _) | (None, Some(domain), None) => Cow::Owned(format!("{domain}\\{name}")),
        (None, _, Some(suffix)) => Cow::Owned(format!("{name}@{suffix}")),
        (None, None, None) => principal.unwrap_or(name),
    })
}

/// The IP address in a text, perhaps with a port; `0.0.0.0` and `::` are none, nor is `00.00.00.00` of the sample alerts.
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    without_port(text).parse().ok().filter(|address: &IpAddr| !address.is_unspecified())
}

/// The text of the address in a text.
pub(super) fn address(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    parse_address(&text).map(|_| match text {
        Cow::Borrowed(text) => Cow::Borrowed(without_port(text)),
        Cow::Owned(text) => Cow::Owned(without_port(&text).to_owned()),
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
