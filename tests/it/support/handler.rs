//! The real program as a child, played to as the Functions host would.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

/// A running handler. Dropping it kills it.
pub(crate) struct Handler {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    /// Everything it printed, both streams.
    pub(crate) output: Arc<Mutex<String>>,
    /// Its port.
    pub(crate) port: u16,
    client: reqwest::Client,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Handler {
    /// Starts the handler with exactly these settings, and waits until it answers `GET /`.
    pub(crate) async fn start(settings: &BTreeMap<String, String>) -> Self {
        let port = free_port();
        let mut child = Command::new(env!("CARGO_BIN_EXE_defender-relay"))
            .env_clear()
            .envs(settings)
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        let readers = streams
            .into_iter()
            .map(|stream| {
                let output = output.clone();
                std::thread::spawn(move || {
                    for line in BufReader::new(stream).lines().map_while(Result::ok) {
                        let mut output = output.lock().unwrap();
                        output.push_str(&line);
                        output.push('\n');
                    }
                })
            })
            .collect();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(120)).build().unwrap();
        let handler = Self { child, readers, output, port, client };
        for _ in 0..2000 {
            if handler.client.get(handler.url("")).send().await.is_ok() {
                return handler;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the handler did not answer GET /: {}", handler.output.lock().unwrap());
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn url(&self, function: &str) -> String {
        format!("http://127.0.0.1:{}/{function}", self.port)
    }

    /// Posts a body; the status and the reply, or nothing when the connection broke.
    pub(crate) async fn post(&self, function: &str, body: Vec<u8>) -> Option<(u16, Vec<u8>)> {
        let request = self
            .client
            .post(self.url(function))
            .header("content-type", "application/json; charset=utf-8")
            .header("x-azure-functions-invocationid", "86423128-a18a-4f44-b4a3-e8bee4f19a0e");
        let reply = request.body(body).send().await.ok()?;
        let status = reply.status().as_u16();
        Some((status, reply.bytes().await.ok()?.to_vec()))
    }

    /// Posts event bodies as the trigger does with `dataType: binary`; the status, or nothing when the connection broke.
    pub(crate) async fn alerts(&self, bodies: &[Vec<u8>]) -> Option<u16> {
        let (status, reply) = self.post("alerts", invocation(bodies, 1)).await?;
        if status == 200 {
            assert_is_reply(&reply);
        }
        Some(status)
    }

    /// Runs a function that takes a timer, and demands success.
    pub(crate) async fn tick(&self, function: &str) {
        let timer = json!({"Data": {"timer": {"Schedule": {}, "IsPastDue": false}}, "Metadata": {"sys": {}}});
        let (status, reply) = self.post(function, timer.to_string().into_bytes()).await.unwrap();
        assert_eq!(status, 200, "{}", self.output.lock().unwrap());
        assert_is_reply(&reply);
    }

    /// Runs an HTTP function; its answer's status and body.
    pub(crate) async fn http(&self, function: &str, body: &Value) -> (u64, Value) {
        let request = json!({"Data": {"req": {"Url": "http://localhost/api", "Method": "POST", "Query": {}, "Headers": {},
            "Params": {}, "Identities": [], "Body": body.to_string()}}, "Metadata": {}});
        let (status, reply) = self.post(function, request.to_string().into_bytes()).await.unwrap();
        assert_eq!(status, 200, "{}", self.output.lock().unwrap());
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        let res = &reply["Outputs"]["res"];
        (res["statusCode"].as_u64().unwrap(), res["body"].clone())
    }

    /// SIGKILL, as the host does it, and nothing else.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Section 3 of the host's contract: a JSON object with an object `Outputs`, string `Logs` and `ReturnValue` null.
pub(crate) fn assert_is_reply(reply: &[u8]) {
    let reply: Value = serde_json::from_slice(reply).expect("the reply is JSON");
    assert!(reply["Outputs"].is_object() && reply["ReturnValue"].is_null(), "{reply}");
    assert!(reply["Logs"].as_array().is_some_and(|logs| logs.iter().all(Value::is_string)), "{reply}");
}

/// An Event Hub invocation as the host writes it: one JSON string that holds an array of base64 strings, index-aligned metadata.
pub(crate) fn invocation(bodies: &[Vec<u8>], first_sequence: usize) -> Vec<u8> {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let events: Vec<String> = bodies.iter().map(|body| engine.encode(body)).collect();
    let sequence: Vec<usize> = (first_sequence..first_sequence + bodies.len()).collect();
    let enqueued: Vec<String> =
        sequence.iter().map(|n| format!("2026-11-20T10:{:02}:{:02}.48", n / 60 % 60, n % 60)).collect();
    let partition = json!({"IsCheckpointingAfterInvocation": true, "FullyQualifiedNamespace": "ns.servicebus.windows.net",
        "EventHubName": "defender-alerts", "ConsumerGroup": "relay", "PartitionId": "0"});
    let body = json!({
        "Data": {"events": json!(events).to_string()},
        "Metadata": {
            "TriggerPartitionContext": partition, "PartitionContext": partition,
            "SequenceNumberArray": json!(sequence).to_string(),
            "EnqueuedTimeUtcArray": json!(enqueued).to_string(),
            "PropertiesArray": json!(vec![json!({}); bodies.len()]).to_string(),
            "sys": {"MethodName": "alerts", "UtcNow": "2026-11-20T10:00:02.1234567Z", "RandGuid": "24ad4c06-24ad-4e5b-8294-3da9714877e9"},
        },
    });
    body.to_string().into_bytes()
}

/// A flat-export alert of our own making, told apart by `id`.
pub(crate) fn alert(id: &str) -> Value {
    json!({
        "VendorName": "Microsoft", "AlertType": "VM_SuspiciousPowerShell", "ProductName": "Microsoft Defender for Cloud",
        "StartTimeUtc": "2026-11-20T09:00:00.1234567Z", "EndTimeUtc": "2026-11-20T09:05:00Z",
        "TimeGenerated": "2026-11-20T09:06:00.0170422Z", "ProcessingEndTime": "2026-11-20T09:06:01Z",
        "Severity": "High", "Status": "New", "IsIncident": false, "SystemAlertId": id, "Intent": "Execution",
        "AzureResourceId": "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1",
        "CompromisedEntity": "vm1", "AlertDisplayName": "Suspicious PowerShell activity",
        "Description": "Line one.\nLine | two = \\ ] \"quoted\"",
        "Entities": [{"$id": "1", "Type": "ip", "Address": "203.0.113.7"}, {"$id": "2", "Type": "host", "HostName": "vm1"}],
        "ExtendedProperties": {"Client IP address": "203.0.113.7"}, "RemediationSteps": ["Escalate."],
        "AlertUri": "https://portal.azure.com/#blade/x"
    })
}

/// Every alert id that the store's letters of one state and destination hold: (id, how often).
pub(crate) fn letters(state: &Path, folder: &str, destination: &str) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for body in letter_bodies(&state.join(folder).join(destination)) {
        let record: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        let id = record["SystemAlertId"].as_str().map_or(body, str::to_owned);
        *ids.entry(id).or_default() += 1;
    }
    ids
}

/// How many parked letters of a destination may be sent by now.
pub(crate) fn letters_due(state: &Path, destination: &str) -> usize {
    let now = jiff::Timestamp::now();
    let later = |letter: &Value| {
        letter["not_before"].as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().unwrap() > now)
    };
    letter_files(&state.join("parked").join(destination)).iter().filter(|letter| !later(letter)).count()
}

/// The bodies of every letter below a folder.
pub(crate) fn letter_bodies(folder: &Path) -> Vec<String> {
    letter_files(folder).iter().map(|letter| letter["body"].as_str().unwrap().to_owned()).collect()
}

/// Every letter below a folder, as it lies there.
fn letter_files(folder: &Path) -> Vec<Value> {
    let mut letters = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return letters };
    for entry in entries.map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            letters.extend(letter_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            letters.push(serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap());
        }
    }
    letters
}
