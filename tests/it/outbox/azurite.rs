//! Azurite, Microsoft's storage emulator (npm `azurite`), as a child of the test.

use std::path::PathBuf;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support;

/// The emulator's well-known key, published by Microsoft for everybody.
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

pub(super) struct Azurite {
    _child: Child,
    endpoint: String,
}

impl Azurite {
    /// Starts one on a free port; killed when dropped. None where it is not installed.
    pub(super) async fn start() -> Option<Self> {
        let program = support::need("azurite-blob (npm install azurite)", program())?;
        let mut child = Command::new(program)
            .args([
                "--silent",
                "--blobPort",
                "0",
                "--disableTelemetry",
                "--skipApiVersionCheck",
                "--inMemoryPersistence",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("azurite starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let endpoint = loop {
            let line = lines.next_line().await.expect("readable").expect("azurite says where it listens");
            if let Some((_, endpoint)) = line.split_once("successfully listens on ") {
                break endpoint.trim().to_owned();
            }
        };
        Some(Self { _child: child, endpoint })
    }

    /// `STATE__URL` for a container.
    pub(super) fn url(&self, container: &str) -> String {
        format!("{}/devstoreaccount1/{container}", self.endpoint)
    }

    /// Creates a container, as Bicep does in the cloud: `PUT ?restype=container`, signed with the shared key.
    /// <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>
    pub(super) async fn create(&self, container: &str) {
        let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let headers = format!("x-ms-date:{date}\nx-ms-version:2021-08-06\n");
        let resource = format!("/devstoreaccount1/devstoreaccount1/{container}\nrestype:container");
        let text = format!("PUT{}{headers}{resource}", "\n".repeat(12));
        let key = STANDARD.decode(KEY).expect("the key is base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length will do");
        mac.update(text.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let reply = reqwest::Client::new()
            .put(format!("{}?restype=container", self.url(container)))
            .header("x-ms-date", date)
            .header("x-ms-version", "2021-08-06")
            .header("content-length", "0")
            .header("authorization", format!("SharedKey devstoreaccount1:{signature}"))
            .send()
            .await
            .expect("azurite answers");
        assert_eq!(reply.status(), 201, "creating the container");
    }
}

#[expect(clippy::disallowed_methods, reason = "tests look for peers in the environment")]
fn program() -> Option<PathBuf> {
    let installed = support::root().join("target/peers/node_modules/.bin/azurite-blob");
    std::env::var("AZURITE_BIN")
        .ok()
        .map(PathBuf::from)
        .or_else(|| support::program("azurite-blob"))
        .or_else(|| installed.is_file().then_some(installed))
}
