//! What an alert says of the attacked side: its addresses, its names, the files that it runs.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;
use url::Url;

use super::{Members, hashes, member, text};
use crate::destinations::anomali::own::{self, Own};
use crate::event::{Alert, AlertShape, parse_address};

/// Everything that the alert gives away about the attacked side, besides what is [`Own`] anyway.
#[derive(Debug)]
pub(super) struct Victim<'o> {
    own: &'o Own,
    /// Whether traffic leaves our side, so that its destination is the other one.
    outbound: bool,
    /// Whether the alert is about malware, so that its files are.
    malware: bool,
    /// Whether the resource serves the web, so that web addresses are its own.
    serves_web: bool,
    addresses: BTreeSet<IpAddr>,
    /// Names with all that is below them.
    domains: BTreeSet<String>,
    /// First labels of machines' names.
    machines: BTreeSet<String>,
    /// Hashes of files that processes run.
    running: BTreeSet<String>,
}

impl<'o> Victim<'o> {
    /// Reads the alert; `pieces` are all objects of its entities.
    pub(super) fn of(alert: &Alert<'_>, pieces: &[(String, &Members)], own: &'o Own) -> Self {
        let tactics = alert.tactics();
        // Command and control, exfiltration.
        let outbound = alert.is_outbound() || tactics.iter().any(|tactic| matches!(tactic.id, "TA0011" | "TA0010"));
        let name = alert.alert_type.as_deref().unwrap_or_default().to_ascii_lowercase();
        let mut victim = Self {
            own,
            outbound,
            malware: ["malware", "ransomware"].iter().any(|word| name.contains(word))
                || pieces.iter().any(|(kind, _)| kind == "malware"),
            serves_web: !outbound && serves_web(alert),
            addresses: BTreeSet::new(),
            domains: BTreeSet::new(),
            machines: BTreeSet::new(),
            running: BTreeSet::new(),
        };
        victim.read_alert(alert);
        for (kind, members) in pieces {
            victim.read_piece(kind, members);
        }
        victim
    }

    /// Whether the address is somebody else's.
    pub(super) fn is_foreign_address(&self, address: IpAddr) -> bool {
        self.own.is_foreign_address(address) && !self.addresses.contains(&address)
    }

    /// Whether the name, as [`own::domain`] makes it, is somebody else's.
    pub(super) fn is_foreign_domain(&self, name: &str) -> bool {
        let machine = name.split('.').next().unwrap_or_default();
        let mut above = std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, rest)| rest));
        self.own.is_foreign_domain(name)
            && !self.machines.contains(machine)
            && !above.any(|domain| self.domains.contains(domain))
    }

    /// Whether a web address with this name is somebody else's.
    pub(super) fn is_foreign_web(&self, name: &str) -> bool {
        !self.serves_web && self.is_foreign_domain(name)
    }

    /// Whether a file's hash is an indicator here: the alert is about malware, or Graph calls the file malicious.
    pub(super) fn publishes_hashes(&self, file: &Members) -> bool {
        self.malware || text(file, &["verdict"]).is_some_and(|verdict| verdict.eq_ignore_ascii_case("malicious"))
    }

    /// Whether a process of ours runs that file; it may well be a program of the system.
    pub(super) fn runs(&self, hash: &str) -> bool {
        self.running.contains(hash)
    }

    /// The text of a connection's other end.
    pub(super) fn other_end<'v>(&self, connection: &'v Members) -> Option<&'v str> {
        let [_, other] = self.ends(connection);
        other
    }

    /// Our end of a connection and the other one. Traffic comes in unless the alert says otherwise, or its source can only be ours.
    fn ends<'v>(&self, connection: &'v Members) -> [Option<&'v str>; 2] {
        let [source, destination] = ["sourceAddress", "destinationAddress"].map(|name| end(connection, name));
        let leaves = source.and_then(parse_address).is_some_and(|source| !self.own.is_foreign_address(source));
        if self.outbound || leaves { [source, destination] } else { [destination, source] }
    }

    fn read_alert(&mut self, alert: &Alert<'_>) {
        // Graph names no compromised entity; what stands for it is the first evidence, which may be the attacker.
        let compromised = alert.compromised_entity.as_deref().filter(|_| alert.shape != AlertShape::GraphV2);
        for name in compromised.into_iter().chain(alert.resource_name()) {
            self.learn_machine(name);
            self.learn(name);
        }
        for (key, value) in alert.properties() {
            if self.is_about_us(&key)
                && let Ok(value) = serde_json::from_str::<Value>(value.get())
            {
                self.learn_all(&value);
            }
        }
    }

    /// Whether an extended property of this name speaks of our side.
    fn is_about_us(&self, key: &str) -> bool {
        const THEM: [&str; 6] = ["agent", "attacker", "client", "malicious", "remote", "suspicious"];
        const US: [&str; 9] =
            ["compromised", "host", "internal", "machine", "principal", "private", "resource", "target", "user"];
        let key = key.to_ascii_lowercase();
        let names = |words: &[&str]| words.iter().any(|word| key.contains(word));
        let end = if self.outbound { "source" } else { "destination" };
        names(&["victim"]) || (names(&[end]) || names(&US)) && !names(&THEM)
    }

    fn read_piece(&mut self, kind: &str, members: &Members) {
        if is_ours(kind, members) {
            self.learn_members(members);
        }
        match kind {
            "host" => {
                for name in ["hostName", "netBiosName", "deviceDnsName"] {
                    text(members, &[name]).into_iter().for_each(|name| self.learn_machine(name));
                }
            }
            "network-connection" => {
                let [ours, _] = self.ends(members);
                self.learn(ours.unwrap_or_default());
            }
            // Who asked is who was attacked.
            "dns" => self.learn(end(members, "hostIpAddress").unwrap_or_default()),
            "ip" if self.plays_our_part(members) => {
                self.learn(text(members, &["address", "ipAddress"]).unwrap_or_default());
            }
            "process" => {
                let image = member(members, "imageFile").and_then(Value::as_object);
                self.running.extend(image.map(hashes).unwrap_or_default());
            }
            "mail-message" | "analyzed-message" | "submission-mail" => {
                for (key, value) in members {
                    if key.to_ascii_lowercase().starts_with("recipient") {
                        self.learn_all(value);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether Graph's roles put the address on our side.
    fn plays_our_part(&self, ip: &Members) -> bool {
        let has = |role: &str| {
            let roles = member(ip, "roles").and_then(Value::as_array).into_iter().flatten();
            roles.filter_map(Value::as_str).any(|own| own.eq_ignore_ascii_case(role))
        };
        let end = if self.outbound { "source" } else { "destination" };
        let theirs = has("attacker") || has("commandAndControl");
        ["compromised", "attacked", "contextual", "scanned"].into_iter().any(has) || has(end) && !theirs
    }

    fn learn_machine(&mut self, name: &str) {
        let label = name.trim().split('.').next().unwrap_or_default().to_ascii_lowercase();
        if label.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.machines.insert(label);
        }
    }

    fn learn_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.learn(text),
            Value::Array(items) => items.iter().for_each(|item| self.learn_all(item)),
            Value::Object(members) => self.learn_members(members),
            _ => {}
        }
    }

    /// In alerts that were merged from several, ids repeat and references lead astray: an `ip` entity in the place of a host or a cluster
    /// is none of ours, and only one in the place of an address is.
    fn learn_members(&mut self, members: &Members) {
        for (key, value) in members {
            let key = key.to_ascii_lowercase();
            let strays = value.as_object().and_then(|entity| text(entity, &["type"])).is_some_and(|kind| kind == "ip")
                && !["ip", "address", "interface"].iter().any(|word| key.contains(word));
            if !strays {
                self.learn_all(value);
            }
        }
    }

    /// Takes every address and every name in the text for ours.
    fn learn(&mut self, text: &str) {
        let breaks = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '<' | '>' | '(' | ')');
        for word in text.split(breaks).filter(|word| !word.is_empty()) {
            let url = word.contains("://").then(|| Url::parse(word).ok()).flatten();
            // The brackets of an IPv6 address are understood.
            let host = url.as_ref().map_or(Some(word), Url::host_str).unwrap_or_default();
            match parse_address(host) {
                Some(address) => drop(self.addresses.insert(address.to_canonical())),
                None => self.domains.extend(own::domain(host.rsplit_once('@').map_or(host, |(_, domain)| domain))),
            }
        }
    }
}

/// Whether everything in an entity of this kind is the attacked side's: all but what an attacker brings along. Other products and the
/// future have more kinds, of which nothing is published.
pub(super) fn is_ours(kind: &str, members: &Members) -> bool {
    const THEIRS: [&str; 15] = [
        "",
        "alert",
        "analyzed-message",
        "dns",
        "file",
        "filehash",
        "ip",
        "mail-message",
        "malware",
        "network-connection",
        "process",
        "registry-key",
        "registry-value",
        "submission-mail",
        "url",
    ];
    !THEIRS.contains(&kind) || member(members, "asset").and_then(Value::as_bool) == Some(true)
}

/// Whether the attacked resource serves the web, so that the alert's web addresses are those that were asked of it.
fn serves_web(alert: &Alert<'_>) -> bool {
    const PROVIDERS: [&str; 4] = ["microsoft.web/", "microsoft.apimanagement/", "microsoft.cdn/", "microsoft.network/"];
    let name = alert.resource_type().unwrap_or_default().to_ascii_lowercase();
    PROVIDERS.iter().any(|provider| name.starts_with(provider))
}

/// An end of a connection: an `ip` entity, or the address itself.
fn end<'v>(members: &'v Members, name: &str) -> Option<&'v str> {
    match member(members, name)? {
        Value::String(address) => Some(address),
        Value::Object(ip) => text(ip, &["address", "ipAddress"]),
        _ => None,
    }
}
