//! What `DROP_FIELDS` and `REDACT` take out is sent nowhere: every destination, every shape of record, every field that holds text.

use std::collections::BTreeSet;
use std::fs;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value};

use defender_relay::app::Instance;
use defender_relay::batch::{Records, Span};
use defender_relay::destinations::CATALOG;
use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::event::{Event, mend_surrogates};
use defender_relay::parcel::{Parcel, Reply, Verdict};
use defender_relay::route::Subject;

use crate::contract::{carries, for_each_event, open, variants, variants_with};
use crate::support::root;

/// Names by which records are recognised. Their values say what a record is, not about whom.
const DISCRIMINATORS: &[&str] = &[
    "$id",
    "$ref",
    "@odata.type",
    "category",
    "conditionalAccessStatus",
    "detectionSource",
    "kind",
    "metricName",
    "operationName",
    "productName",
    "schemaId",
    "serviceSource",
    "type",
    "vendorName",
];

/// Every text in a record, replaced by a marker of its own; beside it, the path that leads there.
#[derive(Default)]
struct Marked {
    markers: Vec<(String, String)>,
}

impl Marked {
    fn mark(&mut self, value: &mut Value, path: &str) {
        let below = |step: &str| if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") };
        match value {
            Value::Object(members) => {
                for (name, value) in members.iter_mut() {
                    if !DISCRIMINATORS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                        let step = format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
                        self.mark(value, &below(&step));
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mark(item, &below("*"))),
            Value::String(text) => match serde_json::from_str::<Value>(text) {
                Ok(mut inner @ (Value::Object(_) | Value::Array(_))) => {
                    self.mark(&mut inner, path);
                    *text = inner.to_string();
                }
                _ => *text = self.marker(text, path),
            },
            _ => {}
        }
    }

    /// A marker that a field of this kind can hold.
    fn marker(&mut self, text: &str, path: &str) -> String {
        let number = self.markers.len();
        let is_address = text.parse::<std::net::IpAddr>().is_ok();
        let marker = if is_address {
            format!("93.184.{}.{}", 100 + number / 100, 100 + number % 100)
        } else {
            format!("mark{number:04}q")
        };
        self.markers.push((path.to_lowercase(), marker.clone()));
        match text {
            _ if is_address => marker,
            text if text.starts_with('/') || text.starts_with("http") => format!("{text}/{marker}"),
            _ => marker,
        }
    }
}

/// Which half of all paths a path belongs to, whatever record it is in.
fn half(path: &str) -> usize {
    path.bytes().map(usize::from).sum::<usize>() % 2
}

/// Whether the field at that path goes when these paths are given: by its own path, or by the one without `properties`.
fn goes(path: &str, given: &BTreeSet<&str>) -> bool {
    given.contains(path) || path.strip_prefix("\"properties\".").is_some_and(|short| given.contains(short))
}

/// A fixture, marked: its file, its text, and path and marker of each field.
struct Record {
    file: String,
    text: String,
    fields: Vec<(String, String)>,
}

fn records() -> Vec<Record> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("tests/fixtures/events")).unwrap().map(Result::unwrap) {
        let body = fs::read(entry.path()).unwrap();
        let (texts, mut decoded) = (Texts::default(), Decoded::default());
        decode(&body, Timestamp::UNIX_EPOCH, &texts, &mut decoded);
        for event in &decoded.events {
            let Ok(mut record) = serde_json::from_str::<Value>(event.raw) else { continue };
            let mut marked = Marked::default();
            marked.mark(&mut record, "");
            found.push(Record {
                file: entry.file_name().to_string_lossy().into_owned(),
                text: record.to_string(),
                fields: marked.markers,
            });
        }
    }
    assert!(found.len() >= 20, "the fixtures are gone");
    found
}

fn with_event<T>(record: &str, look: impl FnOnce(&Event<'_>) -> T) -> T {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(record.as_bytes(), "2026-11-20T10:00:00Z".parse().unwrap(), &texts, &mut decoded);
    assert_eq!(decoded.events.len(), 1);
    look(&decoded.events[0])
}

/// The parcels that the destination is sent of the event, as long as the other side answers as in a rehearsal; none where it takes nothing.
fn parcels(instance: &Instance, event: &Event<'_>) -> Vec<Parcel> {
    let mut record = Vec::new();
    if !instance.decide(&Subject::new(event)).takes() || instance.render(event, &mut record).is_err() {
        return Vec::new();
    }
    let destination = &instance.outlet.destination;
    let spans = [Span::of(event, 0..record.len())];
    let mut parcels = vec![destination.pack(Records::new(&Bytes::from(record), &spans))];
    while let Some(Parcel::Http(request)) = parcels.last() {
        let (status, body) = instance.kind.rehearsal.answer(request.url.path());
        let headers =
            HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let status = StatusCode::from_u16(status).unwrap();
        let reply = Reply::Http { status, headers, body: Bytes::from_static(body.as_bytes()) };
        match destination.judge(&parcels[parcels.len() - 1], &reply, 1) {
            Verdict::Then(next) if parcels.len() < 8 => parcels.push(*next),
            _ => break,
        }
    }
    parcels
}

/// Everything that leaves, and what a conversation remembers, in one text.
fn sent(parcels: &[Parcel]) -> String {
    let mut all = String::new();
    for parcel in parcels {
        match parcel {
            Parcel::Http(parcel) => {
                all += &format!("{} {:?} {}\n", parcel.url, parcel.headers, parcel.memo);
                all += &String::from_utf8_lossy(&parcel.body);
            }
            Parcel::Syslog(parcel) => {
                parcel.messages.iter().for_each(|message| all += &String::from_utf8_lossy(message));
            }
        }
        all.push('\n');
    }
    all
}

/// Takes one half of all paths out of every record for every destination, by this setting.
fn nothing_that_is_taken_out_is_sent(setting: &str) {
    let records = records();
    for gone in [0, 1] {
        let paths: BTreeSet<&str> = records
            .iter()
            .flat_map(|record| &record.fields)
            .map(|(path, _)| path.as_str())
            .filter(|path| half(path) == gone)
            .collect();
        let setting = (setting, &*Vec::from_iter(paths.iter().copied()).join(","));
        for kind in CATALOG {
            for (plain, redacting) in variants(kind).iter().zip(variants_with(kind, &[setting])) {
                let mut would_be_sent = 0;
                for Record { file, text, fields } in &records {
                    let fields: Vec<_> = fields.iter().filter(|(path, _)| goes(path, &paths)).collect();
                    let (whole, left) =
                        with_event(text, |event| [plain, &redacting].map(|instance| sent(&parcels(instance, event))))
                            .into();
                    for (path, marker) in fields {
                        would_be_sent += usize::from(whole.contains(marker));
                        assert!(!left.contains(marker), "{} of {file} sends {path}: {left}", kind.name);
                    }
                }
                assert!(would_be_sent > 3, "{}: this proves nothing", kind.name);
            }
        }
    }
}

#[test]
fn what_is_dropped_is_sent_nowhere() {
    nothing_that_is_taken_out_is_sent("DROP_FIELDS");
}

#[test]
fn what_is_redacted_is_sent_nowhere() {
    nothing_that_is_taken_out_is_sent("REDACT");
}

#[test]
fn a_repeat_is_still_recognised() {
    let drop = [("DROP_FIELDS", "Description, Entities.*.CommandLine"), ("REDACT", "CompromisedEntity, @sas")];
    for Record { file, text, .. } in records() {
        let pairs = CATALOG.iter().flat_map(|kind| variants(kind).into_iter().zip(variants_with(kind, &drop)));
        for (plain, redacting) in pairs {
            with_event(&text, |event| {
                let [whole, left] = [&plain, &redacting].map(|instance| parcels(instance, event));
                assert_eq!(sent(&left), sent(&parcels(&redacting, event)), "{} of {file}", plain.kind.name);
                if let (Some(Parcel::Http(whole)), Some(Parcel::Http(left))) = (whole.first(), left.first()) {
                    let context = format!("{} of {file}", plain.kind.name);
                    let id = event.id.to_string();
                    // Who is sent nothing but the record has no id to lose; the same is taken out of it every time.
                    assert!(carries(left, &id, "\0") || !carries(whole, &id, "\0"), "{context} lost the id");
                    assert_eq!(
                        (&whole.url, &whole.method),
                        (&left.url, &left.method),
                        "{context} asks for another ticket"
                    );
                }
            });
        }
    }
}

#[test]
fn every_record_stays_one_object_of_its_kind() {
    let settings: [&[(&str, &str)]; 3] = [
        &[("DROP_FIELDS", "*.*")],
        &[("REDACT", "*.*, SystemAlertId, id, type, Severity, TimeGenerated, Entities.*.*, @sas")],
        &[
            ("DROP_FIELDS", "SystemAlertId, id, name, type, kind, AlertType, ProductName, properties"),
            ("REDACT", "@queries"),
        ],
    ];
    for instance in settings.iter().map(|settings| open(&CATALOG[0], settings)) {
        let redaction = instance.redaction.as_ref().unwrap();
        for_each_event(|name, event| {
            let left = redaction.text(event.raw);
            let mended = mend_surrogates(&left).unwrap_or_else(|| left.clone().into_owned());
            assert!(serde_json::from_str::<Map<String, Value>>(&mended).is_ok(), "{name}: {left}");
            redaction.of(event, |shown| {
                assert_eq!((shown.id, shown.kind, shown.raw), (event.id, event.kind, &*left), "{name}");
                assert_eq!(shown.alert.is_some(), event.alert.is_some(), "{name}");
                assert!(shown.key.is_none() || shown.key == event.key, "{name} is taken for another");
            });
        });
    }
}

#[test]
fn without_the_settings_nothing_is_rewritten() {
    let plain = CATALOG.iter().flat_map(variants).all(|instance| instance.redaction.is_none());
    assert!(plain);
    for Record { text, .. } in records() {
        let set = variants_with(&CATALOG[0], &[("DROP_FIELDS", "nosuch.*.field"), ("REDACT", "@sas")]).remove(0);
        let left = set.redaction.as_ref().unwrap().text(&text);
        assert!(matches!(left, std::borrow::Cow::Borrowed(_)), "a record with nothing to take out is not copied");
    }
}

#[test]
fn a_preview_shows_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let alert = crate::support::handler::alert("previewed").to_string();
    fs::write(folder.path().join("alert.json"), &alert).unwrap();
    let shown = |settings: &[(&str, &str)]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_defender-relay"))
            .args(["preview", "alert.json"])
            .env_clear()
            .envs([("DESTINATIONS", "splunk"), ("SPLUNK__URL", "https://splunk.example"), ("SPLUNK__TOKEN", "t")])
            .envs(settings.iter().copied())
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let (code, whole) = shown(&[]);
    assert!(code == Some(0) && whole.contains("CompromisedEntity") && !whole.contains("[redacted]"), "{whole}");
    let (code, left) = shown(&[("SPLUNK__DROP_FIELDS", "compromisedentity"), ("SPLUNK__REDACT", "Description")]);
    assert!(code == Some(0) && !left.contains("CompromisedEntity"), "{left}");
    assert!(left.contains(r#""Description":"[redacted]""#), "{left}");
    let (code, faults) = shown(&[("SPLUNK__DROP_FIELDS", "a, b["), ("SPLUNK__REDACT", "@nosuch")]);
    assert_eq!(code, Some(2));
    assert!(faults.contains("SPLUNK__DROP_FIELDS: entry 2") && faults.contains("SPLUNK__REDACT: entry 1"), "{faults}");
}
