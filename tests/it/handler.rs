//! The host's contract: its requests decoded as the vectors say, every reply as it reads them.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use defender_relay::host::Invocation;

use crate::support::handler::{Handler, alert, assert_is_reply, invocation};
use crate::support::shared;
use crate::support::sink::{Answer, HttpSink};

fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
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
    assert_eq!(handler.post("nosuch", b"{}".to_vec()).await.unwrap().0, 404);
}

#[tokio::test]
async fn what_is_no_invocation_is_buried_not_repeated_for_ever() {
    let state = tempfile::tempdir().unwrap();
    let handler = Handler::start(&settings(&[
        ("DESTINATIONS", "qradar"),
        ("QRADAR__ADDRESS", "tcp://127.0.0.1:9"),
        ("STATE__URL", &format!("file://{}", state.path().display())),
    ]))
    .await;
    for body in [&b"hello"[..], b"{}", b"[1,2]", b"", b"{\"Data\":{\"events\":\"[\\\"bm90IGpzb24=\\\"]\"}}"] {
        let (status, reply) = handler.post("alerts", body.to_vec()).await.unwrap();
        assert_eq!(status, 200, "{:?}", String::from_utf8_lossy(body));
        assert_is_reply(&reply);
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
    for function in ["alerts", "redeliver", "replay", "status"] {
        assert_eq!(handler.post(function, invocation(&[], 1)).await.unwrap().0, 500, "{function}");
    }
    let log = handler.output.lock().unwrap();
    for setting in ["SPLUNK__URL", "SPLUNK__TOKEN", "nonsense", "QRADAR__ADRESS", "QRADAR__ADDRESS", "STATE__URL"] {
        assert!(log.contains(setting), "{setting} is not named: {log}");
    }
}
