//! Any syslog server: RFC 5424 with the record as JSON, CEF or LEEF.

mod message;

use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::format::severity::SeverityMap;
use crate::format::syslog::sender::{self, Sender};
use crate::format::syslog::{APP_NAME_MAX, is_sd_name, is_token};
use crate::format::{cef, leef};
use crate::parcel::Parcel;
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{SYSLOG_SETTINGS, Transport};

/// The generic syslog destination, as the catalogue knows it.
pub(super) const KIND: Kind = Kind {
    name: "syslog",
    title: "Syslog (RFC 5424)",
    arrives: "RFC 5424 messages with the record as JSON, CEF or LEEF",
    settings: &[SETTINGS, SYSLOG_SETTINGS],
    events: "*",
    snapshots: true,
    open: |section| Ok(Box::new(Syslog::open(section)?)),
    rehearsal: Rehearsal { settings: &[("ADDRESS", "tls://{tls}"), ("CA_CERT", "{ca}")], replies: &[] },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::default("FORMAT", "json", "What the message holds: json (the record as it came), cef or leef."),
    sender::HOSTNAME,
    Setting::default("APP_NAME", "defender-relay", "APP-NAME in the header, up to 48 characters."),
    sender::FACILITY,
    Setting::default(
        "SD_ID",
        "mdc@32473",
        "Name of the structured data of a json message: `name@number` with your private enterprise number; 32473 is the one for \
         documentation.",
    ),
    Setting::default(
        "FRAMING",
        "octet",
        "How messages are told apart on a stream: octet for octet counting, which TLS prescribes, or lf.",
    ),
    Setting::optional(
        "MAX_MESSAGE_BYTES",
        "Longest message, at least 1024; longer ones are shortened by meaning. 8000 when not given, 2048 over UDP.",
    ),
    Setting::optional(
        "SEVERITY_MAP",
        "Numbers for the syslog severity (0 to 7) other than informational=6,low=5,medium=4,high=2,critical=2,unknown=6.",
    ),
];

/// rsyslog takes 8 KB by default and splits what is longer into false events.
const MAX_STREAM_BYTES: usize = 8000;
/// RFC 5426 section 3.2: what every receiver should take.
const MAX_DATAGRAM_BYTES: usize = 2048;

/// What the message holds.
#[derive(Debug)]
enum Body {
    /// Structured data with this SD-ID, and the record as JSON.
    Json(String),
    Cef(cef::record::Style),
    Leef(leef::record::Style),
}

#[derive(Debug)]
struct Syslog {
    sender: Sender,
    app_name: String,
    severity: SeverityMap,
    body: Body,
}

impl Syslog {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let app_name = section.string("APP_NAME");
        if !is_token(&app_name) || app_name.len() > APP_NAME_MAX {
            section.fault("APP_NAME", "must be up to 48 printable ASCII characters without a space");
        }
        let sd_id = section.string("SD_ID");
        if !is_sd_name(&sd_id) || !is_private(&sd_id) {
            section.fault("SD_ID", "must be like name@32473: up to 32 printable ASCII characters except space = ] \"");
        }
        // A choice wants words for copyable values.
        #[derive(Clone, Copy)]
        enum Format {
            Json,
            Cef,
            Leef,
        }
        let body = match section
            .choice("FORMAT", &[("json", Format::Json), ("cef", Format::Cef), ("leef", Format::Leef)])
        {
            Format::Json => Body::Json(sd_id),
            Format::Cef => Body::Cef(cef::record::Style { version: cef::Version::Zero, severity: SeverityMap::CEF }),
            Format::Leef => Body::Leef(leef::record::Style {
                version: leef::Version::Two(leef::Delimiter::CARET),
                severity: SeverityMap::LEEF,
            }),
        };
        section.finish(Self {
            sender: Sender::from_section(section, MAX_STREAM_BYTES, MAX_DATAGRAM_BYTES),
            app_name,
            severity: SeverityMap::SYSLOG.from_section(section, &(0..=7)),
            body,
        })
    }
}

/// Whether an SD-ID is `name@<private enterprise number>`; names without `@` belong to IANA.
fn is_private(sd_id: &str) -> bool {
    sd_id.split_once('@').is_some_and(|(name, number)| {
        !name.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    })
}

impl Destination for Syslog {
    fn transport(&self) -> &Transport {
        &self.sender.transport
    }

    fn limits(&self) -> Limits {
        Sender::LIMITS
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let start = out.len();
        self.sender.push_header_5424(out, event, self.severity.number(event.severity), &self.app_name);
        match &self.body {
            Body::Json(sd_id) => message::push(out, event, sd_id, self.sender.left(out, start)),
            // No structured data: everything is in CEF or LEEF.
            Body::Cef(style) => {
                out.extend_from_slice(b"- ");
                let left = self.sender.left(out, start);
                cef::record::push(out, event, style, left);
            }
            Body::Leef(style) => {
                out.extend_from_slice(b"- ");
                let left = self.sender.left(out, start);
                leef::record::push(out, event, style, left);
            }
        }
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        Sender::pack(records)
    }

    fn probe(&self) -> Option<Parcel> {
        self.sender.probe()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.sender.warnings();
        if self.sender.breaks_rfc_5425() {
            warnings.push(
                "FRAMING is lf over TLS: RFC 5425 prescribes octet counting; use it only for a collector that wants lf"
                    .into(),
            );
        }
        warnings
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

    const NAMES: [(&str, &str); 2] = [("HOSTNAME", "mdc-export.contoso.com"), ("APP_NAME", "MDCExport")];

    /// The worked examples do not have our event id.
    fn without(line: &str, added: &str) -> String {
        assert!(line.contains(added), "{line}");
        line.replacen(added, "", 1)
    }

    #[test]
    fn worked_examples_come_out_byte_for_byte() {
        for example in examples() {
            let id = example.event.id;
            let line = rendered(&NAMES, &example.event);
            assert_eq!(without(&line, &format!(" eventId=\"{id}\"")), example.syslog_json);
            let line = rendered(&[NAMES[0], NAMES[1], ("FORMAT", "cef")], &example.event);
            assert_eq!(without(&line, &format!(" cs5={id} cs5Label=EventId")), example.syslog_cef);
            let line = rendered(&[NAMES[0], NAMES[1], ("FORMAT", "leef")], &example.event);
            assert_eq!(
                without(&line, &format!("eventId={id}^")).split_once(" - LEEF").unwrap().1,
                &example.leef_2[4..]
            );
        }
    }

    #[test]
    fn lines() {
        let [a, _] = examples();
        insta::assert_snapshot!("alert", rendered(&[], &a.event));
        insta::assert_snapshot!("alert_shortened", rendered(&[("MAX_MESSAGE_BYTES", "1400")], &a.event));
        insta::assert_snapshot!("alert_summary", rendered(&[("MAX_MESSAGE_BYTES", "1024")], &a.event));
        insta::assert_snapshot!("recommendation", rendered(&[], &recommendation()));
        insta::assert_snapshot!("every_kind", every_kind_as(|event| rendered(&[], event)));
        insta::assert_snapshot!("every_kind_cef", every_kind_as(|event| rendered(&[("FORMAT", "cef")], event)));
        insta::assert_snapshot!("every_kind_leef", every_kind_as(|event| rendered(&[("FORMAT", "leef")], event)));
    }

    #[test]
    fn structured_data_needs_a_private_name() {
        for bad in ["mdc", "mdc@", "@1", "m d@1", "mdc@x", "mdc]@1"] {
            assert!(opened::open(&KIND, &[("SD_ID", bad)]).is_err(), "{bad}");
        }
        assert!(opened::open(&KIND, &[("SD_ID", "acme@4711.2")]).is_ok());
    }

    #[test]
    fn lf_over_tls_is_warned_of() {
        let warned = |settings: &[_]| !opened::open(&KIND, settings).unwrap().warnings().is_empty();
        assert!(warned(&[("FRAMING", "lf")]));
        assert!(!warned(&[]));
    }

    #[test]
    fn the_readme_shows_real_records() {
        let [a, _] = examples();
        let records = of_every_kind();
        let (_, row) = records.iter().find(|(name, _)| *name == "xdr_log_process").unwrap();
        let shortened = rendered(&[("MAX_MESSAGE_BYTES", "1400")], &a.event);
        for record in [rendered(&[], &a.event), shortened, rendered(&[], row)] {
            assert!(include_str!("README.md").contains(&format!("```\n{record}\n```\n")), "it should show {record}");
        }
    }

    #[test]
    fn the_readme_tells_what_goes_and_in_what_order() {
        opened::assert_tells_order(include_str!("README.md"), &crate::format::shrink::DROP_ORDER);
    }
}
