use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::batch::Span;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::parse_time;
use crate::format::samples::{every_kind_as, examples, of_every_kind};
use crate::settings::Values;

const TOKEN: &str = "ZaVnC4dhaV2hunter2hunter2==";
const URL: &str = "https://endpoint4.collection.sumologic.com/receiver/v1/http/ZaVnC4dhaV2hunter2hunter2==";

fn open(pairs: &[(&str, &str)]) -> Result<SumoLogic, SettingsError> {
    let pairs = pairs.iter().chain(&[("URL", URL)]);
    let values = Values::new(pairs.map(|(key, value)| (format!("SUMOLOGIC__{key}"), (*value).to_owned())));
    SumoLogic::open(&Section::new("sumologic", KIND.settings.to_vec(), &values))
}

fn render(settings: &[(&str, &str)], body: &str) -> String {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let [event] = decoded.events.as_slice() else { panic!("one record") };
    let mut out = Vec::new();
    open(settings).unwrap().render(event, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn headers(parcel: &Parcel) -> Vec<String> {
    let Parcel::Http(parcel) = parcel else { panic!("it speaks HTTP") };
    parcel.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

#[test]
fn a_body_is_the_records_untouched_one_a_line() {
    let sumo = open(&[]).unwrap();
    let (mut out, mut spans) = (Vec::new(), Vec::new());
    let examples = examples();
    for example in &examples {
        let start = out.len();
        sumo.render(&example.event, &mut out).unwrap();
        spans.push(Span::of(&example.event, start..out.len()));
    }
    let buffer = bytes::Bytes::from(out);
    let Parcel::Http(parcel) = sumo.pack(Records::new(&buffer, &spans)) else { panic!("it speaks HTTP") };
    let [a, b] = [include_str!("../../format/examples/a.json"), include_str!("../../format/examples/b.json")];
    assert_eq!(parcel.body, format!("{}\n{}\n", a.trim_end(), b.trim_end()));
    assert_eq!((parcel.method, parcel.url.as_str(), parcel.gzip), (Method::POST, URL, Gzip::Large));
}

#[test]
fn every_kind_arrives_to_the_byte_and_only_its_line_breaks_become_spaces() {
    let sumo = open(&[]).unwrap();
    let render = |event: &Event<'_>| {
        let mut out = Vec::new();
        sumo.render(event, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    for (name, event) in of_every_kind() {
        assert_eq!(render(&event), format!("{}\n", event.raw.replace(['\n', '\r', '\t'], " ")), "{name}");
    }
    insta::assert_snapshot!("sumologic_every_kind", every_kind_as(render));
}

#[test]
fn line_breaks_between_tokens_become_spaces() {
    let body = "{\r\n\t\"SystemAlertId\": \"a\",\n  \"AlertType\": \"b\\n\"\n}";
    assert_eq!(render(&[], body), "{   \"SystemAlertId\": \"a\",   \"AlertType\": \"b\\n\" }\n");
}

#[test]
fn a_record_that_sumo_logic_would_cut_in_two_is_shortened_and_says_so() {
    let alert = |entities: usize| {
        json!({"SystemAlertId": "a", "AlertType": "T", "Severity": "High", "Entities": "x".repeat(entities)})
            .to_string()
    };
    let overhead = alert(0).len();
    let whole = alert(65_536 - overhead);
    assert_eq!(render(&[], &whole), format!("{whole}\n"));
    let long = alert(65_537 - overhead);
    let line = render(&[], &long);
    assert!(line.len() <= 65_537 && line.ends_with('\n'));
    let id = crate::event::EventId::of(long.as_bytes()).to_string();
    let expected = json!({"SystemAlertId": "a", "AlertType": "T", "Severity": "High", "droppedFields": ["Entities"], "eventId": id});
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
}

#[test]
fn the_readme_tells_what_goes_first() {
    crate::destinations::opened::assert_tells_order(include_str!("README.md"), &shrink::DROP_ORDER);
}

#[test]
fn no_limit_is_exceeded_and_no_name_comes_twice() {
    let title = "\u{1}\"é".repeat(9000);
    let body =
        json!({"SystemAlertId": title, "AlertType": "T", "eventId": 1, "a": title, "Entities": [title]}).to_string();
    for max in [2048, 5000, 65_536, 200_000] {
        let line = render(&[("MAX_MESSAGE_BYTES", &max.to_string())], &body);
        assert!(line.len() <= max + 1, "{} of {max}", line.len());
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.matches("\"eventId\":").count(), 1, "{line}");
        assert_eq!(value["droppedFields"].is_array(), body.len() > max);
    }
}

#[test]
fn what_fits_without_white_space_loses_nothing_else() {
    let body = format!("{{\"SystemAlertId\":\"a\",{}\"AlertType\":\"T\"}}", " ".repeat(70_000));
    assert_eq!(render(&[], &body), "{\"SystemAlertId\":\"a\",\"AlertType\":\"T\"}\n");
}

#[test]
fn the_source_is_described_in_headers() {
    let sumo = open(&[]).unwrap();
    assert_eq!(headers(&sumo.probe().unwrap()), ["x-sumo-client: defender-relay", "x-sumo-category: azure/defender"]);
    assert!(sumo.warnings().is_empty());
    let own = [
        ("CATEGORY", "prod/azure/defender"),
        ("NAME", "Defender for Cloud"),
        ("HOST", "relay-1"),
        ("FIELDS", "environment=prod, team = soc"),
    ];
    let sumo = open(&own).unwrap();
    assert_eq!(
        headers(&sumo.probe().unwrap()),
        [
            "x-sumo-client: defender-relay",
            "x-sumo-category: prod/azure/defender",
            "x-sumo-name: Defender for Cloud",
            "x-sumo-host: relay-1",
            "x-sumo-fields: environment=prod,team=soc",
        ]
    );
    assert_eq!(sumo.warnings().len(), 1);
}

#[test]
fn faults_are_named_all_at_once_and_without_the_address() {
    let long = format!("a={}", "x".repeat(201));
    for fields in ["nonsense", "a=", "=b", "a=b,", "a b=c", "a=b=c", &long, &"a=b,".repeat(30)] {
        let faulty = [
            ("URL", "http://endpoint.example/receiver/v1/http/hunter2"),
            ("CATEGORY", "a\nb"),
            ("NAME", "é"),
            ("HOST", "\u{7f}"),
            ("FIELDS", fields),
            ("MAX_MESSAGE_BYTES", "1"),
            ("MAX_BATCH_BYTES", "2_000_000"),
        ];
        let error = open(&faulty).unwrap_err().to_string();
        for (key, _) in faulty {
            assert!(error.contains(&format!("SUMOLOGIC__{key}: ")), "{key} in {error}");
        }
        assert!(!error.contains("hunter2"), "{error}");
    }
    for url in [
        "hunter2",
        "https://service.sumologic.com/ui/hunter2",
        "https://endpoint.example/receiver/v1/http/",
        "https://endpoint.example/receiver/v1/http/hunter2/more",
        "https://endpoint.example/receiver/v1/http/hunter2?x=1",
        "https://user:hunter2@endpoint.example/receiver/v1/http/hunter2",
    ] {
        let error = open(&[("URL", url)]).unwrap_err().to_string();
        assert!(
            error.starts_with("1 configuration fault\n  SUMOLOGIC__URL: ") && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn the_address_is_never_shown() {
    let sumo = open(&[]).unwrap();
    let shown = format!("{sumo:?} {:?}", sumo.probe());
    assert!(shown.contains("endpoint4.collection.sumologic.com") && !shown.contains(TOKEN), "{shown}");
}

#[test]
fn each_status_has_its_meaning() {
    let sumo = open(&[]).unwrap();
    let judged = |status: u16, records| {
        let reply = Reply::Http {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
        };
        sumo.judge(&sumo.probe().unwrap(), &reply, records)
    };
    assert!(matches!(judged(200, 5), Verdict::Accepted));
    for status in [401, 403, 404] {
        let Verdict::Misconfigured { reason } = judged(status, 5) else { panic!("{status}") };
        assert!(reason.contains("check URL"), "{reason}");
    }
    assert!(matches!(judged(408, 2), Verdict::Split { .. }));
    assert!(matches!(judged(408, 1), Verdict::Retry { .. }));
    for status in [429, 500, 503, 504] {
        assert!(matches!(judged(status, 5), Verdict::Retry { .. }), "{status}");
    }
    assert!(matches!(judged(413, 5), Verdict::Split { .. }));
}
