//! IBM QRadar: LEEF over syslog.

use std::net::Ipv6Addr;

use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::format::leef::{Delimiter, Version, record};
use crate::format::severity::SeverityMap;
use crate::format::syslog::sender::{self, Sender};
use crate::parcel::Parcel;
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{SYSLOG_SETTINGS, Transport};

/// QRadar, as the catalogue knows it.
pub(super) const KIND: Kind = Kind {
    name: "qradar",
    title: "IBM QRadar",
    arrives: "LEEF 2.0 events over TLS or TCP syslog",
    settings: &[SETTINGS, SYSLOG_SETTINGS],
    events: "*, !secure_score, !secure_score_control",
    snapshots: true,
    open: |section| Ok(Box::new(Qradar::open(section)?)),
    rehearsal: Rehearsal { settings: &[("ADDRESS", "tcp://{tcp}")], replies: &[] },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::default("LEEF_VERSION", "2.0", "LEEF version: 2.0, or 1.0 with tabs between attributes."),
    Setting::default(
        "DELIMITER",
        "^",
        "Character between attributes in LEEF 2.0: a punctuation character, tab, or its hexadecimal form such as x5E.",
    ),
    Setting::default(
        "HEADER",
        "rfc3164",
        "Syslog header: rfc3164, iso (`<PRI>1 yyyy-MM-ddTHH:mm:ss.SSSZ host`) or none.",
    ),
    sender::HOSTNAME,
    sender::FACILITY,
    Setting::default("FRAMING", "lf", "How messages are told apart on a stream: lf, or octet for octet counting."),
    Setting::optional(
        "MAX_MESSAGE_BYTES",
        "Longest message, at least 1024; longer ones are shortened by meaning. 4000 when not given, 1024 over UDP.",
    ),
    Setting::optional(
        "SEVERITY_MAP",
        "Numbers for LEEF sev (1 to 10) other than informational=1,low=3,medium=6,high=9,critical=10,unknown=1.",
    ),
];

/// QRadar's default TCP payload is 4,096 bytes; what is longer is split into several events.
const MAX_STREAM_BYTES: usize = 4000;
/// QRadar's default UDP payload.
const MAX_DATAGRAM_BYTES: usize = 1024;

/// What stands before LEEF.
#[derive(Clone, Copy, Debug)]
enum Header {
    Rfc3164,
    Iso,
    None,
}

#[derive(Debug)]
struct Qradar {
    sender: Sender,
    header: Header,
    style: record::Style,
}

impl Qradar {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let sender = Sender::from_section(section, MAX_STREAM_BYTES, MAX_DATAGRAM_BYTES);
        if sender.hostname.parse::<Ipv6Addr>().is_ok() {
            section.fault("HOSTNAME", "must not be an IPv6 address: QRadar cannot route events by one");
        }
        let headers = [("rfc3164", Header::Rfc3164), ("iso", Header::Iso), ("none", Header::None)];
        let delimiter = Delimiter::from_text(&section.string("DELIMITER")).unwrap_or_else(|| {
            section.fault("DELIMITER", "must be one punctuation character except = | \\ . : - _ /, or tab, or x5E");
            Delimiter::CARET
        });
        let versions = [("2.0", Version::Two(delimiter)), ("1.0", Version::One)];
        section.finish(Self {
            sender,
            header: section.choice("HEADER", &headers),
            style: record::Style {
                version: section.choice("LEEF_VERSION", &versions),
                severity: SeverityMap::LEEF.from_section(section, &(1..=10)),
            },
        })
    }
}

impl Destination for Qradar {
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
            Header::Iso => self.sender.push_header_iso(out, event, severity),
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
    fn without_event_id(line: &str, event: &Event<'_>, delimiter: char) -> String {
        let added = format!("eventId={}{delimiter}", event.id);
        assert!(line.contains(&added), "{line}");
        line.replacen(&added, "", 1)
    }

    #[test]
    fn worked_examples_come_out_byte_for_byte() {
        for example in examples() {
            let line = rendered(&[("HEADER", "none")], &example.event);
            assert_eq!(without_event_id(&line, &example.event, '^'), example.leef_2);
            let line = rendered(&[("LEEF_VERSION", "1.0"), ("HOSTNAME", "mdc-export")], &example.event);
            assert_eq!(without_event_id(&line, &example.event, '\t'), example.leef_1);
        }
    }

    #[test]
    fn lines() {
        let [a, b] = examples();
        insta::assert_snapshot!("alert", rendered(&[], &a.event));
        insta::assert_snapshot!(
            "alert_ipv6_file_iso_tab",
            rendered(&[("HEADER", "iso"), ("DELIMITER", "tab")], &b.event)
        );
        insta::assert_snapshot!("recommendation", rendered(&[], &recommendation()));
        insta::assert_snapshot!("every_kind", every_kind_as(|event| rendered(&[], event)));
    }

    #[test]
    fn faults_name_their_settings() {
        let faults = opened::open(
            &KIND,
            &[
                ("DELIMITER", "="),
                ("HOSTNAME", "2001:db8::1"),
                ("HEADER", "x"),
                ("LEEF_VERSION", "3"),
                ("SEVERITY_MAP", "high=11"),
                ("MAX_MESSAGE_BYTES", "100"),
                ("FACILITY", "x"),
                ("FRAMING", "x"),
            ],
        )
        .unwrap_err();
        let named: Vec<&str> = faults.faults.iter().map(|fault| &fault.setting[3..]).collect();
        assert_eq!(
            named,
            [
                "FRAMING",
                "MAX_MESSAGE_BYTES",
                "FACILITY",
                "HOSTNAME",
                "DELIMITER",
                "HEADER",
                "LEEF_VERSION",
                "SEVERITY_MAP"
            ]
        );
    }

    #[test]
    fn severity_numbers_can_be_changed() {
        let [a, _] = examples();
        assert!(rendered(&[("SEVERITY_MAP", "high=7")], &a.event).contains("^sev=7^"));
    }

    #[test]
    fn transports_are_warned_of_and_probed() {
        let warned = |address| !opened::open(&KIND, &[("ADDRESS", address)]).unwrap().warnings().is_empty();
        assert!(warned("udp://h") && warned("tcp://h") && !warned("tls://h"));
        assert!(
            warned("udp://127.0.0.1")
                && !warned("tcp://127.0.0.1")
                && !warned("tcp://[::1]")
                && warned("tcp://10.0.0.1")
        );
        let probed = |address| opened::open(&KIND, &[("ADDRESS", address)]).unwrap().probe().is_some();
        assert!(!probed("udp://h") && probed("tcp://h") && probed("tls://h"));
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
