//! A stand-in for the managed identity endpoint of App Service, so that destinations which want a token of Microsoft Entra ID can be
//! rehearsed without an account. What it issues is good for nothing but the receivers of the same run.
//!
//! Protocol: [REST endpoint reference](https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference).

use axum::extract::RawQuery;
use axum::routing::get;
use http::{HeaderName, header};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use url::form_urlencoded;

/// Where it listens below its address.
const PATH: &str = "/msi/token";

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener) {
    let _ = axum::serve(listener, axum::Router::new().route(PATH, get(token))).await;
}

/// The settings that send the app's identity to `address`.
pub(super) fn settings(address: &str) -> [(String, String); 2] {
    [
        ("IDENTITY_ENDPOINT".to_owned(), format!("http://{address}{PATH}")),
        ("IDENTITY_HEADER".to_owned(), "rehearsal".to_owned()),
    ]
}

async fn token(RawQuery(query): RawQuery) -> ([(HeaderName, &'static str); 1], String) {
    const HOUR: i64 = 3600;
    let query = query.unwrap_or_default();
    let resource = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "resource");
    let token = json!({
        "access_token": "rehearsal",
        "expires_on": (Timestamp::now().as_second() + HOUR).to_string(),
        "resource": resource.map(|(_, value)| value),
        "token_type": "Bearer",
    });
    ([(header::CONTENT_TYPE, "application/json")], token.to_string())
}
