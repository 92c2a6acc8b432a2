//! SIGKILL at random moments under a faulty destination: the host repeats what was not answered, and every event is accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::handler::{Handler, alert, letters, letters_due};
use crate::support::sink::{Answer, HttpSink};

const BATCHES: usize = 40;
const BATCH: usize = 25;
const KILLS: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_unaccounted_for_when_the_handler_is_killed_at_any_moment() {
    let healthy = Arc::new(AtomicBool::new(false));
    let faulty = healthy.clone();
    let sink = HttpSink::start(Arc::new(move |number| {
        if faulty.load(Ordering::SeqCst) {
            return Answer::Take;
        }
        match number % 7 {
            0 | 3 => Answer::Refuse(503, None),
            1 => Answer::TakeAndFail,
            5 => Answer::Refuse(413, None),
            _ => Answer::Take,
        }
    }))
    .await;
    let state = tempfile::tempdir().unwrap();
    let settings: BTreeMap<String, String> = [
        ("DESTINATIONS", "splunk, webhook"),
        ("SPLUNK__URL", &sink.url),
        ("SPLUNK__TOKEN", "kill-test-token"),
        ("SPLUNK__ACK", "off"),
        ("WEBHOOK__URL", &sink.url),
        ("WEBHOOK__SECRET", "whsec_a2lsbC10ZXN0LXNpZ25pbmcta2V5LTAxMjM0NTY3ODkwMTI="),
        ("STATE__URL", &format!("file://{}", state.path().display())),
        ("DELIVERY__ATTEMPTS", "2"),
        ("DELIVERY__BACKOFF", "1ms"),
        ("DELIVERY__BACKOFF_MAX", "3ms"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let mut random = fastrand::Rng::with_seed(7);
    let mut ids = BTreeSet::new();
    let mut kills = 0;
    let mut handler = Handler::start(&settings).await;
    for batch in 0..BATCHES {
        let batch_ids: Vec<String> = (0..BATCH).map(|n| format!("alert-{batch:03}-{n:03}")).collect();
        let bodies: Vec<Vec<u8>> = batch_ids.iter().map(|id| alert(id).to_string().into_bytes()).collect();
        ids.extend(batch_ids);
        // As the host: the same batch again until it is answered 200.
        loop {
            let answer = if kills < KILLS && random.bool() {
                let moment = Duration::from_micros(random.u64(0..40_000));
                tokio::select! {
                    answer = handler.alerts(&bodies) => answer,
                    () = tokio::time::sleep(moment) => None,
                }
            } else {
                handler.alerts(&bodies).await
            };
            match answer {
                Some(200) => break,
                Some(status) => assert_eq!(status, 500),
                None => {
                    kills += 1;
                    handler.kill();
                    handler = Handler::start(&settings).await;
                }
            }
        }
    }
    assert!(kills > 5, "only {kills} kills: the test proves little");
    let account = |redelivered: bool| {
        let taken = sink.taken.lock().unwrap();
        for destination in ["splunk", "webhook"] {
            let (parked, dead) =
                (letters(state.path(), "parked", destination), letters(state.path(), "dead", destination));
            for (id, times) in parked.iter().chain(&dead) {
                assert_eq!(*times, 1, "{destination}: {id} is stored {times} times");
            }
            if redelivered {
                // What an open circuit turned away says itself that it is not due for some seconds.
                let due = letters_due(state.path(), destination);
                assert_eq!(due, 0, "{destination}: {due} letters are due and still parked");
            }
            for id in &ids {
                assert!(
                    taken.contains_key(id) || parked.contains_key(id) || dead.contains_key(id),
                    "{destination}: {id} is lost"
                );
            }
        }
    };
    account(false);
    // The destination recovers; redelivery is killed on the way, too, and then left to finish.
    healthy.store(true, Ordering::SeqCst);
    for moment in [3, 9, 27] {
        tokio::select! {
            () = handler.tick("redeliver") => {}
            () = tokio::time::sleep(Duration::from_millis(moment)) => {}
        }
        handler.kill();
        handler = Handler::start(&settings).await;
    }
    handler.tick("redeliver").await;
    account(true);
}
