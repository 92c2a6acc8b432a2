//! ThreatStream's words for what an observable is and what it threatens.
//!
//! Facts: lists of indicator types (`itype`) and threat types in the public ThreatStream connector for Splunk SOAR.

use super::observables::Kind;
use crate::event::Alert;
use crate::settings::Section;

/// What kind of threat an alert is about, as far as ThreatStream has indicator types for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threat {
    Brute,
    C2,
    Ddos,
    Exfil,
    Exploit,
    Phish,
    Scan,
    Tor,
    Malware,
    Other,
}

impl Threat {
    /// By the alert type, else by the tactics.
    pub(super) fn of(alert: &Alert<'_>) -> Self {
        const NAMED: [(&str, Threat); 13] = [
            ("brute", Threat::Brute),
            ("_bf_", Threat::Brute),
            ("phish", Threat::Phish),
            ("withc2", Threat::C2),
            ("ddos", Threat::Ddos),
            ("injection", Threat::Exploit),
            ("exploit", Threat::Exploit),
            ("toranomaly", Threat::Tor),
            ("_tor", Threat::Tor),
            ("malware", Threat::Malware),
            ("ransomware", Threat::Malware),
            ("scan", Threat::Scan),
            ("sweep", Threat::Scan),
        ];
        let name = alert.alert_type.as_deref().unwrap_or_default().to_ascii_lowercase();
        if let Some((_, threat)) = NAMED.iter().find(|(word, _)| name.contains(word)) {
            return *threat;
        }
        // Ids of MITRE ATT&CK tactics.
        const TACTICS: [(&str, Threat); 2] = [("TA0011", Threat::C2), ("TA0010", Threat::Exfil)];
        let tactics = alert.tactics();
        let found = TACTICS.iter().find(|(id, _)| tactics.iter().any(|tactic| tactic.id == *id));
        found.map_or(Self::Other, |(_, threat)| *threat)
    }

    /// ThreatStream's threat type.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Brute => "brute",
            Self::C2 => "c2",
            Self::Ddos => "ddos",
            Self::Exfil => "exfil",
            Self::Exploit => "exploit",
            Self::Phish => "phish",
            Self::Scan => "scan",
            Self::Tor => "tor",
            Self::Malware => "malware",
            Self::Other => "suspicious",
        }
    }

    /// The indicator type that says more than the kind alone, where ThreatStream has one.
    const fn itype(self, kind: Kind) -> Option<&'static str> {
        Some(match (self, kind) {
            (Self::Brute, Kind::Ipv4) => "brute_ip",
            (Self::Brute, Kind::Ipv6) => "brute_ipv6",
            (Self::C2, Kind::Ipv4) => "c2_ip",
            (Self::C2, Kind::Ipv6) => "c2_ipv6",
            (Self::C2, Kind::Domain) => "c2_domain",
            (Self::C2, Kind::Url) => "c2_url",
            (Self::Ddos, Kind::Ipv4) => "ddos_ip",
            (Self::Ddos, Kind::Ipv6) => "ddos_ipv6",
            (Self::Exfil, Kind::Ipv4) => "exfil_ip",
            (Self::Exfil, Kind::Ipv6) => "exfil_ipv6",
            (Self::Exfil, Kind::Domain) => "exfil_domain",
            (Self::Exfil, Kind::Url) => "exfil_url",
            (Self::Exploit, Kind::Ipv4) => "exploit_ip",
            (Self::Exploit, Kind::Ipv6) => "exploit_ipv6",
            (Self::Exploit, Kind::Domain) => "exploit_domain",
            (Self::Exploit, Kind::Url) => "exploit_url",
            (Self::Phish, Kind::Ipv4) => "phish_ip",
            (Self::Phish, Kind::Ipv6) => "phish_ipv6",
            (Self::Phish, Kind::Domain) => "phish_domain",
            (Self::Phish, Kind::Url) => "phish_url",
            (Self::Phish, Kind::Email) => "phish_email",
            (Self::Scan, Kind::Ipv4) => "scan_ip",
            (Self::Scan, Kind::Ipv6) => "scan_ipv6",
            (Self::Tor, Kind::Ipv4) => "tor_ip",
            (Self::Tor, Kind::Ipv6) => "tor_ipv6",
            _ => return None,
        })
    }
}

/// The indicator type of each kind where the threat does not say more: the setting `ITYPES`.
#[derive(Debug)]
pub(super) struct Itypes(Vec<(Kind, String)>);

impl Itypes {
    /// Default of the setting. ThreatStream has no `suspicious_ipv6`.
    pub(super) const DEFAULT: &str =
        "ip=suspicious_ip,ipv6=actor_ipv6,domain=mal_domain,url=mal_url,email=suspicious_email,hash=mal_md5";

    /// Reads the pairs; what they do not name has its default.
    pub(super) fn from_section(section: &Section<'_>) -> Self {
        let problem = format!("must be a pair like those of {}", Self::DEFAULT);
        let mut pairs = super::own::entries(section, "ITYPES", &problem, pair);
        pairs.extend(Self::DEFAULT.split(',').filter_map(pair));
        Self(pairs)
    }

    /// ThreatStream's indicator type.
    pub(super) fn of(&self, threat: Threat, kind: Kind) -> &str {
        let own = || self.0.iter().find(|(other, _)| *other == kind).map_or("", |(_, itype)| itype);
        threat.itype(kind).unwrap_or_else(own)
    }
}

fn pair(text: &str) -> Option<(Kind, String)> {
    let (kind, itype) = text.split_once('=')?;
    let kind = Kind::from_name(kind.trim())?;
    let itype = itype.trim();
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (!itype.is_empty() && itype.bytes().all(legal)).then(|| (kind, itype.to_owned()))
}
