//! Every way through a delivery, with a scripted destination and a paused clock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use tokio::time::advance;
use url::Url;

use super::*;
use crate::batch::{Limits, Pace, Span};
use crate::deliver::Courier;
use crate::deliver::breaker::Circuit;
use crate::destinations::{Destination, RenderError};
use crate::event::{Event, EventId};
use crate::transport::{HttpOptions, TlsOptions, Transport, VERDICT_BYTES};

const SECOND: Duration = Duration::from_secs(1);
const POLICY: RetryPolicy = RetryPolicy { attempts: 3, base: SECOND, cap: Duration::from_secs(2) };
const BUDGET: Duration = Duration::from_secs(45);

/// What the destination makes of a body, given how many messages came before it.
type Judge = Box<dyn Fn(&str, usize) -> Verdict + Send + Sync>;

struct Scripted {
    transport: Transport,
    records: usize,
    lanes: usize,
    pace: &'static [Pace],
    judge: Judge,
    judged: AtomicUsize,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Destination for Scripted {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    fn limits(&self) -> Limits {
        Limits { records: self.records, lanes: self.lanes, pace: self.pace, ..Limits::ANY }
    }

    fn render(&self, _: &Event<'_>, _: &mut Vec<u8>) -> Result<(), RenderError> {
        Err(RenderError("these tests render by themselves".into()))
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        Parcel::Http(post(records.joined()))
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, _: usize) -> Verdict {
        match (sent, reply) {
            (Parcel::Http(sent), Reply::Http { .. }) => {
                (self.judge)(std::str::from_utf8(&sent.body).unwrap(), self.judged.fetch_add(1, Ordering::Relaxed))
            }
            _ => Verdict::by_status(reply),
        }
    }

    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(post(Bytes::from_static(b"probe"))))
    }
}

fn post(body: Bytes) -> HttpParcel {
    HttpParcel::post(Url::parse("https://siem.example/").unwrap(), "text/plain", body)
}

/// Notes what was sent and when; answers 200, after `slow`.
#[derive(Debug)]
struct Recorder {
    sent: Arc<Mutex<Vec<(Duration, String)>>>,
    start: Instant,
    slow: Duration,
}

#[async_trait]
impl Courier for Recorder {
    async fn send(&self, parcel: &Parcel, _: Instant) -> Reply {
        let Parcel::Http(parcel) = parcel else { panic!("only HTTP here") };
        let body = String::from_utf8(parcel.body.to_vec()).unwrap();
        self.sent.lock().unwrap().push((self.start.elapsed(), body));
        sleep(self.slow).await;
        Reply::Http { status: http::StatusCode::OK, headers: http::HeaderMap::new(), body: Bytes::new() }
    }
}

struct Scene {
    outlet: Outlet,
    sent: Arc<Mutex<Vec<(Duration, String)>>>,
}

impl Scene {
    fn new(records: usize, judge: impl Fn(&str, usize) -> Verdict + Send + Sync + 'static) -> Self {
        Self::slow(records, Duration::ZERO, judge)
    }

    fn slow(records: usize, slow: Duration, judge: impl Fn(&str, usize) -> Verdict + Send + Sync + 'static) -> Self {
        Self::in_lanes(1, records, slow, judge)
    }

    fn in_lanes(
        lanes: usize,
        records: usize,
        slow: Duration,
        judge: impl Fn(&str, usize) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        Self::at_a_pace(&[], lanes, records, slow, judge)
    }

    fn at_a_pace(
        pace: &'static [Pace],
        lanes: usize,
        records: usize,
        slow: Duration,
        judge: impl Fn(&str, usize) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let options =
            HttpOptions { tls: TlsOptions::default(), timeout: SECOND, cookies: false, reply_bytes: VERDICT_BYTES };
        let destination = Scripted {
            transport: Transport::Http(options),
            records,
            lanes,
            pace,
            judge: Box::new(judge),
            judged: AtomicUsize::new(0),
        };
        let courier = Recorder { sent: sent.clone(), start: Instant::now(), slow };
        let outlet = Outlet::new("scripted", Box::new(destination), Box::new(courier));
        Self { outlet, sent }
    }

    /// Delivers one record per letter of `letters`; fates as text.
    async fn deliver(&self, letters: &str) -> Vec<String> {
        let spans = (0..letters.len())
            .map(|at| Span {
                start: at,
                end: at + 1,
                id: EventId::of(b"x"),
                subject: letters.as_bytes()[at].into(),
                group: group(letters.as_bytes()[at]),
            })
            .collect();
        let rendered = Rendered { buffer: Bytes::copy_from_slice(letters.as_bytes()), spans };
        let start = Instant::now();
        let fates = deliver(&self.outlet, &rendered, &POLICY, start + BUDGET, || Timestamp::UNIX_EPOCH).await;
        assert!(start.elapsed() <= BUDGET, "took {:?}", start.elapsed());
        fates
            .into_iter()
            .map(|fate| match fate {
                Fate::Delivered => "delivered".to_owned(),
                Fate::Dead { reason } => format!("dead: {reason}"),
                Fate::Parked { cause: Cause::Misconfigured, reason, .. } => format!("parked for a human: {reason}"),
                Fate::Parked { reason, not_before: None, .. } => format!("parked: {reason}"),
                Fate::Parked { reason, not_before: Some(at), .. } => {
                    format!("parked until {}: {reason}", at.as_second())
                }
            })
            .collect()
    }

    fn bodies(&self) -> Vec<String> {
        self.sent.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }

    fn times(&self) -> Vec<Duration> {
        self.sent.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }
}

/// Digits are of another group than letters.
fn group(letter: u8) -> u16 {
    letter.is_ascii_digit().into()
}

fn retry(after: Option<u64>) -> Verdict {
    Verdict::Retry { after: after.map(Duration::from_secs), reason: "HTTP 503".into() }
}

fn rejected(bad: impl Fn(&str) -> bool) -> impl Fn(&str, usize) -> Verdict {
    move |body, _| if bad(body) { Verdict::Rejected { reason: "HTTP 400".into() } } else { Verdict::Accepted }
}

#[tokio::test(start_paused = true)]
async fn runs_are_cut_by_the_limits_and_sent_in_order() {
    let scene = Scene::new(2, |_, _| Verdict::Accepted);
    assert_eq!(scene.deliver("abcde").await, ["delivered"; 5]);
    assert_eq!(scene.bodies(), ["ab", "cd", "e"]);
    assert_eq!(scene.deliver("").await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn one_bad_record_is_found_and_its_neighbours_are_delivered() {
    let scene = Scene::new(8, rejected(|body| body.contains('X')));
    let fates = scene.deliver("abcdeXgh").await;
    assert_eq!(fates[5], "dead: HTTP 400");
    assert_eq!(fates.iter().filter(|fate| *fate == "delivered").count(), 7);
    assert_eq!(scene.bodies(), ["abcdeXgh", "abcd", "eXgh", "eX", "e", "X", "gh"]);
}

#[tokio::test(start_paused = true)]
async fn all_bad_costs_at_most_twice_as_many_messages() {
    let scene = Scene::new(100, rejected(|_| true));
    assert_eq!(scene.deliver(&"x".repeat(37)).await, ["dead: HTTP 400"; 37]);
    assert_eq!(scene.bodies().len(), 2 * 37 - 1);
    assert_eq!(scene.outlet.breaker.state(), Circuit::Closed, "bad records are no sign of a bad destination");
}

#[tokio::test(start_paused = true)]
async fn too_large_is_halved_and_alone_it_is_dead() {
    let scene = Scene::new(9, |body, _| {
        if body.len() > 2 || body == "X" { Verdict::Split { reason: "HTTP 413".into() } } else { Verdict::Accepted }
    });
    assert_eq!(scene.deliver("abcd").await, ["delivered"; 4]);
    assert_eq!(scene.deliver("X").await, ["dead: HTTP 413"]);
}

#[tokio::test(start_paused = true)]
async fn partial_settles_what_is_named_and_resends_the_rest() {
    let scene = Scene::new(6, |body, _| match body {
        "abcdef" => Verdict::Partial { rejected: vec![(1, "code 6".into())], resend: vec![2, 3, 5] },
        _ => Verdict::Accepted,
    });
    let fates = scene.deliver("abcdef").await;
    assert_eq!(fates, ["delivered", "dead: code 6", "delivered", "delivered", "delivered", "delivered"]);
    assert_eq!(scene.bodies(), ["abcdef", "cd", "f"]);
}

#[tokio::test(start_paused = true)]
async fn partial_without_progress_counts_as_a_failed_try() {
    let scene = Scene::new(2, |_, _| Verdict::Partial { rejected: vec![], resend: vec![0, 1] });
    assert_eq!(scene.deliver("ab").await, ["parked: the destination took none of the records"; 2]);
    assert_eq!(scene.bodies().len(), 3, "three attempts");
}

#[tokio::test(start_paused = true)]
async fn partial_that_names_a_stranger_is_not_believed() {
    let scene = Scene::new(2, |body, _| match body {
        "a" => Verdict::Accepted,
        _ => Verdict::Partial { rejected: vec![(7, "?".into())], resend: vec![] },
    });
    let parked = "parked: the destination's answer names a record that was not sent";
    assert_eq!(scene.deliver("ab").await, ["delivered", parked]);
    assert_eq!(scene.bodies(), ["ab", "a", "b", "b", "b"]);
}

#[tokio::test(start_paused = true)]
async fn retries_until_it_is_well_again() {
    let scene = Scene::new(1, |_, nth| if nth < 2 { retry(None) } else { Verdict::Accepted });
    assert_eq!(scene.deliver("ab").await, ["delivered"; 2]);
    assert_eq!(scene.bodies(), ["a", "a", "a", "b"]);
    let times = scene.times();
    assert!(times[1] - times[0] <= SECOND && times[2] - times[1] <= 2 * SECOND, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn used_up_tries_park_this_run_and_its_neighbours_go_on() {
    let scene = Scene::new(1, |body, _| if body == "b" { retry(None) } else { Verdict::Accepted });
    assert_eq!(scene.deliver("abc").await, ["delivered", "parked: HTTP 503", "delivered"]);
    assert_eq!(scene.bodies(), ["a", "b", "b", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_park_all_that_is_left() {
    let scene = Scene::new(1, |_, _| retry(None));
    assert_eq!(scene.deliver("abcd").await, ["parked: HTTP 503"; 4]);
    assert_eq!(scene.bodies(), ["a", "a", "a", "b", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_waited_for_when_it_fits() {
    let scene = Scene::new(1, |_, nth| if nth == 0 { retry(Some(20)) } else { Verdict::Accepted });
    assert_eq!(scene.deliver("a").await, ["delivered"]);
    assert_eq!(scene.times()[1], 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_hint_that_does_not_fit_parks_until_then_and_opens_the_circuit_for_as_long() {
    let scene = Scene::new(1, |_, _| retry(Some(120)));
    assert_eq!(scene.deliver("ab").await, ["parked until 120: HTTP 503"; 2]);
    advance(100 * SECOND).await;
    assert_eq!(scene.deliver("c").await, ["parked until 20: circuit open: HTTP 503"]);
    assert_eq!(scene.bodies(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_capped_at_fifteen_minutes() {
    let scene = Scene::new(1, |_, _| retry(Some(86_400)));
    assert_eq!(scene.deliver("a").await, ["parked until 900: HTTP 503"]);
}

#[tokio::test(start_paused = true)]
async fn misconfigured_parks_everything_and_opens_the_circuit() {
    let scene = Scene::new(1, |_, nth| match nth {
        0 => Verdict::Misconfigured { reason: "HTTP 401".into() },
        _ => Verdict::Accepted,
    });
    assert_eq!(scene.deliver("ab").await, ["parked for a human: HTTP 401"; 2]);
    assert_eq!(scene.deliver("c").await, ["parked for a human: circuit open: HTTP 401"]);
    assert_eq!(scene.bodies(), ["a"]);
    advance(30 * SECOND).await;
    assert_eq!(scene.deliver("c").await, ["delivered"]);
    assert_eq!(scene.outlet.breaker.state(), Circuit::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_is_misconfigured_for_a_group_parks_that_group_alone() {
    let scene = Scene::new(2, |body, _| match body {
        "12" => Verdict::Misconfigured { reason: "HTTP 404".into() },
        _ => Verdict::Accepted,
    });
    let parked = "parked for a human: HTTP 404";
    assert_eq!(scene.deliver("ab1234c").await, ["delivered", "delivered", parked, parked, parked, parked, "delivered"]);
    assert_eq!(scene.bodies(), ["ab", "12", "c"]);
    assert_eq!(scene.outlet.breaker.state(), Circuit::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_parks_without_another_try() {
    let scene = Scene::new(1, |_, _| retry(None));
    scene.outlet.breaker.trip(Cause::Unwell, "down", Duration::ZERO);
    advance(30 * SECOND).await;
    assert_eq!(scene.deliver("ab").await, ["parked: HTTP 503"; 2]);
    assert_eq!(scene.bodies(), ["a"]);
    assert_eq!(scene.outlet.breaker.state(), Circuit::Open);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_hangs_costs_one_budget_and_then_nothing() {
    let scene = Scene::slow(1, 1000 * SECOND, |_, _| Verdict::Accepted);
    assert_eq!(scene.deliver("ab").await, ["parked: the time for this delivery is over"; 2]);
    let start = Instant::now();
    assert!(scene.deliver("c").await[0].contains("circuit open"));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(scene.bodies(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_the_budget_is_parked() {
    let scene = Scene::slow(1, 20 * SECOND, |_, _| Verdict::Accepted);
    let over = "parked: the time for this delivery is over";
    assert_eq!(scene.deliver("abcd").await, ["delivered", "delivered", over, over]);
}

fn again(body: &str, delay: u64) -> Verdict {
    let mut parcel = post(Bytes::copy_from_slice(body.as_bytes()));
    parcel.delay = Some(Duration::from_secs(delay));
    parcel.memo = json!({"stage": "poll"});
    Verdict::Then(Box::new(Parcel::Http(parcel)))
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_followed_with_its_delays() {
    let scene = Scene::new(2, |body, nth| match (body, nth) {
        ("ab", _) | ("poll", 1) => again("poll", 5),
        _ => Verdict::Accepted,
    });
    assert_eq!(scene.deliver("ab").await, ["delivered"; 2]);
    assert_eq!(scene.bodies(), ["ab", "poll", "poll"]);
    assert_eq!(scene.times(), [Duration::ZERO, 5 * SECOND, 10 * SECOND]);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_outlasts_the_budget_parks() {
    let scene = Scene::new(1, |_, _| again("poll", 10));
    assert_eq!(scene.deliver("ab").await, ["parked: the time for this delivery is over"; 2]);
    assert_eq!(scene.bodies(), ["a", "poll", "poll", "poll", "poll"]);
}

#[tokio::test(start_paused = true)]
async fn an_endless_conversation_parks_its_run_only() {
    let scene = Scene::new(1, |body, _| if body == "b" { Verdict::Accepted } else { again("poll", 0) });
    assert_eq!(scene.deliver("ab").await, [format!("parked: {TOO_LONG}"), "delivered".to_owned()]);
    assert_eq!(scene.bodies().len(), STEPS + 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_judged_and_bounded() {
    let deadline = Instant::now() + BUDGET;
    let scene = Scene::new(1, |body, _| if body == "probe" { again("more", 0) } else { Verdict::Accepted });
    assert!(matches!(probe(&scene.outlet, deadline).await, Some(Verdict::Accepted)));
    let scene = Scene::new(1, |_, _| again("more", 0));
    assert!(matches!(probe(&scene.outlet, deadline).await, Some(Verdict::Retry { .. })));
}

#[tokio::test(start_paused = true)]
async fn as_many_are_under_way_as_there_are_lanes_and_no_more() {
    let scene = Scene::in_lanes(2, 1, 5 * SECOND, |_, _| Verdict::Accepted);
    assert_eq!(scene.deliver("abcde").await, ["delivered"; 5]);
    let begun: Vec<u64> = scene.sent.lock().unwrap().iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(begun, [0, 0, 5, 5, 10]);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_beside_a_fault_is_heard_to_the_end_and_nothing_new_begins() {
    let scene = Scene::in_lanes(3, 1, SECOND, |body, _| match body {
        "a" => Verdict::Misconfigured { reason: "HTTP 401".into() },
        _ => Verdict::Accepted,
    });
    let parked = "parked for a human: HTTP 401";
    assert_eq!(scene.deliver("abcde").await, [parked, "delivered", "delivered", parked, parked]);
    assert_eq!(scene.bodies(), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_one_alert_keeps_its_order_in_any_number_of_lanes() {
    let scene = Scene::in_lanes(3, 1, 5 * SECOND, |body, turn| match (body, turn) {
        ("a", 0) => Verdict::Retry { after: Some(2 * SECOND), reason: "busy".into() },
        _ => Verdict::Accepted,
    });
    // Each letter is an alert: the second and third word about `a` wait for the first, others pass them.
    assert_eq!(scene.deliver("aabac").await, ["delivered"; 5]);
    let begun: Vec<(u64, String)> =
        scene.sent.lock().unwrap().iter().map(|(at, body)| (at.as_secs(), body.clone())).collect();
    let of = |wanted: &str| begun.iter().filter(|(_, body)| body == wanted).map(|(at, _)| *at).collect::<Vec<_>>();
    assert_eq!((of("b"), of("c")), (vec![0], vec![0]));
    let alerts = of("a");
    assert_eq!(alerts.len(), 4);
    assert!(alerts.windows(2).all(|pair| pair[1] - pair[0] >= 5), "one after another: {alerts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pace_is_kept_over_a_delivery_and_between_deliveries() {
    const PACE: &[Pace] = &[Pace { parcels: 2, records: usize::MAX, per: Duration::from_secs(20) }];
    let scene = Scene::at_a_pace(PACE, 1, 1, Duration::ZERO, |_, _| Verdict::Accepted);
    let turn = "parked until 20: waits for its turn: the destination takes only so much at a time";
    let mut expected = vec!["delivered"; 6];
    expected.extend([turn; 2]);
    assert_eq!(scene.deliver("abcdefgh").await, expected);
    // That had to wait is no fault of the destination: nothing is turned away.
    tokio::time::advance(20 * SECOND).await;
    assert_eq!(scene.deliver("g").await, ["delivered"]);
    let begun: Vec<u64> = scene.sent.lock().unwrap().iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(begun, [0, 0, 20, 20, 40, 40, 60]);
}
