//! ArcSight, and everything else that takes CEF over syslog.

use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::format::cef::{Version, record};
use crate::format::severity::SeverityMap;
use crate::format::syslog::sender::{self, Sender};
use crate::parcel::Parcel;
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{SYSLOG_SETTINGS, Transport};

/// ArcSight, as the catalogue knows it.
pub(super) const KIND: Kind = Kind {
    name: "arcsight",
    title: "ArcSight (CEF)",
    arrives: "CEF events over TLS or TCP syslog",
    settings: &[SETTINGS, SYSLOG_SETTINGS],
    events: "*, !secure_score, !secure_score_control",
    snapshots: true,
    open: |section| Ok(Box::new(Arcsight::open(section)?)),
    rehearsal: Rehearsal { settings: &[("ADDRESS", "tcp://{tcp}")], replies: &[] },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::default("CEF_VERSION", "0", "CEF version in the header: 0, or 1 with IPv6 addresses in src and dst."),
    Setting::default("HEADER", "rfc3164", "Syslog header: rfc3164, rfc5424 or none."),
    sender::HOSTNAME,
    sender::FACILITY,
    Setting::default("FRAMING", "lf", "How messages are told apart on a stream: lf, or octet for octet counting."),
    Setting::optional(
        "MAX_MESSAGE_BYTES",
        "Longest message, at least 1024; longer ones are shortened by meaning. 8000 when not given, 2048 over UDP.",
    ),
    Setting::optional(
        "SEVERITY_MAP",
        "Numbers for the CEF severity (0 to 10) other than informational=1,low=3,medium=6,high=8,critical=10,unknown=0.",
    ),
];

/// The syslog daemons of SmartConnectors and collectors take 8 KB by default.
const MAX_STREAM_BYTES: usize = 8000;
/// RFC 5426 section 3.2: what every receiver should take.
const MAX_DATAGRAM_BYTES: usize = 2048;

/// APP-NAME of the RFC 5424 header.
const APP_NAME: &str = "defender-relay";

/// What stands before CEF.
#[derive(Clone, Copy, Debug)]
enum Header {
    Rfc3164,
    Rfc5424,
    None,
}

#[derive(Debug)]
struct Arcsight {
    sender: Sender,
    header: Header,
    style: record::Style,
}

impl Arcsight {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let headers = [("rfc3164", Header::Rfc3164), ("rfc5424", Header::Rfc5424), ("none", Header::None)];
        section.finish(Self {
            sender: Sender::from_section(section, MAX_STREAM_BYTES, MAX_DATAGRAM_BYTES),
            header: section.choice("HEADER", &headers),
            style: record::Style {
                version: section.choice("CEF_VERSION", &[("0", Version::Zero), ("1", Version::One)]),
                severity: SeverityMap::CEF.from_section(section, &(0..=10)),
            },
        })
    }
}

impl Destination for Arcsight {
    fn transport(&self) -> &Transport {
        &self.sender.transport
    }

    fn limits(&self) -> Limits {
        Sender::LIMITS
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let start = out.len();
        let severity = SeverityMap::SYSLOG.number(event.severity);
        match self.header {
            Header::Rfc3164 => self.sender.push_header_3164(out, event, severity),
            Header::Rfc5424 => {
                self.sender.push_header_5424(out, event, severity, APP_NAME);
                // No structured data: everything is in CEF.
                out.extend_from_slice(b"- ");
            }
            Header::None => {}
        }
        let left = self.sender.left(out, start);
        record::push(out, event, &self.style, left);
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        Sender::pack(records)
    }

    fn probe(&self) -> Option<Parcel> {
        self.sender.probe()
    }

    fn warnings(&self) -> Vec<String> {
        self.sender.warnings()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destinations::opened;
    use crate::format::samples::{every_kind_as, examples, of_every_kind, recommendation};

    fn rendered(settings: &[(&str, &str)], event: &Event<'_>) -> String {
        opened::rendered(&KIND, settings, event)
    }

    /// The worked examples do not have our event id.
    fn without_event_id(line: &str, event: &Event<'_>) -> String {
        let added = format!(" cs5={} cs5Label=EventId", event.id);
        assert!(line.contains(&added), "{line}");
        line.replacen(&added, "", 1)
    }

    #[test]
    fn worked_examples_come_out_byte_for_byte() {
        for example in examples() {
            let line = rendered(&[("HOSTNAME", "mdc-export")], &example.event);
            assert_eq!(without_event_id(&line, &example.event), example.cef_0);
            let line = rendered(&[("HEADER", "none"), ("CEF_VERSION", "1")], &example.event);
            assert_eq!(without_event_id(&line, &example.event), example.cef_1);
        }
    }

    #[test]
    fn lines() {
        let [a, b] = examples();
        insta::assert_snapshot!("alert", rendered(&[], &a.event));
        insta::assert_snapshot!("alert_ipv6_file_rfc5424", rendered(&[("HEADER", "rfc5424")], &b.event));
        insta::assert_snapshot!("recommendation", rendered(&[], &recommendation()));
        insta::assert_snapshot!("every_kind", every_kind_as(|event| rendered(&[], event)));
    }

    #[test]
    fn severity_numbers_can_be_changed() {
        let [a, _] = examples();
        assert!(rendered(&[("SEVERITY_MAP", "high=10")], &a.event).contains("| SSH|10|rt="));
    }

    #[test]
    fn the_readme_shows_real_records() {
        let [a, _] = examples();
        let records = of_every_kind();
        let (_, log) = records.iter().find(|(name, _)| *name == "activity_log_hub").unwrap();
        for record in [&a.event, &recommendation(), log].map(|event| rendered(&[], event)) {
            assert!(include_str!("README.md").contains(&format!("```\n{record}\n```\n")), "it should show {record}");
        }
    }

    #[test]
    fn the_readme_tells_what_goes_and_in_what_order() {
        opened::assert_tells_order(include_str!("README.md"), &record::DROP_ORDER);
    }
}
