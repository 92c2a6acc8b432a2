//! One suite for every destination of the catalogue, over every fixture, every shared sample and hostile alerts of our own.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use defender_relay::app::{Instance, open_destinations};
use defender_relay::batch::{Records, Rendered, Span, cut};
use defender_relay::destinations::{CATALOG, Destination, Kind};
use defender_relay::event::Event;
use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::parcel::{Auth, Failure, HttpParcel, Parcel, Reply, Verdict};
use defender_relay::settings::{Values, setting_prefix};
use defender_relay::transport::{Framing, SyslogScheme, Transport};

use crate::support::handler::alert;
use crate::support::{root, shared};

/// Every value that a setting marked as a secret has in a rehearsal; of a secret address, what follows its host.
pub(crate) fn secrets(kind: &Kind) -> Vec<&'static str> {
    let secret = |key: &str| kind.settings.iter().flat_map(|group| group.iter()).any(|s| s.secret && s.key == key);
    let values = kind.rehearsal.settings.iter().filter(|(key, _)| secret(key));
    values.map(|(_, value)| value.trim_start_matches("{http}")).collect()
}

/// The kind, opened with its rehearsal settings and these.
pub(crate) fn open(kind: &Kind, more: &[(&str, &str)]) -> Instance {
    let pairs = kind.rehearsal.settings.iter().chain(more).filter(|(_, value)| *value != "{ca}").map(|(key, value)| {
        let value = value
            .replace("{http}", "http://127.0.0.1:1")
            .replace("{tcp}", "127.0.0.1:1")
            .replace("{tls}", "127.0.0.1:1");
        (format!("{}__{key}", setting_prefix(kind.name)), value)
    });
    let mut later: Vec<(String, String)> = pairs.collect();
    later.reverse(); // what is given here wins over the rehearsal
    later.push(("DESTINATIONS".into(), kind.name.into()));
    let mut instances = open_destinations(&Values::new(later)).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
    instances.remove(0)
}

/// LogRhythm by syslog, without the address that the rehearsal gives for its webhook.
const AGENT: [(&str, &str); 3] = [("MODE", "syslog"), ("URL", ""), ("ADDRESS", "tcp://{tcp}")];

/// Variants of a kind that render differently.
pub(crate) fn variants(kind: &Kind) -> Vec<Instance> {
    variants_with(kind, &[])
}

/// The same, each with these settings besides.
pub(crate) fn variants_with(kind: &Kind, besides: &[(&str, &str)]) -> Vec<Instance> {
    let options: &[&[(&str, &str)]] = match kind.name {
        "anomali" => &[&[], &[("MODE", "intelligence"), ("TLP", "amber"), ("TRUSTED_CIRCLES", "146")]],
        "sentinel" => &[&[], &[("TABLES", "one")], &[("SCHEMA", "asim")]],
        "splunk" => &[&[], &[("LOG_SOURCETYPES", "own")]],
        "webhook" => {
            &[&[("BODY", "raw")], &[("BODY", "graph")], &[("BODY", "cloudevents"), ("REDACT_QUERIES", "true")]]
        }
        "inspark" => &[&[], &[("ENTRA_SCOPE", "https://api.partner.example/.default")]],
        "logrhythm" => &[
            &[],
            &[("MAX_MESSAGE_BYTES", "1024")],
            &AGENT,
            &[AGENT[0], AGENT[1], AGENT[2], ("FORMAT", "pipe")],
            &[AGENT[0], AGENT[1], AGENT[2], ("FORMAT", "pipe"), ("MAX_MESSAGE_BYTES", "1024")],
        ],
        "sumologic" => &[&[], &[("MAX_MESSAGE_BYTES", "2048"), ("MAX_BATCH_BYTES", "100000")]],
        "logzio" => &[&[], &[("STRINGIFY", "true")]],
        "syslog" => {
            &[&[("FORMAT", "json")], &[("FORMAT", "cef")], &[("FORMAT", "leef")], &[("MAX_MESSAGE_BYTES", "1024")]]
        }
        "qradar" => &[
            &[],
            &[("LEEF_VERSION", "1.0")],
            &[("DELIMITER", "tab"), ("HEADER", "iso"), ("MAX_MESSAGE_BYTES", "1024")],
        ],
        "servicenow" => &[
            &[("MODE", "table")],
            &[("MODE", "table"), ("TABLE", "sn_si_incident")],
            &[("MODE", "import")],
            &[("MODE", "event")],
        ],
        "arcsight" => {
            &[&[], &[("CEF_VERSION", "1"), ("HEADER", "rfc5424")], &[("HEADER", "none"), ("MAX_MESSAGE_BYTES", "1024")]]
        }
        "paloalto_cortex" => &[
            &[],
            &[("GZIP", "true"), ("AUTH_ID", "7")],
            &[("MODE", "parsed_alerts"), ("API_KEY", "k"), ("KEY_ID", "1")],
            &[("MODE", "parsed_alerts"), ("API_KEY", "k"), ("KEY_ID", "2"), ("KEY_TYPE", "advanced")],
        ],
        "powerbi" => &[
            &[],
            &[("TABLES", "one"), ("COLUMNS", "EventId,AlertName,Shortened"), ("MAX_ROWS", "3")],
            &[("MODE", "eventhouse"), ("CLUSTER_URL", "http://127.0.0.1:1"), ("DATABASE", "SOC")],
        ],
        "paloalto_xsoar" => {
            &[&[], &[("VERSION", "6"), ("KEY_ID", "")], &[("KEY_TYPE", "advanced"), ("MATCH_BY", "mdcalertid")]]
        }
        _ => &[&[]],
    };
    options.iter().map(|more| open(kind, &[*more, besides].concat())).collect()
}

/// Every input: our fixtures, the shared samples where they are, and hostile alerts.
pub(crate) fn inputs() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    let folders = [Some(root().join("tests/fixtures/events")), shared("samples")];
    for folder in folders.into_iter().flatten() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().extension().is_some_and(|extension| extension == "json") {
                inputs.push((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    assert!(inputs.len() >= 20, "the fixtures are gone");
    inputs.extend(hostile());
    inputs
}

fn hostile() -> Vec<(String, Vec<u8>)> {
    let texts = [
        ("line breaks", "a\r\nb\nc\rd\u{2028}e\u{2029}f\u{85}g\u{b}h\u{c}i".to_owned()),
        ("separators", "a|b=c\\d^e\tf]g\"h'i;j,k{l}m[n]o%p&q<r>s".to_owned()),
        ("trailing backslashes", "x\\\\\\".to_owned()),
        ("controls", (0..32_u8).map(char::from).chain(['\u{7f}', '\u{80}', '\u{9f}']).collect()),
        (
            "bidi and emoji",
            "\u{202e}evil\u{202c} \u{1f512}\u{1f468}\u{200d}\u{1f469} e\u{301} \u{feff}x\u{fffd}".to_owned(),
        ),
        ("a hundred kilobytes", "long title ".repeat(9_500)),
        ("blank", "  \t ".to_owned()),
        ("like syslog", "<13>1 2026-01-01T00:00:00Z h a p m - CEF:0|x|y|1|2|3|4|src=1".to_owned()),
        ("like JSON", r#"{"a":[1,2,{"b":"c"}]}"#.to_owned()),
    ];
    let fields = [
        "SystemAlertId",
        "AlertType",
        "AlertDisplayName",
        "Description",
        "CompromisedEntity",
        "AzureResourceId",
        "Intent",
        "Severity",
        "Status",
        "AlertUri",
    ];
    let mut inputs = Vec::new();
    for (name, text) in texts {
        let mut everywhere = alert("hostile");
        for field in fields {
            everywhere[field] = text.clone().into();
            let mut once = alert("hostile");
            once[field] = text.clone().into();
            inputs.push((format!("{name} in {field}"), once.to_string().into_bytes()));
        }
        everywhere["Entities"] = json!([
            {"$id": "1", "Type": "ip", "Address": text}, {"$id": "2", "Type": "host", "HostName": text},
            {"$id": "3", "Type": "account", "Name": text, "NTDomain": text}, {"$id": "4", "Type": "file", "Name": text, "Directory": text},
            {"$id": "5", "Type": "process", "CommandLine": text, "ProcessId": text}, {"$id": "6", "Type": text, "Name": text}]);
        everywhere["ExtendedProperties"] = json!({ text.clone(): text });
        everywhere["RemediationSteps"] = json!([text, text]);
        inputs.push((format!("{name} everywhere"), everywhere.to_string().into_bytes()));
        inputs.push((format!("{name}, unknown record"), json!({"hello": text}).to_string().into_bytes()));
    }
    inputs
}

/// Runs `check` on every event of every input.
pub(crate) fn for_each_event(mut check: impl FnMut(&str, &Event<'_>)) {
    let seen: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    for (name, body) in inputs() {
        let texts = Texts::default();
        let mut decoded = Decoded::default();
        decode(&body, seen, &texts, &mut decoded);
        decoded.events.iter().for_each(|event| check(&name, event));
    }
}

/// The same, but for what the destination has no use for.
fn for_each_taken(destination: &dyn Destination, mut check: impl FnMut(&str, &Event<'_>)) {
    for_each_event(|name, event| {
        if destination.takes(event) {
            check(name, event);
        }
    });
}

pub(crate) fn render(destination: &dyn Destination, event: &Event<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    destination.render(event, &mut out).unwrap_or_else(|error| panic!("{error}"));
    out
}

fn pack(destination: &dyn Destination, record: Vec<u8>, event: &Event<'_>) -> Parcel {
    let spans = [Span { group: destination.group(event), ..Span::of(event, 0..record.len()) }];
    destination.pack(Records::new(&Bytes::from(record), &spans))
}

#[test]
fn every_event_renders_the_same_twice_in_one_record_that_carries_its_id() {
    for instance in CATALOG.iter().flat_map(variants) {
        let destination = &*instance.outlet.destination;
        for_each_taken(destination, |name, event| {
            let record = render(destination, event);
            let context = format!("{} of {name}", instance.kind.name);
            assert_eq!(record, render(destination, event), "{context} differs the second time");
            let parcel = pack(destination, record, event);
            let carried = match &parcel {
                Parcel::Http(parcel) => carries(parcel, &event.id.to_string(), event.raw),
                Parcel::Syslog(parcel) => {
                    parcel.messages.iter().all(|message| contains(message, event.id.to_string().as_bytes()))
                }
            };
            assert!(carried, "{context} does not carry the event id");
        });
    }
}

/// Whether the request identifies the event. The id is the hash of the record's bytes: who gets those has the id, be it with spaces for the
/// line breaks between tokens. A conversation carries the record along.
pub(crate) fn carries(parcel: &HttpParcel, id: &str, raw: &str) -> bool {
    matches!(&parcel.auth, Auth::StandardWebhooks { id: given, .. } if given == id)
        || contains(&parcel.body, id.as_bytes())
        || contains(&parcel.body, raw.as_bytes())
        || contains(&parcel.body, raw.replace(|c: char| c < ' ', " ").as_bytes())
        || contains(parcel.memo.to_string().as_bytes(), id.as_bytes())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

#[test]
fn http_records_are_json_and_syslog_messages_are_one_bounded_line() {
    for instance in CATALOG.iter().flat_map(variants) {
        let destination = &*instance.outlet.destination;
        for_each_taken(destination, |name, event| {
            let context = format!("{} of {name}", instance.kind.name);
            match (pack(destination, render(destination, event), event), destination.transport()) {
                (Parcel::Http(parcel), Transport::Http(_)) => {
                    let content_type = parcel.headers.iter().find(|(name, _)| name == http::header::CONTENT_TYPE);
                    let is_form = content_type.is_some_and(|(_, value)| value.as_bytes().ends_with(b"form-urlencoded"));
                    // A conversation may begin with a question, which has no body.
                    if is_form || parcel.body.is_empty() && !parcel.memo.is_null() {
                        return;
                    }
                    let values: Result<Vec<Value>, _> =
                        serde_json::Deserializer::from_slice(&parcel.body).into_iter().collect();
                    assert_eq!(values.map(|values| values.len()).ok(), Some(1), "{context} is not one JSON value");
                }
                (Parcel::Syslog(parcel), Transport::Syslog(options)) => {
                    for message in parcel.messages.iter() {
                        let text = std::str::from_utf8(message).unwrap_or_else(|_| panic!("{context} is not UTF-8"));
                        assert!(message.len() <= 8000, "{context} has {} bytes", message.len());
                        assert!(!text.contains(['\n', '\r', '\0']), "{context} is not one line");
                    }
                    let framed = options.scheme != SyslogScheme::Udp && options.framing == Framing::LineFeed;
                    assert!(
                        !framed || parcel.messages.iter().all(|message| !message.is_empty()),
                        "{context} is an empty line"
                    );
                }
                _ => panic!("{context}: the parcel is not of the destination's transport"),
            }
        });
    }
}

#[test]
fn runs_respect_the_limits_and_hold_every_record_once() {
    for instance in CATALOG.iter().flat_map(variants) {
        let destination = &*instance.outlet.destination;
        let (mut buffer, mut spans, mut raws) = (Vec::new(), Vec::new(), Vec::new());
        for_each_taken(destination, |_, event| {
            let start = buffer.len();
            destination.render(event, &mut buffer).unwrap();
            raws.push(event.raw.to_owned());
            spans.push(Span { group: destination.group(event), ..Span::of(event, start..buffer.len()) });
        });
        let limits = destination.limits();
        let rendered = Rendered { buffer: buffer.into(), spans };
        let runs = cut(&rendered.spans, limits);
        assert_eq!(runs.iter().map(std::iter::ExactSizeIterator::len).sum::<usize>(), rendered.spans.len());
        for run in runs {
            let records = Records::new(&rendered.buffer, &rendered.spans[run.clone()]);
            assert!(run.len() <= limits.records);
            let bytes: usize = records.iter().map(|(_, record)| record.len()).sum();
            assert!(bytes <= limits.bytes || run.len() == 1, "{}: {bytes} bytes", instance.kind.name);
            if let Parcel::Http(parcel) = destination.pack(records) {
                for ((id, _), raw) in records.iter().zip(&raws[run]) {
                    assert!(carries(&parcel, &id.to_string(), raw), "{}: a record is missing", instance.kind.name);
                }
            }
        }
    }
}

#[test]
fn no_secret_prints() {
    for kind in CATALOG {
        let instance = open(kind, &[]);
        let record = alert("secret").to_string();
        let texts = Texts::default();
        let mut decoded = Decoded::default();
        decode(record.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
        let destination = &*instance.outlet.destination;
        let parcel = pack(destination, render(destination, &decoded.events[0]), &decoded.events[0]);
        let printed = format!("{:?} {parcel:?} {:?}", instance.outlet, destination.probe());
        for secret in secrets(kind) {
            assert!(
                !printed.contains(secret) && !printed.contains(secret.trim_start_matches("whsec_")),
                "{}: {printed}",
                kind.name
            );
        }
        assert!(!printed.contains("Suspicious PowerShell"), "{}: alert content in Debug", kind.name);
    }
}

#[test]
fn every_reply_has_a_verdict_and_a_credential_fault_never_buries() {
    let bodies: [&[u8]; 7] = [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"<html>502</html>",
        b"\xff\xfe",
        br#"{"text":"x","code":6,"invalid-event-number":99999}"#,
    ];
    for instance in CATALOG.iter().flat_map(variants) {
        let destination = &*instance.outlet.destination;
        let mut event_parcel = None;
        for_each_taken(destination, |_, event| {
            if event_parcel.is_none() {
                event_parcel = Some(pack(destination, render(destination, event), event));
            }
        });
        let sent = event_parcel.unwrap();
        for status in 100..600 {
            for body in bodies {
                let mut headers = HeaderMap::new();
                headers.insert("retry-after", HeaderValue::from_static("7"));
                let status = StatusCode::from_u16(status).unwrap();
                let reply = Reply::Http { status, headers, body: Bytes::from_static(body) };
                let verdict = destination.judge(&sent, &reply, 1);
                let buries = matches!(verdict, Verdict::Rejected { .. } | Verdict::Split { .. });
                if matches!(status.as_u16(), 401 | 403 | 404) {
                    assert!(!buries, "{}: {status} buries", instance.kind.name);
                }
                let taken = matches!(verdict, Verdict::Accepted);
                assert!(!taken || status.is_success(), "{}: {status} counts as taken", instance.kind.name);
            }
        }
        for failure in [Failure::Network, Failure::Trust, Failure::Credential, Failure::Deadline] {
            let reply = Reply::Failed { failure, detail: "x".into() };
            let verdict = destination.judge(&sent, &reply, 1);
            let kept = matches!(verdict, Verdict::Retry { .. } | Verdict::Misconfigured { .. } | Verdict::Then(_));
            assert!(kept, "{}: {failure:?} gives {verdict:?}", instance.kind.name);
        }
    }
}

#[test]
fn every_destination_has_a_harmless_probe() {
    for kind in CATALOG {
        match open(kind, &[]).outlet.destination.probe() {
            // That a request leaves nothing behind is shown against the simulator.
            Some(Parcel::Http(parcel)) => assert!(parcel.body.len() < 200, "{}", kind.name),
            Some(Parcel::Syslog(parcel)) => assert!(parcel.messages.is_empty(), "{}", kind.name),
            None => panic!("{} has no probe", kind.name),
        }
    }
}
