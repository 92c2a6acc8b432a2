//! What `STATE__URL` names, and the store that it opens.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::azure::{AzureCredential, MicrosoftAzureBuilder};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, ObjectStore, RetryConfig};
use url::{Host, Url};

use super::Store;
use crate::deliver::token::Identity;
use crate::settings::{Section, Setting};

/// Settings of the store, in the section `state`.
pub const SETTINGS: &[Setting] = &[Setting::required(
    "URL",
    "Where parked and dead letters lie: `https://<account>.blob.core.windows.net/<container>[/<prefix>]` (opened by the app's identity, \
     role Storage Blob Data Contributor), `file:///absolute/folder`, or `memory:` (lost at exit; for trials only).",
)];

/// Blob endpoints of the Azure clouds.
const BLOB_SUFFIXES: [&str; 3] =
    [".blob.core.windows.net", ".blob.core.usgovcloudapi.net", ".blob.core.chinacloudapi.cn"];

/// One audience serves every account of every cloud.
const STORAGE_SCOPE: &str = "https://storage.azure.com/.default";

/// Azurite's well-known account and key, published for everybody; they open nothing but an emulator on this machine.
/// <https://learn.microsoft.com/azure/storage/common/storage-connect-azurite#use-a-well-known-storage-account-and-key>
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Memory,
    Folder(PathBuf),
    Blob { endpoint: String, account: String, container: String, prefix: Path, emulator: bool },
}

/// Notes the faults of the setting, as far as they show without creating anything.
pub(super) fn check(section: &Section<'_>) {
    let Some(text) = section.text("URL") else { return };
    let problem = match parse(&text) {
        Ok(Place::Folder(folder))
            if !folder.ancestors().find(|folder| folder.exists()).is_some_and(|it| it.is_dir()) =>
        {
            "the folder cannot be created, since something above it is no folder".to_owned()
        }
        Ok(_) => return,
        Err(problem) => problem,
    };
    section.fault("URL", &problem);
}

/// The store. Faults are noted in the section.
pub(super) fn open(section: &Section<'_>, identity: &Arc<Identity>) -> Option<Store> {
    let text = section.text("URL")?;
    let opened = parse(&text).and_then(|place| {
        let folder = if let Place::Folder(folder) = &place { Some(folder.clone()) } else { None };
        Ok(Store { objects: objects(place, identity)?, lists_in_order: folder.is_none(), folder, place: text })
    });
    opened.map_err(|problem| section.fault("URL", &problem)).ok()
}

fn objects(place: Place, identity: &Arc<Identity>) -> Result<Arc<dyn ObjectStore>, String> {
    match place {
        Place::Memory => Ok(Arc::new(InMemory::new())),
        Place::Folder(folder) => {
            std::fs::create_dir_all(&folder)
                .map_err(|error| format!("the folder cannot be created ({})", error.kind()))?;
            let store = LocalFileSystem::new_with_prefix(&folder).map_err(|_| "the folder cannot be opened")?;
            // Letters must outlive a power cut, not only a killed process.
            Ok(Arc::new(store.with_fsync(true).with_automatic_cleanup(true)))
        }
        Place::Blob { endpoint, account, container, prefix, emulator } => {
            let plain = endpoint.starts_with("http:");
            let builder = MicrosoftAzureBuilder::new()
                .with_endpoint(endpoint)
                .with_account(account)
                .with_container_name(container)
                .with_client_options(
                    ClientOptions::new()
                        .with_connect_timeout(Duration::from_secs(5))
                        .with_timeout(Duration::from_secs(10))
                        .with_allow_http(plain),
                )
                .with_retry(RetryConfig {
                    backoff: BackoffConfig {
                        init_backoff: Duration::from_millis(100),
                        max_backoff: Duration::from_secs(2),
                        base: 2.0,
                    },
                    max_retries: 4,
                    retry_timeout: Duration::from_secs(10),
                });
            let builder = if emulator {
                builder.with_access_key(EMULATOR_KEY)
            } else {
                builder.with_credentials(Arc::new(StorageToken(Arc::clone(identity))))
            };
            let store = builder.build().map_err(|_| "the container cannot be opened")?;
            Ok(if prefix.is_root() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) })
        }
    }
}

fn parse(text: &str) -> Result<Place, String> {
    const FORMS: &str =
        "must be https://<account>.blob.core.windows.net/<container>, file:///absolute/folder or memory:";
    let url = Url::parse(text).map_err(|_| FORMS)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(
            "must not hold a query or a fragment; the app's identity opens the container, not a signature".into()
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".into());
    }
    match (url.scheme(), url.host()) {
        ("memory", None) if matches!(url.path(), "" | "/") => Ok(Place::Memory),
        ("file", _) => url.to_file_path().map(Place::Folder).map_err(|()| FORMS.into()),
        ("https", Some(Host::Domain(host))) if url.port().is_none() => {
            let account = BLOB_SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix)).ok_or(FORMS)?;
            if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
                return Err(FORMS.into());
            }
            blob(format!("https://{host}"), account, url.path(), false)
        }
        ("http", Some(host)) if is_loopback(&host) => {
            let endpoint = format!("http://{host}:{}/{EMULATOR_ACCOUNT}", url.port().unwrap_or(80));
            let path = url.path().strip_prefix('/').and_then(|path| path.strip_prefix(EMULATOR_ACCOUNT));
            let path =
                path.ok_or("plain http is only for Azurite: http://127.0.0.1:10000/devstoreaccount1/<container>")?;
            blob(endpoint, EMULATOR_ACCOUNT, path, true)
        }
        _ => Err(FORMS.into()),
    }
}

fn blob(endpoint: String, account: &str, path: &str, emulator: bool) -> Result<Place, String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(3..=63).contains(&container.len()) || !container.bytes().all(legal) {
        return Err("must name a container: 3 to 63 of a-z, 0-9 and '-'".into());
    }
    let prefix = Path::from_url_path(prefix).map_err(|_| "holds a prefix that cannot be a blob's name")?;
    Ok(Place::Blob { endpoint, account: account.to_owned(), container: container.to_owned(), prefix, emulator })
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => *name == "localhost",
    }
}

/// The app's identity, as the store asks for it.
struct StorageToken(Arc<Identity>);

impl fmt::Debug for StorageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageToken")
    }
}

#[async_trait]
impl CredentialProvider for StorageToken {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AzureCredential>> {
        match self.0.token(STORAGE_SCOPE).await {
            Ok(token) => Ok(Arc::new(AzureCredential::BearerToken(token.expose().to_owned()))),
            Err(error) => Err(object_store::Error::Generic { store: "identity", source: Box::new(error) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
    use azure_core::time::OffsetDateTime;
    use object_store::{PutMode, PutOptions};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[derive(Debug)]
    struct Echo;

    #[async_trait]
    impl TokenCredential for Echo {
        async fn get_token(
            &self,
            scopes: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            Ok(AccessToken::new(
                format!("token-for:{}", scopes[0]),
                OffsetDateTime::now_utc() + Duration::from_secs(3600),
            ))
        }
    }

    #[tokio::test]
    async fn azure_sees_the_apps_identity_and_a_put_if_absent() {
        let azure = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Place::Blob {
            endpoint: format!("http://{}", azure.local_addr().unwrap()),
            account: "relay".into(),
            container: "letters".into(),
            prefix: Path::from("a"),
            emulator: false,
        };
        let answer = async {
            let (mut connection, _) = azure.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"hello") {
                connection.read_buf(&mut request).await.unwrap();
            }
            connection.write_all(b"HTTP/1.1 201 Created\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8(request).unwrap()
        };
        let store = objects(place, &Arc::new(Identity::of(Arc::new(Echo)))).unwrap();
        let path = Path::from("parked/x.json");
        let put = store.put_opts(&path, "hello".into(), PutOptions::from(PutMode::Create));
        let (put, request) = tokio::join!(put, answer);
        put.unwrap();
        assert!(request.starts_with("PUT /letters/a/parked/x.json HTTP/1.1\r\n"), "{request}");
        assert!(
            request.contains("\r\nauthorization: Bearer token-for:https://storage.azure.com/.default\r\n"),
            "{request}"
        );
        assert!(request.contains("\r\nif-none-match: *\r\n"), "{request}");
        assert!(!format!("{store:?}").contains("token-for"));
    }

    #[test]
    fn places_are_told_apart() {
        assert_eq!(parse("memory:"), Ok(Place::Memory));
        assert_eq!(parse("file:///var/lib/relay%20x"), Ok(Place::Folder("/var/lib/relay x".into())));
        assert_eq!(
            parse("https://relaystate.blob.core.usgovcloudapi.net/letters/a/b/"),
            Ok(Place::Blob {
                endpoint: "https://relaystate.blob.core.usgovcloudapi.net".into(),
                account: "relaystate".into(),
                container: "letters".into(),
                prefix: Path::from("a/b"),
                emulator: false,
            })
        );
        assert_eq!(
            parse("http://127.0.0.1:10000/devstoreaccount1/letters"),
            Ok(Place::Blob {
                endpoint: "http://127.0.0.1:10000/devstoreaccount1".into(),
                account: EMULATOR_ACCOUNT.into(),
                container: "letters".into(),
                prefix: Path::default(),
                emulator: true,
            })
        );
    }

    #[test]
    fn other_places_are_refused_without_quoting_them() {
        for bad in [
            "",
            "secret",
            "memory:secret",
            "file://host-secret/x",
            "https://secret.example/letters",
            "https://evil.example/x.blob.core.windows.net/letters",
            "https://x.evil.blob.core.windows.net.example/letters",
            "https://a.b.blob.core.windows.net/letters",
            "https://.blob.core.windows.net/letters",
            "https://secret.blob.core.windows.net",
            "https://secret.blob.core.windows.net/UPPER",
            "https://secret.blob.core.windows.net/letters?sig=secret",
            "https://user:secret@relay.blob.core.windows.net/letters",
            "https://relay.blob.core.windows.net:444/letters",
            "http://relay.blob.core.windows.net/letters",
            "http://10.0.0.1:10000/devstoreaccount1/letters",
            "http://127.0.0.1:10000/otheraccount/letters",
            "s3://secret/letters",
        ] {
            let problem = parse(bad).unwrap_err();
            assert!(!problem.contains("secret"), "{bad}: {problem}");
        }
    }
}
