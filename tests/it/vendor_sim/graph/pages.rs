//! Pages that the simulator would never send: broken ones, chains without an end, things in the place of alerts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Scene, alert, tick, version};
use crate::support::handler::letter_bodies;

/// What a hostile Graph answers to its n-th request, given its own address.
type Script = fn(usize, &str) -> String;

/// A Graph of our own; its address, and how often it was asked. It wants the token and the filter that the real one wants.
async fn hostile(script: Script) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let answer = {
        let (base, asked) = (base.clone(), Arc::clone(&asked));
        async move |request: Request| {
            let query = request.uri().query().unwrap();
            let asks = query.starts_with("page=") || query.starts_with("%24filter=lastUpdateDateTime+ge+20");
            if !asks || !request.headers().contains_key("authorization") {
                return "not what Graph is asked".to_owned();
            }
            script(asked.fetch_add(1, Ordering::SeqCst), &base)
        }
    };
    let router = Router::new().route("/v1.0/security/alerts_v2", axum::routing::get(answer));
    tokio::spawn(axum::serve(listener, router).into_future());
    (base, asked)
}

fn page(alerts: &[Value], next: Option<String>) -> String {
    let mut page = json!({"value": alerts});
    if let Some(next) = next {
        page["@odata.nextLink"] = json!(next);
    }
    page.to_string()
}

fn link(base: &str, number: usize) -> Option<String> {
    Some(format!("{base}/v1.0/security/alerts_v2?page={number}"))
}

fn whole(id: &str) -> Value {
    let mut alert = alert(id, 5, 5);
    alert["lastUpdateDateTime"] = json!("2026-11-20T10:00:00Z");
    alert["@odata.type"] = json!("#microsoft.graph.security.alert");
    alert["serviceSource"] = json!("microsoftDefenderForCloud");
    alert
}

#[tokio::test]
async fn what_is_no_alert_is_a_dead_letter_and_costs_its_neighbours_nothing() {
    let Some(scene) = Scene::start(10) else { return };
    let (base, _) = hostile(|_, _| {
        page(
            &[json!(7), whole("a"), json!(null), json!("text"), json!({}), json!([]), whole("b"), json!({"id": "x"})],
            None,
        )
    })
    .await;
    let scene = scene.with("GRAPH__URL", &base);
    let handler = scene.handler().await;
    handler.tick("graph").await;
    handler.tick("graph").await;
    let dead = letter_bodies(&scene.state.path().join("dead"));
    for body in ["7", "null", "\"text\"", "[]"] {
        assert_eq!(dead.iter().filter(|letter| *letter == body).count(), 1, "{body}: {dead:?}");
    }
    let arrived = scene.simulator.list("received?vendor=sumo").await;
    let records = arrived.iter().map(|item| serde_json::from_str::<Value>(item["record"].as_str().unwrap()).unwrap());
    let alerts: Vec<Value> = records.filter(|record| record.get("title").is_some()).collect();
    assert_eq!(alerts.iter().map(|alert| version(alert).0).collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn a_link_that_comes_again_ends_the_walk() {
    let Some(scene) = Scene::start(10) else { return };
    let (base, asked) = hostile(|number, base| page(&[], link(base, number % 3))).await;
    let scene = scene.with("GRAPH__URL", &base);
    let handler = scene.handler().await;
    assert_eq!(tick(&handler).await.0, 500);
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    assert!(handler.output.lock().unwrap().contains("come to no end"));
    assert!(scene.cursor()["walk"].is_null() && scene.cursor()["watermark"].is_null());
}

#[tokio::test]
async fn pages_that_bring_nothing_new_come_to_an_end() {
    let Some(scene) = Scene::start(10) else { return };
    let (base, asked) = hostile(|number, base| page(&[whole("a")], link(base, number))).await;
    let scene = scene.with("GRAPH__URL", &base);
    let handler = scene.handler().await;
    assert_eq!(tick(&handler).await.0, 500);
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked <= 110, "asked {asked} times");
}

#[tokio::test]
async fn a_broken_page_fails_the_run_and_moves_nothing() {
    let Some(scene) = Scene::start(10) else { return };
    let (base, _) = hostile(|number, base| match number {
        0 => page(&[whole("a")], link(base, 1)),
        1 => "{\"value\":[{\"id\":\"b\"".to_owned(),
        2 => page(&[whole("new"), whole("a")], link(base, 1)),
        _ => page(&[whole("b")], None),
    })
    .await;
    let scene = scene.with("GRAPH__URL", &base);
    let handler = scene.handler().await;
    assert_eq!(tick(&handler).await.0, 500);
    assert!(scene.cursor()["watermark"].is_null());
    handler.tick("graph").await;
    let arrived = scene.arrived().await;
    assert_eq!(arrived.keys().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a", "b", "new"]);
}
