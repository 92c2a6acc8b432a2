//! Speed of each stage and of whole invocations, beside a plain `serde_json` parse of the same bytes in the same run.
//!
//! Run with `cargo bench --bench relay`. Couriers accept at once, so what is measured is this program and no network.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

#[path = "support/alerts.rs"]
mod alerts;

use std::hint::black_box;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use defender_relay::app::App;
use defender_relay::deliver::Courier;
use defender_relay::deliver::pace::Pacer;
use defender_relay::destinations::{CATALOG, Kind};
use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::functions;
use defender_relay::host::Invocation;
use defender_relay::parcel::{Parcel, Reply};
use defender_relay::settings::{Values, setting_prefix};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Answers at once, as the rehearsal of its kind says.
#[derive(Debug)]
struct Accepting(&'static Kind);

#[async_trait]
impl Courier for Accepting {
    async fn send(&self, parcel: &Parcel, _deadline: Instant) -> Reply {
        match parcel {
            Parcel::Http(request) => {
                let (status, body) = self.0.rehearsal.answer(request.url.path());
                let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
                let status = StatusCode::from_u16(status).unwrap();
                Reply::Http { status, headers, body: Bytes::from_static(body.as_bytes()) }
            }
            Parcel::Syslog(_) => Reply::Sent,
        }
    }
}

/// The program with these kinds of destinations, and couriers that accept at once.
fn app(kinds: &[&str]) -> Arc<App> {
    let mut pairs = vec![("DESTINATIONS".to_owned(), kinds.join(",")), ("STATE__URL".to_owned(), "memory:".to_owned())];
    for kind in CATALOG.iter().filter(|kind| kinds.contains(&kind.name)) {
        for (key, value) in kind.rehearsal.settings {
            let value = value
                .replace("{http}", "http://127.0.0.1:1")
                .replace("{tcp}", "127.0.0.1:1")
                .replace("{tls}", "127.0.0.1:1");
            if !value.contains('{') {
                pairs.push((format!("{}__{key}", setting_prefix(kind.name)), value));
            }
        }
    }
    let mut app = App::open(&Values::new(pairs)).unwrap();
    for instance in &mut app.instances {
        instance.outlet.courier = Box::new(Accepting(instance.kind));
        // What a vendor takes in a minute is no speed of ours.
        instance.outlet.pacer = Pacer::new(&[]);
    }
    Arc::new(app)
}

fn stages(c: &mut Criterion) {
    let bodies = alerts::alerts(1000);
    let bytes: u64 = bodies.iter().map(|body| body.len() as u64).sum();
    let mut group = c.benchmark_group("stage");
    group.throughput(Throughput::BytesDecimal(bytes));
    group.bench_function("serde_json to Value (reference)", |b| {
        b.iter(|| {
            bodies
                .iter()
                .map(|body| serde_json::from_slice::<serde_json::Value>(body).unwrap())
                .for_each(|v| drop(black_box(v)))
        });
    });
    let invocation = alerts::invocation(&bodies);
    group.bench_function("host wire to bodies", |b| {
        b.iter(|| Invocation::parse(black_box(&invocation)).unwrap().bodies().len())
    });
    group.bench_function("decode", |b| {
        b.iter(|| {
            let texts = Texts::default();
            let mut decoded = Decoded::default();
            for body in &bodies {
                decode(black_box(body), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
            }
            assert_eq!(decoded.events.len(), bodies.len());
            decoded.events.len()
        });
    });
    for kind in CATALOG {
        let app = app(&[kind.name]);
        let destination = &app.instances[0].outlet.destination;
        group.bench_function(format!("render {} (decode included)", kind.name), |b| {
            b.iter(|| {
                let texts = Texts::default();
                let mut decoded = Decoded::default();
                for body in &bodies {
                    decode(body, Timestamp::UNIX_EPOCH, &texts, &mut decoded);
                }
                let mut out = Vec::with_capacity(8 << 20);
                for event in decoded.events.iter().filter(|event| destination.takes(event)) {
                    destination.render(black_box(event), &mut out).unwrap();
                }
                out.len()
            });
        });
    }
    group.finish();
}

fn invocations(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let every: Vec<&str> = CATALOG.iter().map(|kind| kind.name).collect();
    for (label, kinds) in [("to one (splunk)", &["splunk"][..]), ("to all", &every)] {
        let app = app(kinds);
        let mut group = c.benchmark_group(format!("invocation {label}"));
        for count in [1, 100, 1000] {
            let bodies = alerts::alerts(count);
            let bytes: u64 = bodies.iter().map(|body| body.len() as u64).sum();
            let invocation = Bytes::from(alerts::invocation(&bodies));
            group.throughput(Throughput::BytesDecimal(bytes));
            group.bench_function(BenchmarkId::from_parameter(count), |b| {
                b.to_async(&runtime).iter(|| async {
                    let reply = functions::run(app.clone(), "alerts", invocation.clone()).await;
                    reply.unwrap().unwrap().to_json()
                });
            });
        }
        group.finish();
        for instance in &app.instances {
            let count = instance.counters.read();
            assert_eq!((count.parked, count.dead), (0, 0), "{}: not what is to be measured", instance.outlet.name);
        }
    }
}

criterion_group!(benches, stages, invocations);
criterion_main!(benches);
