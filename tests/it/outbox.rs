//! The outbox, and documents, keep one contract on every store: memory, a local folder, and Azure Blob Storage as Azurite plays it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod azurite;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use defender_relay::deliver::token::Identity;
use defender_relay::outbox::{Count, Filter, Key, Letter, Outbox, OutboxError, Stored, UNDECODABLE};
use defender_relay::settings::{Section, SettingsError, Values};
use defender_relay::state::{Document, Overtaken, SETTINGS, Store, WriteError};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};

const ALL: usize = usize::MAX;

fn open(url: &str) -> Result<Outbox, SettingsError> {
    Ok(Outbox::new(Arc::new(store(url)?)))
}

fn store(url: &str) -> Result<Store, SettingsError> {
    let values = Values::new([("STATE__URL".to_owned(), url.to_owned())]);
    let section = Section::new("state", vec![SETTINGS], &values);
    Store::open(&section, &Arc::new(Identity::choose(&values)))
}

fn at(minute: i64) -> Timestamp {
    "2026-11-23T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

/// The letter of the event that was seen in that minute.
fn letter(destination: &str, minute: i64) -> Letter {
    Letter {
        destination: destination.into(),
        kind: "alert".into(),
        seen: at(minute),
        first_failed: at(minute),
        attempts: 1,
        not_before: None,
        cause: Default::default(),
        reason: "status 503".into(),
        body: format!(r#"{{"minute":{minute}}}"#).into_bytes(),
    }
}

async fn due(outbox: &Outbox, destination: &str, now: Timestamp) -> Vec<(Key, Letter)> {
    outbox.due(destination, now, ALL).await.unwrap()
}

async fn dead(outbox: &Outbox, filter: &Filter) -> Vec<Letter> {
    outbox.dead(filter).map(|found| found.unwrap().1).collect().await
}

/// Letters only, without where they lie.
fn letters(found: Vec<(Key, Letter)>) -> Vec<Letter> {
    found.into_iter().map(|(_, letter)| letter).collect()
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    assert!(store("memory:").unwrap().warning().is_some(), "nobody shall take it for durable");
    contract(async |_| store("memory:").unwrap()).await;
}

#[tokio::test]
async fn a_local_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(store(&folder_url(&folder, "any")).unwrap().warning(), None);
    contract(async |name| store(&folder_url(&folder, name)).unwrap()).await;
}

#[tokio::test]
async fn azure_blob_storage_keeps_the_contract() {
    let Some(azurite) = azurite::Azurite::start().await else { return };
    let missing = open(&azurite.url("missing")).unwrap().park(&letter("splunk", 0)).await.unwrap_err();
    assert!(missing.to_string().contains("does not exist"), "{missing}");
    azurite.create("letters").await;
    contract(async |name| store(&azurite.url(&format!("letters/{name}"))).unwrap()).await;
}

/// Every scenario in a place of its own.
async fn contract(place: impl AsyncFn(&str) -> Store) {
    let open = async |name: &str| Outbox::new(Arc::new(place(name).await));
    a_repeated_park_finds_the_letter(&open("repeat").await).await;
    many_are_stored_in_order(&open("many").await).await;
    bodies_come_back_exact(&open("bodies").await).await;
    the_oldest_is_due_first(&open("oldest").await).await;
    a_postponed_letter_waits(&open("postpone").await).await;
    a_crash_between_two_steps_loses_nothing(&open("crash").await).await;
    the_dead_are_found_by_filter(&open("dead").await).await;
    the_dead_come_back(&open("replay").await).await;
    pieces_that_are_no_record_are_replayed_too(&open("undecodable").await).await;
    letters_are_counted(&open("counts").await).await;
    hostile_names_are_refused(&open("hostile").await).await;
    open("probe").await.probe().await.unwrap();
    one_of_two_writers_wins(&place("documents").await).await;
    many_writers_lose_no_change(&place("documents/many").await).await;
}

type Counts = BTreeMap<String, u32>;

async fn one_of_two_writers_wins(store: &Store) {
    const NAME: &str = "cursors/test.json";
    let mut first: Document<Counts> = store.document(NAME).await.unwrap();
    let mut second: Document<Counts> = store.document(NAME).await.unwrap();
    assert!(first.content.is_empty());
    first.content.insert("first".into(), 1);
    second.content.insert("second".into(), 1);
    store.replace(NAME, &mut first).await.unwrap();
    assert_eq!(store.replace(NAME, &mut second).await, Err(WriteError::Overtaken(Overtaken)));
    first.content.insert("first".into(), 2);
    store.replace(NAME, &mut first).await.unwrap();
    let mut again: Document<Counts> = store.document(NAME).await.unwrap();
    assert_eq!(again.content, first.content, "the loser wrote nothing");
    store.replace(NAME, &mut again).await.unwrap();
    assert_eq!(store.replace(NAME, &mut first).await, Err(WriteError::Overtaken(Overtaken)));
}

async fn many_writers_lose_no_change(store: &Store) {
    const NAME: &str = "cursors/sum.json";
    let write = async |writer: usize| {
        let mut done = 0;
        while done < 5 {
            let mut document: Document<Counts> = store.document(NAME).await.unwrap();
            *document.content.entry(writer.to_string()).or_default() += 1;
            match store.replace(NAME, &mut document).await {
                Ok(()) => done += 1,
                Err(WriteError::Overtaken(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    futures::future::join_all((0..4).map(write)).await;
    let document: Document<Counts> = store.document(NAME).await.unwrap();
    assert_eq!(document.content, (0..4).map(|writer| (writer.to_string(), 5)).collect());
}

async fn a_repeated_park_finds_the_letter(outbox: &Outbox) {
    let first = letter("splunk", 0);
    let again = Letter { first_failed: at(9), reason: "another".into(), ..first.clone() };
    let parks = futures::future::join_all((0..8).map(|_| outbox.park(&first))).await;
    assert_eq!(parks.iter().filter(|stored| **stored == Ok(Stored::New)).count(), 1);
    assert_eq!(outbox.park(&again).await, Ok(Stored::AlreadyThere));
    assert_eq!(letters(due(outbox, "splunk", at(9)).await), std::slice::from_ref(&first));

    assert_eq!(outbox.bury(&first).await, Ok(Stored::New));
    assert_eq!(outbox.bury(&again).await, Ok(Stored::AlreadyThere));
    assert_eq!(dead(outbox, &Filter::default()).await, [first]);
}

async fn many_are_stored_in_order(outbox: &Outbox) {
    let mut many: Vec<Letter> = (0..100).map(|minute| letter("splunk", minute)).collect();
    assert_eq!(outbox.park_all(&many[..40]).await, vec![Ok(Stored::New); 40]);
    many[70].destination = "../splunk".into();
    let stored = outbox.park_all(&many).await;
    for (at, stored) in stored.into_iter().enumerate() {
        match at {
            70 => assert_eq!(stored, Err(OutboxError::Name)),
            0..40 => assert_eq!(stored, Ok(Stored::AlreadyThere)),
            _ => assert_eq!(stored, Ok(Stored::New)),
        }
    }
    assert_eq!(outbox.bury_all(&many[..3]).await, vec![Ok(Stored::New); 3]);
    assert_eq!(due(outbox, "splunk", at(0)).await.len(), 99);
}

async fn bodies_come_back_exact(outbox: &Outbox) {
    let bodies = [b"\xff\xfe\x00binary".to_vec(), Vec::new(), vec![b'"'; 3 << 20], "\u{202e}😀\r\n\0".into()];
    let sent: Vec<Letter> =
        (0..).zip(bodies).map(|(minute, body)| Letter { body, ..letter("splunk", minute) }).collect();
    assert_eq!(outbox.park_all(&sent).await, vec![Ok(Stored::New); sent.len()]);
    assert_eq!(letters(due(outbox, "splunk", at(0)).await), sent);
}

async fn the_oldest_is_due_first(outbox: &Outbox) {
    for minute in [5, 1, 3, -60 * 24 * 40, 2] {
        outbox.park(&letter("splunk", minute)).await.unwrap();
    }
    outbox.park(&letter("qradar", 0)).await.unwrap();
    let order = letters(outbox.due("splunk", at(0), 3).await.unwrap());
    assert_eq!(order, [letter("splunk", -60 * 24 * 40), letter("splunk", 1), letter("splunk", 2)]);
    assert_eq!(outbox.due("splunk", at(0), 0).await.unwrap(), []);
    assert_eq!(due(outbox, "nobody", at(0)).await, []);
    assert_eq!(outbox.destinations_with_parked().await.unwrap(), ["qradar", "splunk"]);
}

async fn a_postponed_letter_waits(outbox: &Outbox) {
    for minute in 0..3 {
        outbox.park(&letter("splunk", minute)).await.unwrap();
    }
    let (key, mut first) = due(outbox, "splunk", at(10)).await.swap_remove(0);
    (first.attempts, first.not_before, first.reason) = (2, Some(at(20)), "timed out".into());
    outbox.postpone(&key, &first).await.unwrap();
    // Twice before it is due, since the second look is answered from memory.
    for now in [at(10), at(19)] {
        assert_eq!(letters(due(outbox, "splunk", now).await), [letter("splunk", 1), letter("splunk", 2)]);
    }
    assert_eq!(letters(due(outbox, "splunk", at(20)).await)[0], first);

    // Somebody else makes it due again: a new version is read again.
    assert_eq!(due(outbox, "splunk", at(10)).await.len(), 2);
    first.not_before = None;
    outbox.postpone(&key, &first).await.unwrap();
    assert_eq!(letters(due(outbox, "splunk", at(10)).await)[0], first);

    outbox.settle(&key).await.unwrap();
    outbox.settle(&key).await.unwrap();
    assert_eq!(due(outbox, "splunk", at(20)).await.len(), 2);
}

async fn a_crash_between_two_steps_loses_nothing(outbox: &Outbox) {
    let letter = letter("splunk", 0);
    // Buried, then killed before the parked one was removed.
    outbox.park(&letter).await.unwrap();
    outbox.bury(&letter).await.unwrap();
    let (key, found) = due(outbox, "splunk", at(0)).await.swap_remove(0);
    outbox.bury_parked(&key, &found).await.unwrap();
    assert_eq!(due(outbox, "splunk", at(0)).await, []);
    assert_eq!(dead(outbox, &Filter::default()).await, std::slice::from_ref(&letter));
    // Parked again by a replay, then killed before the dead one was removed.
    outbox.park(&letter).await.unwrap();
    let report = outbox.replay(&Filter::default(), at(1), false).await.unwrap();
    assert_eq!((report.matched, report.replayed, report.already_parked), (1, 0, 1));
    assert_eq!(letters(due(outbox, "splunk", at(0)).await), [letter]);
}

async fn the_dead_are_found_by_filter(outbox: &Outbox) {
    let other = Letter { kind: "recommendation".into(), reason: "code 6: Invalid data".into(), ..letter("qradar", 1) };
    let all = [other.clone(), letter("splunk", 0), letter("splunk", 60 * 24)];
    outbox.bury_all(&all).await.into_iter().for_each(|stored| assert_eq!(stored, Ok(Stored::New)));
    let find = async |filter: Filter| dead(outbox, &filter).await;
    assert_eq!(find(Filter::default()).await, all);
    assert_eq!(find(Filter { destination: Some("splunk".into()), ..Filter::default() }).await, all[1..]);
    assert_eq!(find(Filter { since: Some(at(1)), ..Filter::default() }).await, [all[0].clone(), all[2].clone()]);
    assert_eq!(find(Filter { until: Some(at(1)), ..Filter::default() }).await, all[1..2]);
    assert_eq!(find(Filter { reason: Some("invalid DATA".into()), ..Filter::default() }).await, all[..1]);
    assert_eq!(find(Filter { kind: Some("Recommendation".into()), ..Filter::default() }).await, all[..1]);
    assert_eq!(find(Filter { limit: Some(2), ..Filter::default() }).await, all[..2]);
    assert_eq!(find(Filter { limit: Some(0), ..Filter::default() }).await, []);
}

async fn the_dead_come_back(outbox: &Outbox) {
    let dated = Letter { attempts: 7, not_before: Some(at(99)), ..letter("splunk", 0) };
    outbox.bury_all(&[dated.clone(), letter("qradar", 1)]).await;
    let splunk = Filter { destination: Some("splunk".into()), ..Filter::default() };
    let report = outbox.replay(&splunk, at(5), true).await.unwrap();
    assert_eq!((report.matched, report.replayed), (1, 0));
    assert_eq!(due(outbox, "splunk", at(5)).await, []);

    let report = outbox.replay(&splunk, at(5), false).await.unwrap();
    assert_eq!((report.matched, report.replayed, report.stopped), (1, 1, None));
    let fresh = Letter { attempts: 0, first_failed: at(5), not_before: None, ..dated };
    let parked = due(outbox, "splunk", at(5)).await;
    assert_eq!(parked[0].1, fresh);
    assert_eq!(dead(outbox, &Filter::default()).await, [letter("qradar", 1)]);
    assert_eq!(outbox.replay(&splunk, at(6), false).await.unwrap().matched, 0);

    outbox.bury_parked(&parked[0].0, &parked[0].1).await.unwrap();
    assert_eq!(dead(outbox, &splunk).await, [fresh]);
}

async fn pieces_that_are_no_record_are_replayed_too(outbox: &Outbox) {
    let piece = Letter { kind: String::new(), body: b"\xffno json".to_vec(), ..letter(UNDECODABLE, 0) };
    assert_eq!(outbox.bury(&piece).await, Ok(Stored::New));
    let report = outbox.replay(&Filter::default(), at(1), false).await.unwrap();
    assert_eq!((report.matched, report.replayed), (1, 1));
    assert_eq!(dead(outbox, &Filter::default()).await, []);
    assert_eq!(due(outbox, UNDECODABLE, at(1)).await[0].1.body, piece.body);
}

async fn letters_are_counted(outbox: &Outbox) {
    assert!(outbox.counts().await.unwrap().destinations.is_empty());
    outbox.park_all(&[letter("splunk", 3), letter("splunk", 2)]).await;
    outbox.bury_all(&[letter("splunk", 1), letter(UNDECODABLE, 1)]).await;
    let counts = outbox.counts().await.unwrap().destinations;
    let splunk = Count { parked: 2, dead: 1, oldest_parked: Some(at(2)), cut: false };
    let undecodable = Count { parked: 0, dead: 1, oldest_parked: None, cut: false };
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(UNDECODABLE.into(), undecodable), ("splunk".into(), splunk)]);
}

async fn hostile_names_are_refused(outbox: &Outbox) {
    for name in ["../dead/x", "..", "a/b", "", "UPPER"] {
        assert_eq!(outbox.park(&letter(name, 0)).await, Err(OutboxError::Name));
        assert_eq!(outbox.due(name, at(0), ALL).await, Err(OutboxError::Name));
        let filter = Filter { destination: Some(name.into()), ..Filter::default() };
        assert_eq!(outbox.replay(&filter, at(0), false).await, Err(OutboxError::Name));
    }
}

fn folder_url(folder: &tempfile::TempDir, name: &str) -> String {
    url::Url::from_directory_path(folder.path().join(name)).unwrap().to_string()
}

/// The files of a folder, however deep.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn what_is_no_letter_stays_and_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(&folder_url(&folder, "")).unwrap();
    outbox.park(&letter("splunk", 0)).await.unwrap();
    outbox.bury(&letter("splunk", 0)).await.unwrap();
    // Half a letter under a name older than any, another's file, and what a killed writer leaves.
    let half = r#"{"schema":1,"seen":"2026"#;
    let name = "00200101T000000.000Z-0.json";
    for path in ["parked/splunk", "dead/splunk/2026"] {
        let path = folder.path().join(path);
        std::fs::write(path.join(name), half).unwrap();
        std::fs::write(path.join("notes.txt"), "hello").unwrap();
        std::fs::write(path.join(format!("{name}#1")), half).unwrap();
    }
    std::fs::create_dir(folder.path().join("parked/Not A Destination")).unwrap();
    assert_eq!(outbox.destinations_with_parked().await.unwrap(), ["splunk"]);
    let before = files(folder.path());
    for _ in 0..2 {
        assert_eq!(letters(outbox.due("splunk", at(0), 1).await.unwrap()), [letter("splunk", 0)]);
    }
    for (limit, unreadable) in [(Some(1), 1), (None, 2)] {
        let report = outbox.replay(&Filter { limit, ..Filter::default() }, at(0), true).await.unwrap();
        assert_eq!((report.matched, report.unreadable.len()), (1, unreadable));
    }
    assert_eq!(files(folder.path()), before);
}

#[tokio::test]
async fn two_processes_may_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(&folder_url(&folder, "a b")).unwrap(), open(&folder_url(&folder, "a b")).unwrap());
    let many: Vec<Letter> = (0..64).map(|minute| letter("splunk", minute)).collect();
    let (first, second) = tokio::join!(one.park_all(&many), two.park_all(&many));
    let new = first.iter().chain(&second).filter(|stored| **stored == Ok(Stored::New)).count();
    assert_eq!(new, 64);
    assert_eq!(letters(due(&two, "splunk", at(0)).await), many);
    assert!(files(folder.path()).iter().all(|path| path.extension().is_some_and(|extension| extension == "json")));
    for (key, _) in due(&one, "splunk", at(0)).await {
        assert_eq!(tokio::join!(one.settle(&key), two.settle(&key)), (Ok(()), Ok(())));
    }
    assert_eq!(files(folder.path()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(start_paused = true)]
async fn a_silent_store_is_an_error_in_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let outbox = open(&format!("http://{}/devstoreaccount1/letters", silent.local_addr().unwrap())).unwrap();
    let many: Vec<Letter> = (0..200).map(|minute| letter("splunk", minute)).collect();
    let begun = tokio::time::Instant::now();
    let stored = outbox.park_all(&many).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(matches!(stored[0], Err(OutboxError::Store(_))), "{:?}", stored[0]);
    assert_eq!(stored[199], Err(OutboxError::GivenUp));
    assert!(outbox.due("splunk", at(0), ALL).await.is_err());
    assert!(outbox.counts().await.is_err());
    assert!(outbox.replay(&Filter::default(), at(0), false).await.is_err());
}

#[test]
fn a_faulty_place_names_the_setting() {
    let error = open("https://relay.example/secret").unwrap_err().to_string();
    assert!(error.contains("STATE__URL: must be https://<account>.blob.core.windows.net/"), "{error}");
    assert!(!error.contains("secret"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let below_a_file = url::Url::from_file_path(file.path().join("x")).unwrap();
    assert!(open(below_a_file.as_str()).unwrap_err().to_string().contains("the folder cannot be created"));
    assert!(open("").unwrap_err().to_string().contains("STATE__URL: is required"));
}

/// The handlers' futures move between threads.
#[test]
fn futures_are_send() {
    fn is_send<T: Send>(_: &T) {}
    let (outbox, letter, filter) = (open("memory:").unwrap(), letter("splunk", 0), Filter::default());
    is_send(&outbox.park_all(std::slice::from_ref(&letter)));
    is_send(&outbox.due("splunk", at(0), 1));
    is_send(&outbox.replay(&filter, at(0), true));
    is_send(&outbox.counts());
}
