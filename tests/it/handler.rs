//! The host's contract: its requests decoded as the vectors say, every reply as it reads them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use defender_relay::host::Invocation;

use crate::support::handler::{Handler, alert, assert_is_reply, invocation, letter_bodies};
use crate::support::shared;
use crate::support::sink::{Answer, HttpSink};

fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A handler whose only destination refuses every connection.
async fn with_a_dead_destination(state: &Path) -> Handler {
    Handler::start(&settings(&[
        ("DESTINATIONS", "qradar"),
        ("QRADAR__ADDRESS", "tcp://127.0.0.1:9"),
        ("STATE__URL", &format!("file://{}", state.display())),
    ]))
    .await
}

fn vectors() -> Option<Value> {
    Some(serde_json::from_slice(&std::fs::read(shared("reference/host-vectors.json")?).unwrap()).unwrap())
}

#[test]
fn every_vector_decodes_as_it_says() {
    let Some(vectors) = vectors() else { return };
    let mut compared = 0;
    for request in vectors["requests"].as_array().unwrap() {
        let name = request["name"].as_str().unwrap();
        let raw = request["raw_body"].as_str().unwrap();
        let invocation = Invocation::parse(raw.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let bodies = invocation.bodies();
        let got: Vec<&[u8]> = bodies.iter().map(|body| body.bytes).collect();
        let expected = &request["expect_decoded"];
        let want: Vec<Vec<u8>> = if let Some(events) = expected["events_base64"].as_array() {
            let decode = |text: &Value| base64_simd::STANDARD.decode_to_vec(text.as_str().unwrap()).unwrap();
            events.iter().map(decode).collect()
        } else if let Some(events) = expected["events"].as_array() {
            let text = |event: &Value| event.as_str().map_or_else(|| event.to_string(), str::to_owned).into_bytes();
            events.iter().map(text).collect()
        } else if let Some(event) = expected["event"].as_str() {
            vec![event.as_bytes().to_vec()]
        } else {
            continue;
        };
        compared += 1;
        assert_eq!(got.len(), want.len(), "{name}");
        for (got, want) in got.iter().zip(&want) {
            let same = got == want || {
                // Without a dataType the host re-prints the objects, so only their values are fixed.
                let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
                name.contains("unspecified") && value(got) == value(want)
            };
            assert!(same, "{name}: {:?}", String::from_utf8_lossy(got));
        }
        if name.contains("_many_") {
            assert!(bodies.iter().all(|body| body.enqueued.is_some()), "{name}: enqueued times");
        }
    }
    assert!(compared >= 5, "only {compared} vectors say what they decode to");
}

#[tokio::test]
async fn every_vector_is_answered_as_the_host_reads_it() {
    let Some(vectors) = vectors() else { return };
    let sink = HttpSink::start(std::sync::Arc::new(|_| Answer::Take)).await;
    let state = tempfile::tempdir().unwrap();
    let handler = Handler::start(&settings(&[
        ("DESTINATIONS", "splunk"),
        ("SPLUNK__URL", &sink.url),
        ("SPLUNK__TOKEN", "vector-token"),
        ("SPLUNK__ACK", "off"),
        ("STATE__URL", &format!("file://{}", state.path().display())),
    ]))
    .await;
    for request in vectors["requests"].as_array().unwrap() {
        let function = request["path"].as_str().unwrap().trim_start_matches('/');
        let (status, reply) = handler.post(function, request["raw_body"].as_str().unwrap().into()).await.unwrap();
        assert_eq!(status, 200, "{}: {}", request["name"], handler.output.lock().unwrap());
        assert_is_reply(&reply);
    }
    assert!(!sink.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn chunked_bodies_unknown_functions_and_readiness() {
    let sink = HttpSink::start(std::sync::Arc::new(|_| Answer::Take)).await;
    let handler = Handler::start(&settings(&[
        ("DESTINATIONS", "splunk"),
        ("SPLUNK__URL", &sink.url),
        ("SPLUNK__TOKEN", "chunk-token"),
        ("STATE__URL", "memory:"),
    ]))
    .await;
    let body = invocation(&[alert("chunked").to_string().into_bytes()], 1);
    let mut request =
        b"POST /alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n\
        Transfer-Encoding: chunked\r\n\r\n"
            .to_vec();
    for chunk in body.chunks(100) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let mut stream = TcpStream::connect(("127.0.0.1", handler.port)).await.unwrap();
    stream.write_all(&request).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.contains("application/json"), "{reply}");
    assert!(sink.taken.lock().unwrap().contains_key("chunked"));
    for other in ["nosuch", "Alerts", "alerts/", "alerts/x"] {
        let (status, reply) = handler.post(other, b"{}".to_vec()).await.unwrap();
        assert_eq!(status, 404, "{other}");
        assert_is_reply(&reply);
    }
    let url = |path: &str| format!("http://127.0.0.1:{}/{path}", handler.port);
    let reply = reqwest::get(url("alerts")).await.unwrap();
    assert_eq!((reply.status().as_u16(), &reply.headers()["content-type"] == "application/json"), (405, true));
    assert_is_reply(&reply.bytes().await.unwrap());
    for method in [reqwest::Method::HEAD, reqwest::Method::POST, reqwest::Method::OPTIONS] {
        let reply = reqwest::Client::new().request(method.clone(), url("")).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), 200, "{method} / is readiness too");
    }
}

#[test]
fn an_impossible_port_is_a_fault_and_a_taken_one_a_failure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    for (port, code) in [("garbage", 2), ("0", 2), ("70000", 2), (taken.as_str(), 1)] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_defender-relay"));
        let done = command.env_clear().env("FUNCTIONS_CUSTOMHANDLER_PORT", port).output().unwrap();
        assert_eq!(done.status.code(), Some(code), "{port}");
        let log = String::from_utf8(done.stderr).unwrap();
        let line: Value = serde_json::from_str(log.trim()).expect("one JSON line");
        assert_eq!(line["level"], "ERROR", "{line}");
        assert_eq!(line["setting"] == "FUNCTIONS_CUSTOMHANDLER_PORT", code == 2, "{line}");
    }
}

#[tokio::test]
async fn a_flaw_in_the_metadata_costs_no_event() {
    for metadata in
        ["null", "[]", "7", r#""text""#, r#"{"EnqueuedTimeUtcArray":{},"PartitionContext":[],"RetryContext":"x"}"#]
    {
        let body = format!(r#"{{"Data":{{"events":"[\"e30=\",\"e30=\"]"}},"Metadata":{metadata}}}"#);
        let with_mark = format!("\u{feff}{body}");
        for body in [body, with_mark] {
            let invocation = Invocation::parse(body.as_bytes()).unwrap();
            assert_eq!(invocation.bodies().len(), 2, "{metadata}");
        }
    }
}

#[tokio::test]
async fn a_replay_that_is_not_understood_changes_nothing() {
    let state = tempfile::tempdir().unwrap();
    let handler = with_a_dead_destination(state.path()).await;
    assert_eq!(handler.alerts(&[b"no json".to_vec()]).await, Some(200));
    for body in [&b""[..], b"null", b"{}", br#"{"Data":{"req":"text"}}"#, br#"{"Data":{"timer":{"IsPastDue":false}}}"#]
    {
        let (status, reply) = handler.post("replay", body.to_vec()).await.unwrap();
        assert_eq!(status, 200);
        assert_is_reply(&reply);
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        assert_eq!(reply["Outputs"]["res"]["statusCode"], 400, "{reply}");
        assert!(reply["Outputs"]["res"]["body"]["error"].is_string(), "{reply}");
    }
    for (wish, named) in [
        (serde_json::json!({"kind": "allerts"}), "kind"),
        (serde_json::json!({"destination": "../dead"}), "destination"),
        (serde_json::json!({"limit": -1}), "limit"),
        (serde_json::json!({"since": "yesterday"}), "since"),
        (serde_json::json!({"dry_run": "maybe"}), "dry_run"),
        (serde_json::json!({"destinatoin": "qradar"}), "destinatoin"),
        (serde_json::json!([1]), "body"),
    ] {
        let (status, answer) = handler.http("replay", &wish).await;
        assert_eq!(status, 400, "{wish}");
        assert!(answer["error"].as_str().unwrap().contains(named), "{answer}");
    }
    assert_eq!(letter_bodies(&state.path().join("dead")), ["no json"]);
    let (status, answer) = handler.http("replay", &serde_json::json!({"dry_run": true})).await;
    assert_eq!((status, answer["matched"].as_u64()), (200, Some(1)));
}

#[tokio::test]
async fn status_reports_while_the_store_is_down_and_shows_letters_that_nobody_sends() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("store");
    let handler = Handler::start(&settings(&[
        ("DESTINATIONS", "qradar"),
        ("QRADAR__ADDRESS", "tcp://127.0.0.1:9"),
        ("STATE__URL", &format!("file://{}", folder.display())),
    ]))
    .await;
    let letter = folder.join("parked/gone/20261123T004610.123Z-00000000-0000-8000-8000-000000000000.json");
    std::fs::create_dir_all(letter.parent().unwrap()).unwrap();
    std::fs::write(&letter, "{}").unwrap();
    let (status, report) = handler.http("status", &Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!((&report["store"]["error"], &report["destinations"][0]["waiting"]), (&Value::Null, &0.into()));
    assert_eq!(
        (&report["not_configured"][0]["name"], &report["not_configured"][0]["waiting"]),
        (&"gone".into(), &1.into())
    );

    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    let (status, report) = handler.http("status", &Value::Null).await;
    assert_eq!(status, 200, "{report}");
    assert!(report["store"]["error"].as_str().unwrap().contains("STATE__URL"), "{report}");
    let (status, answer) = handler.http("replay", &serde_json::json!({})).await;
    assert_eq!((status, answer["error"].is_string()), (503, true), "{answer}");
    assert_eq!(
        (&report["destinations"][0]["waiting"], &report["destinations"][0]["breaker"]),
        (&Value::Null, &"closed".into())
    );
}

#[tokio::test]
async fn what_is_no_invocation_is_buried_not_repeated_for_ever() {
    let state = tempfile::tempdir().unwrap();
    let handler = with_a_dead_destination(state.path()).await;
    for body in [&b"hello"[..], b"{}", b"[1,2]", b"", b"{\"Data\":{\"events\":\"[\\\"bm90IGpzb24=\\\"]\"}}"] {
        for function in ["alerts", "logs"] {
            let (status, reply) = handler.post(function, body.to_vec()).await.unwrap();
            assert_eq!(status, 200, "{function}: {:?}", String::from_utf8_lossy(body));
            assert_is_reply(&reply);
        }
    }
    let buried = crate::support::handler::letter_bodies(&state.path().join("dead/_undecodable"));
    assert!(buried.iter().any(|body| body == "hello") && buried.iter().any(|body| body == "not json"), "{buried:?}");
}

#[tokio::test]
async fn a_faulty_configuration_answers_the_probe_and_fails_every_invocation_naming_all_faults() {
    let handler = Handler::start(&settings(&[
        ("DESTINATIONS", "splunk, nonsense, qradar"),
        ("SPLUNK__URL", "http://splunk.example"),
        ("SPLUNK__TOKEN", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/n)"),
        ("QRADAR__ADRESS", "tcp://x"),
    ]))
    .await;
    for function in ["alerts", "logs", "redeliver", "replay", "status"] {
        assert_eq!(handler.post(function, invocation(&[], 1)).await.unwrap().0, 500, "{function}");
    }
    let large = vec![b' '; 16 << 20];
    assert_eq!(handler.post("alerts", large).await.unwrap().0, 500, "a large body is answered, not broken off");
    let log = handler.output.lock().unwrap();
    for setting in ["SPLUNK__URL", "SPLUNK__TOKEN", "entry 2", "QRADAR__ADRESS", "QRADAR__ADDRESS", "STATE__URL"] {
        assert!(log.contains(setting), "{setting} is not named: {log}");
    }
}
