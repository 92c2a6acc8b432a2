//! The opened program in this process, with scripted ways out: panics, outages, and what redelivery makes of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use defender_relay::app::{App, Instance};
use defender_relay::batch::{Limits, Records};
use defender_relay::deliver::{Cause, Courier, Outlet};
use defender_relay::destinations::{Destination, RenderError};
use defender_relay::event::Event;
use defender_relay::functions;
use defender_relay::host::{Bodies, Invocation};
use defender_relay::outbox::Letter;
use defender_relay::parcel::{Failure, Parcel, Reply, Verdict};
use defender_relay::serve::router_of;
use defender_relay::settings::Values;
use defender_relay::transport::Transport;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::handler::{alert, invocation};

fn open() -> App {
    open_with(&[])
}

fn open_with(more: &[(&str, &str)]) -> App {
    let settings = [
        ("DESTINATIONS", "splunk, webhook"),
        ("SPLUNK__URL", "http://127.0.0.1:9"),
        ("SPLUNK__TOKEN", "token"),
        ("SPLUNK__ACK", "off"),
        ("WEBHOOK__URL", "http://127.0.0.1:9"),
        ("WEBHOOK__SECRET", "whsec_ZmF1bHQtdGFibGUtc2lnbmluZy1rZXktMDEyMzQ1Njc4OQ=="),
        ("STATE__URL", "memory:"),
    ];
    let settings = settings.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    App::open(&Values::new(settings)).unwrap()
}

/// The status that answers a body; silence where there is none.
type Script = Box<dyn Fn(&str) -> Option<u16> + Send + Sync>;

/// Answers as its script says, given the request's body; notes every body.
struct Scripted {
    script: Script,
    sent: Arc<Mutex<Vec<String>>>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

#[async_trait]
impl Courier for Scripted {
    async fn send(&self, parcel: &Parcel, deadline: Instant) -> Reply {
        let Parcel::Http(parcel) = parcel else { panic!("only HTTP here") };
        let body = String::from_utf8(parcel.body.to_vec()).unwrap();
        let status = (self.script)(&body);
        self.sent.lock().unwrap().push(body);
        let Some(status) = status else {
            tokio::time::sleep_until(deadline).await;
            return Reply::Failed { failure: Failure::Deadline, detail: "silence".into() };
        };
        let body = Bytes::from_static(if status == 200 { br#"{"text":"Success","code":0}"# } else { b"{}" });
        Reply::Http { status: http::StatusCode::from_u16(status).unwrap(), headers: http::HeaderMap::new(), body }
    }
}

/// Lets a destination of the app answer by a script: a status, or silence. Returns what it is sent.
fn script(
    app: &mut App,
    name: &str,
    script: impl Fn(&str) -> Option<u16> + Send + Sync + 'static,
) -> Arc<Mutex<Vec<String>>> {
    let sent = Arc::default();
    let instance = app.instances.iter_mut().find(|instance| instance.outlet.name == name).unwrap();
    instance.outlet.courier = Box::new(Scripted { script: Box::new(script), sent: Arc::clone(&sent) });
    sent
}

/// A destination that panics over certain events.
#[derive(Debug)]
struct Panicking(Box<dyn Destination>);

impl Destination for Panicking {
    fn transport(&self) -> &Transport {
        self.0.transport()
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        assert!(!event.raw.contains("panic, please"), "a bug that quotes {}", event.raw);
        self.0.render(event, out)
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        self.0.pack(records)
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        self.0.judge(sent, reply, records)
    }
}

#[tokio::test]
async fn a_panic_in_one_invocation_is_its_500_and_nothing_else() {
    let mut app = open();
    let taken = script(&mut app, "splunk", |_| Some(200));
    script(&mut app, "webhook", |_| Some(200));
    let Instance { outlet, kind, route, redaction, counters } = app.instances.pop().unwrap();
    let outlet = Outlet { destination: Box::new(Panicking(outlet.destination)), ..outlet };
    app.instances.push(Instance { outlet, kind, route, redaction, counters });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let server = router_of(Arc::new(app));
    tokio::spawn(async move { axum::serve(listener, server).await.unwrap() });
    let post = async |id: &str| {
        let body = invocation(&[alert(id).to_string().into_bytes()], 1);
        reqwest::Client::new().post(&url).body(body).send().await.unwrap().status().as_u16()
    };
    let answers = tokio::join!(post("one"), post("panic, please"), post("two"));
    assert_eq!(answers, (200, 500, 200));
    assert_eq!(post("three").await, 200);
    let taken = taken.lock().unwrap().join("");
    assert!(["one", "two", "three"].iter().all(|id| taken.contains(id)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_destination_costs_the_others_nothing_in_the_later_waves_of_a_large_batch() {
    let mut app = open();
    script(&mut app, "splunk", |_| None);
    let taken = script(&mut app, "webhook", |_| Some(200));
    let wave: Vec<Value> = (0..5_000).map(|n| alert(&format!("{n}"))).collect();
    let bodies = [Value::from(wave).to_string().into_bytes(), alert("late").to_string().into_bytes()];
    let body = invocation(&bodies, 1);
    let begun = Instant::now();
    let tally =
        app.relay(&Invocation::parse(&body).unwrap().bodies(), "2026-11-23T00:00:00Z".parse().unwrap()).await.unwrap();
    assert!(begun.elapsed() <= app.delivery.budget + Duration::from_secs(1));
    let [(_, silent), (_, healthy)] = &tally.destinations[..] else { panic!("two destinations") };
    assert_eq!((silent.parked, healthy.delivered, healthy.parked), (5_001, 5_001, 0));
    assert_eq!(taken.lock().unwrap().len(), 5_001);
}

/// The letter of an alert that failed so often.
fn letter(n: i64, attempts: u32) -> Letter {
    let seen = "2026-11-20T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(n);
    Letter {
        destination: "splunk".into(),
        kind: "alert".into(),
        seen,
        first_failed: Timestamp::now(),
        attempts,
        not_before: None,
        cause: Default::default(),
        reason: "HTTP 503".into(),
        body: alert(&format!("<{n}>")).to_string().into_bytes(),
    }
}

async fn tick(app: &Arc<App>) {
    functions::run(app.clone(), "redeliver", Bytes::from_static(b"{}")).await.unwrap().unwrap();
}

async fn parked(app: &App) -> Vec<Letter> {
    let later = Timestamp::now() + SignedDuration::from_hours(9);
    app.outbox.due("splunk", later, usize::MAX).await.unwrap().into_iter().map(|(_, letter)| letter).collect()
}

#[tokio::test]
async fn after_a_long_outage_the_backlog_goes_in_few_requests_oldest_first() {
    let mut app = open();
    let sent = script(&mut app, "splunk", |_| Some(200));
    let letters: Vec<Letter> = (0..600).map(|n| letter(n, 40)).collect();
    app.outbox.park_all(&letters).await;
    let app = Arc::new(app);
    tick(&app).await;
    assert_eq!(parked(&app).await, []);
    let sent = sent.lock().unwrap();
    assert!(sent.len() < 60, "{} requests", sent.len());
    let all = sent.join("");
    let places: Vec<usize> = (0..600).map(|n| all.find(&format!("<{n}>")).unwrap()).collect();
    assert!(places.is_sorted(), "oldest first");
}

#[tokio::test]
async fn records_that_make_a_destination_fail_do_not_hold_their_neighbours_back() {
    let mut app = open();
    let poisoned = |text: &str| [3, 4, 10, 17].iter().any(|n| text.contains(&format!("<{n}>")));
    script(&mut app, "splunk", move |body| Some(if poisoned(body) { 500 } else { 200 }));
    let letters: Vec<Letter> = (0..20).map(|n| letter(n, 3)).collect();
    app.outbox.park_all(&letters).await;
    let app = Arc::new(app);
    let mut attempts = Vec::new();
    for _ in 0..4 {
        tick(&app).await;
        let left = parked(&app).await;
        attempts.push(left.len());
        // The next tick comes when they are due again.
        for (key, letter) in
            app.outbox.due("splunk", Timestamp::now() + SignedDuration::from_hours(9), 99).await.unwrap()
        {
            assert!(letter.not_before.is_some_and(|time| time > Timestamp::now()), "put off");
            app.outbox.postpone(&key, &Letter { not_before: None, ..letter }).await.unwrap();
        }
    }
    assert_eq!(attempts.last(), Some(&4), "{attempts:?}");
    assert!(parked(&app).await.iter().all(|letter| poisoned(std::str::from_utf8(&letter.body).unwrap())));
}

#[tokio::test]
async fn letters_that_an_open_circuit_turns_away_count_no_attempt() {
    let mut app = open();
    let sent = script(&mut app, "splunk", |_| Some(401));
    let letters: Vec<Letter> = (0..3).map(|n| letter(n, 1)).collect();
    app.outbox.park_all(&letters).await;
    let app = Arc::new(app);
    app.instance("splunk").unwrap().outlet.breaker.trip(Cause::Misconfigured, "HTTP 401", Duration::ZERO);
    tick(&app).await;
    assert_eq!(sent.lock().unwrap().len(), 0);
    assert_eq!(parked(&app).await, letters);
}

#[tokio::test]
async fn what_waits_for_a_human_never_grows_too_old() {
    let mut app = open();
    script(&mut app, "splunk", |_| Some(401));
    let long_ago = "2026-01-01T00:00:00Z".parse().unwrap();
    let old = |n, cause| Letter { cause, first_failed: long_ago, ..letter(n, 1) };
    app.outbox.park_all(&[old(1, Cause::Misconfigured), old(2, Cause::Unwell)]).await;
    let app = Arc::new(app);
    tick(&app).await;
    let left = parked(&app).await;
    assert_eq!(left.len(), 1, "only the one that the destination's own trouble kept is given up");
    assert_eq!((left[0].cause, left[0].attempts), (Cause::Misconfigured, 2));
    assert_eq!(app.outbox.counts().await.unwrap().destinations["splunk"].dead, 1);
}

#[tokio::test]
async fn what_is_stored_is_whole_and_what_is_sent_again_is_not() {
    let mut app = open_with(&[("SPLUNK__DROP_FIELDS", "CompromisedEntity"), ("SPLUNK__REDACT", "Severity")]);
    let whole = alert("whole").to_string();
    assert!(whole.contains("CompromisedEntity") && !whole.contains("[redacted]"));
    let unwell = script(&mut app, "splunk", |_| Some(503));
    let taken = script(&mut app, "webhook", |_| Some(200));
    app.delivery.retry.attempts = 1;
    let body = invocation(&[whole.clone().into_bytes()], 1);
    app.relay(&Invocation::parse(&body).unwrap().bodies(), Timestamp::now()).await.unwrap();
    let letters = parked(&app).await;
    assert_eq!(letters.iter().map(|letter| &letter.body[..]).collect::<Vec<_>>(), [whole.as_bytes()]);
    let again = script(&mut app, "splunk", |_| Some(200));
    let app = Arc::new(app);
    tick(&app).await;
    assert_eq!(parked(&app).await, []);
    let (first, again) = (unwell.lock().unwrap().join(""), again.lock().unwrap().join(""));
    assert_eq!(first, again, "a repeat is the same request, under the same id");
    assert!(!again.contains("CompromisedEntity") && again.contains(r#""Severity":"[redacted]""#), "{again}");
    assert!(taken.lock().unwrap().join("").contains("CompromisedEntity"), "the others get it all");
}

#[tokio::test]
async fn an_unknown_record_that_no_destination_can_use_is_a_dead_letter() {
    let settings = [
        ("DESTINATIONS", "servicenow"),
        ("SERVICENOW__URL", "http://127.0.0.1:9"),
        ("SERVICENOW__USER", "relay"),
        ("SERVICENOW__PASSWORD", "password"),
        ("STATE__URL", "memory:"),
    ];
    let app = App::open(&Values::new(settings.map(|(name, value)| (name.to_owned(), value.to_owned())))).unwrap();
    let recommendation =
        r#"{"id":"/x/providers/Microsoft.Security/assessments/1","type":"Microsoft.Security/assessments"}"#;
    let bodies = [br#"{"hello":"world"}"#.to_vec(), recommendation.as_bytes().to_vec()];
    let wire = invocation(&bodies, 1);
    let invocation = Invocation::parse(&wire).unwrap();
    let tally = app.relay(&invocation.bodies(), Timestamp::now()).await.unwrap();
    // What is recognised and of no use to anybody is a choice of the settings.
    assert_eq!((tally.events, tally.undecodable, tally.destinations[0].1.filtered), (2, 1, 2));
    assert_eq!(app.outbox.counts().await.unwrap().destinations["_undecodable"].dead, 1);
}

#[tokio::test]
async fn what_settings_withhold_is_counted_and_what_a_filter_fails_on_is_sent() {
    let settings = [
        ("SPLUNK__FILTER", "record.n % 2 == 0"),
        ("WEBHOOK__FILTER", "title.startsWith('Odd')"),
        ("WEBHOOK__SAMPLES", "drop"),
    ];
    let mut app = open_with(&settings);
    let [splunk, webhook] = ["splunk", "webhook"].map(|name| script(&mut app, name, |_| Some(200)));
    let record = |title: &str, kind: &str, more: &str| {
        format!(
            r#"{{"SystemAlertId":"{title}","AlertType":"{kind}","AlertDisplayName":"{title}","Severity":"High"{more}}}"#
        )
    };
    let records = [
        record("Odd one", "VM_x", r#","n":1"#),
        record("Even two", "VM_x", r#","n":2"#),
        record("Odd three", "VM_x", ""),
        record("Odd four", "SIMULATED_VM_x", r#","n":4"#),
    ];
    let body = format!("[{}]", records.join(","));
    let tally = app.relay(&Bodies::single(body.as_bytes(), None), Timestamp::UNIX_EPOCH).await.unwrap();
    let counts: Vec<_> = tally.destinations.iter().map(|(_, count)| (count.delivered, count.filtered)).collect();
    assert_eq!(counts, [(3, 1), (2, 2)]);
    assert_eq!(tally.undecodable, 0, "what is withheld is no letter");
    assert_eq!(app.instances[0].counters.add_unfiltered(1), Some(2), "one was sent unfiltered so far");
    let (splunk, webhook) = (splunk.lock().unwrap().join(""), webhook.lock().unwrap().join(""));
    for (title, to_splunk, to_webhook) in
        [("Odd one", false, true), ("Even two", true, false), ("Odd three", true, true), ("Odd four", true, false)]
    {
        assert_eq!((splunk.contains(title), webhook.contains(title)), (to_splunk, to_webhook), "{title}");
    }
}

#[tokio::test]
async fn fates_belong_to_their_events_in_whatever_order_the_tables_are_filled() {
    let settings = [
        ("DESTINATIONS", "sentinel"),
        ("SENTINEL__ENDPOINT", "http://127.0.0.1:9"),
        ("SENTINEL__RULE_ID", "dcr-0123456789abcdef0123456789abcdef"),
        ("STATE__URL", "memory:"),
    ];
    let mut app = App::open(&Values::new(settings.map(|(name, value)| (name.to_owned(), value.to_owned())))).unwrap();
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let sent = script(&mut app, "sentinel", move |body| match body {
        body if body.contains("<odd>") => Some(400),
        body if body.contains(r#""RecordKind":"recommendation""#) && !is_mended.load(Ordering::Relaxed) => Some(404),
        _ => Some(204),
    });
    let recommendation = |name: &str| {
        let id = format!("/subscriptions/s/providers/Microsoft.Security/assessments/{name}");
        json!({"id": id, "type": "Microsoft.Security/assessments", "properties": {"status": {"code": "Unhealthy"}}})
    };
    let bodies =
        [recommendation("r0"), alert("<0>"), recommendation("r1"), alert("<odd>"), alert("<2>"), recommendation("r2")]
            .map(|event| event.to_string().into_bytes());
    let body = invocation(&bodies, 1);
    let tally = app.relay(&Invocation::parse(&body).unwrap().bodies(), Timestamp::now()).await.unwrap();
    let (_, count) = &tally.destinations[0];
    assert_eq!((count.delivered, count.parked, count.dead), (2, 3, 1));
    // One request for all recommendations, which a table is missing for.
    assert_eq!(sent.lock().unwrap().iter().filter(|body| body.contains("assessments")).count(), 1);

    let app = Arc::new(app);
    // What is parked, made due again after many failures.
    let parked = async || {
        let letters = app.outbox.due("sentinel", Timestamp::now() + SignedDuration::from_hours(9), 99).await.unwrap();
        let mut bodies = Vec::new();
        for (key, letter) in letters {
            assert_eq!(letter.cause, Cause::Misconfigured);
            bodies.push(letter.body.clone());
            app.outbox.postpone(&key, &Letter { attempts: 9, not_before: None, ..letter }).await.unwrap();
        }
        bodies.sort_unstable();
        bodies
    };
    let recommendations = [bodies[0].clone(), bodies[2].clone(), bodies[5].clone()];
    assert_eq!(parked().await, recommendations);
    app.outbox.park(&Letter { destination: "sentinel".into(), ..letter(7, 1) }).await.unwrap();
    sent.lock().unwrap().clear();
    tick(&app).await;
    assert_eq!(parked().await, recommendations, "the alert among them is gone");
    assert_eq!(sent.lock().unwrap().len(), 2, "what waits for a human goes together");
    mended.store(true, Ordering::Relaxed);
    tick(&app).await;
    assert_eq!(parked().await, Vec::<Vec<u8>>::new());
}
