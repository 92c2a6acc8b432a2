#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;

const SPANS: Spans = Spans { lookback: Duration::from_secs(3600), overlap: Duration::from_secs(600) };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

/// Graph as the simulator knows it, in small: alerts newest first by creation, in pages by number; times in seconds.
#[derive(Clone, Debug, Default)]
struct Service {
    /// Id, creation, last change. The list is in this order, unless a test shuffles it.
    alerts: Vec<(u32, i64, i64)>,
    now: i64,
}

impl Service {
    fn create(&mut self, id: u32) {
        self.alerts.insert(0, (id, self.now, self.now));
    }

    fn page(&self, from: Timestamp, skip: usize, size: usize) -> (Vec<Value>, Option<String>) {
        let all: Vec<_> = self.alerts.iter().filter(|(_, _, changed)| at(*changed) >= from).collect();
        let shown =
            |(id, _, changed): &&(u32, i64, i64)| json!({"id": id.to_string(), "lastUpdateDateTime": at(*changed)});
        let page = all.iter().skip(skip).take(size).map(shown).collect();
        (page, (skip + size < all.len()).then(|| format!("https://graph/{}", skip + size)))
    }
}

/// A reader with what it handled: versions, with repeats.
#[derive(Default)]
struct Reader {
    cursor: Cursor,
    handled: Vec<String>,
}

impl Reader {
    /// Reads one page; whether the walk is over.
    fn turn(&mut self, service: &Service, size: usize) -> Step {
        let walk = self.cursor.walk(at(service.now), SPANS, None);
        let skip = walk.next.as_ref().map_or(0, |link| link.rsplit('/').next().unwrap().parse().unwrap());
        let (alerts, next) = service.page(walk.from, skip, size);
        let raws: Vec<Box<RawValue>> =
            alerts.iter().map(|alert| serde_json::value::to_raw_value(alert).unwrap()).collect();
        let items: Vec<Item<'_>> = raws.iter().map(|raw| Item::of(raw)).collect();
        let fresh = items.iter().filter(|item| !self.cursor.knows(item));
        self.handled.extend(fresh.map(|item| item.version.to_string()));
        self.cursor.handled(&items, next, at(service.now), Some(at(service.now)), SPANS).unwrap()
    }

    /// Reads to the end.
    fn finish(&mut self, service: &Service, size: usize) {
        while self.turn(service, size) == Step::More {}
    }

    /// What a process keeps of its cursor when another goes on.
    fn restart(&mut self) {
        self.cursor = serde_json::from_slice(&serde_json::to_vec(&self.cursor).unwrap()).unwrap();
    }

    fn misses(&self, service: &Service) -> Vec<u32> {
        let version = |(id, _, changed): &(u32, i64, i64)| {
            let alert =
                serde_json::value::to_raw_value(&json!({"id": id.to_string(), "lastUpdateDateTime": at(*changed)}));
            Item::of(&alert.unwrap()).version.to_string()
        };
        let missed = service.alerts.iter().filter(|alert| !self.handled.contains(&version(alert)));
        missed.map(|(id, ..)| *id).collect()
    }
}

#[test]
fn the_watermark_is_the_latest_change_that_was_handled() {
    let (mut service, mut reader) = (Service { now: 100, ..Service::default() }, Reader::default());
    reader.finish(&service, 10);
    assert_eq!((reader.cursor.watermark, reader.cursor.last_success), (None, Some(at(100))));
    assert_eq!(reader.cursor.since, Some(at(100 - 3600)), "and not from the next run's time on");
    service.create(1);
    service.now = 5000;
    reader.finish(&service, 10);
    assert_eq!((reader.cursor.watermark, reader.handled.len()), (Some(at(100)), 1));
    reader.finish(&service, 10);
    assert_eq!(reader.handled.len(), 1, "what lies in the overlap is known");
    service.create(2);
    reader.finish(&service, 10);
    assert_eq!((reader.cursor.watermark, reader.handled.len(), reader.cursor.seen.len()), (Some(at(5000)), 2, 1));
}

#[test]
fn a_change_after_the_walk_began_does_not_move_the_watermark() {
    let (mut service, mut reader) = (Service { now: 1, ..Service::default() }, Reader::default());
    (0..4).for_each(|id| service.create(id));
    assert_eq!(reader.turn(&service, 2), Step::More);
    // The walk has passed the top of the list; hours later somebody touches the alert at its end.
    service.now = 9000;
    service.create(9);
    service.now = 20_000;
    service.alerts.last_mut().unwrap().2 = 20_000;
    reader.finish(&service, 2);
    assert_eq!(reader.cursor.watermark, Some(at(1)));
    reader.finish(&service, 2);
    assert_eq!(reader.misses(&service), [] as [u32; 0]);
}

#[test]
fn hostile_times_neither_move_the_watermark_nor_lose_anything() {
    let (mut service, mut reader) = (Service { now: 100, ..Service::default() }, Reader::default());
    service.create(1);
    service.alerts.push((2, 0, 1_000_000_000));
    reader.finish(&service, 10);
    assert_eq!(reader.cursor.watermark, Some(at(100)));
    service.now = 2000;
    service.create(3);
    for _ in 0..3 {
        reader.finish(&service, 10);
    }
    assert_eq!((reader.misses(&service), reader.handled.len()), (vec![], 3), "nothing is missed, nothing comes twice");
}

#[test]
fn a_clock_that_is_ahead_is_corrected_before_it_does_harm() {
    let mut cursor = Cursor::default();
    cursor.walk(at(10_000), SPANS, None);
    assert!(!cursor.begins_too_late(None, SPANS));
    assert!(!cursor.begins_too_late(Some(at(9_990)), SPANS), "some seconds are none");
    assert!(cursor.begins_too_late(Some(at(0)), SPANS));
    assert_eq!(cursor.walk(at(10_000), SPANS, None).from, at(-3600));
    assert!(!cursor.begins_too_late(Some(at(0)), SPANS));
    cursor.watermark = Some(at(5));
    assert!(!cursor.begins_too_late(Some(at(0)), SPANS), "the watermark is the service's own time");
}

#[test]
fn a_watermark_in_the_time_to_come_is_given_up() {
    let mut cursor = Cursor { watermark: Some(at(86_400)), ..Cursor::default() };
    assert!(!cursor.begins_too_late(Some(at(86_340)), SPANS), "some seconds are none");
    cursor.walk(at(0), SPANS, None);
    assert!(cursor.begins_too_late(Some(at(0)), SPANS));
    assert_eq!(cursor.walk(at(0), SPANS, None).from, at(-3600));
    assert!(!cursor.begins_too_late(Some(at(0)), SPANS));
}

#[test]
fn a_walk_goes_on_where_another_process_left_it() {
    let (mut service, mut reader) = (Service { now: 1, ..Service::default() }, Reader::default());
    (0..1000).for_each(|id| service.create(id));
    let mut pages = 0;
    while reader.turn(&service, 10) == Step::More {
        reader.restart();
        pages += 1;
    }
    assert_eq!((pages, reader.handled.len()), (199, 1000), "each page once, and once more to be sure");
}

#[test]
fn links_without_an_end_are_given_up() {
    let page = |cursor: &mut Cursor, link: &str| {
        cursor.walk(at(0), SPANS, None);
        cursor.handled(&[], Some(link.to_owned()), at(0), None, SPANS)
    };
    let mut cursor = Cursor::default();
    assert_eq!(page(&mut cursor, "a"), Ok(Step::More));
    assert_eq!(page(&mut cursor, "a"), Err(Endless));
    assert_eq!((&cursor.walk, cursor.watermark), (&None, None));
    let ends = (0..1000).map(|number| page(&mut cursor, &number.to_string())).position(|end| end == Err(Endless));
    assert_eq!(ends, Some(BARREN));
}

#[test]
fn a_page_that_fails_for_ever_does_not_hide_what_is_new() {
    let mut cursor = Cursor::default();
    let mut fail = |hopeless| {
        cursor.walk(at(0), SPANS, None).next = Some("x".into());
        cursor.failed(hopeless);
        cursor.walk.is_some()
    };
    assert!(fail(false) && fail(false) && !fail(false));
    assert!(!fail(true));
}

#[test]
fn a_refused_condition_is_left_out_for_a_day() {
    let mut cursor = Cursor::default();
    let condition = || Some("serviceSource eq 'x'".to_owned());
    assert_eq!(cursor.walk(at(0), SPANS, condition()).condition, condition());
    assert!(cursor.refuse(at(0)));
    assert_eq!(cursor.walk(at(10), SPANS, condition()).condition, None);
    assert!(!cursor.refuse(at(10)), "the fault is another one");
    assert_eq!(cursor.walk(at(90_000), SPANS, condition()).condition, condition());
}

#[test]
fn a_wait_that_no_service_asks_for_is_none() {
    let rest = |seconds| Cursor { not_before: Some(at(seconds)), ..Cursor::default() }.rest(at(0));
    assert_eq!(rest(900), Some(Duration::from_secs(900)));
    assert_eq!((rest(0), rest(-5), rest(86_400)), (None, None, None));
}

/// What happens between two pages.
#[derive(Clone, Debug)]
enum Happening {
    Created,
    Changed(prop::sample::Index),
    /// An alert moves to the end of the list, so that others move to earlier pages.
    Moved(prop::sample::Index),
    Passed(i64),
    Restarted,
    /// A run is broken off after its alerts were sent and before the cursor was written.
    BrokenOff,
    Read,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => Just(Happening::Created),
        2 => any::<prop::sample::Index>().prop_map(Happening::Changed),
        2 => (0..400_i64).prop_map(Happening::Passed),
        1 => Just(Happening::Restarted),
        1 => Just(Happening::BrokenOff),
        5 => Just(Happening::Read),
    ]
}

fn happening_or_move() -> impl Strategy<Value = Happening> {
    prop_oneof![9 => happening(), 1 => any::<prop::sample::Index>().prop_map(Happening::Moved)]
}

fn read_while(happenings: Vec<Happening>, size: usize) -> (Service, Reader) {
    let (mut service, mut reader) = (Service::default(), Reader::default());
    let mut next = 0;
    for happening in happenings {
        match happening {
            Happening::Created => {
                service.create(next);
                next += 1;
            }
            Happening::Changed(index) if !service.alerts.is_empty() => {
                let index = index.index(service.alerts.len());
                service.alerts[index].2 = service.now;
            }
            Happening::Moved(index) if !service.alerts.is_empty() => {
                let alert = service.alerts.remove(index.index(service.alerts.len()));
                service.alerts.push(alert);
            }
            Happening::Passed(seconds) => service.now += seconds,
            Happening::Restarted => reader.restart(),
            Happening::BrokenOff => {
                let before = reader.cursor.clone();
                reader.turn(&service, size);
                reader.cursor = before;
            }
            Happening::Read => {
                reader.turn(&service, size);
            }
            Happening::Changed(_) | Happening::Moved(_) => {}
        }
    }
    // What is under way ends, and one more walk sees the last changes.
    reader.finish(&service, size);
    reader.finish(&service, size);
    (service, reader)
}

proptest! {
    #[test]
    fn the_last_version_of_every_alert_is_handled(happenings in prop::collection::vec(happening(), 0..120), size in 1..5_usize) {
        let (service, reader) = read_while(happenings, size);
        prop_assert_eq!(reader.misses(&service), Vec::<u32>::new());
    }

    #[test]
    fn a_watermark_never_moves_back_nor_ahead_of_the_service(happenings in prop::collection::vec(happening_or_move(), 0..80)) {
        let (service, reader) = read_while(happenings, 2);
        let latest = service.alerts.iter().map(|(_, _, changed)| at(*changed)).max();
        prop_assert!(reader.cursor.watermark <= latest);
        prop_assert!(reader.cursor.watermark.is_none_or(|watermark| watermark <= at(service.now)));
    }
}

#[test]
fn what_moved_to_an_earlier_page_is_found_by_walking_once_more() {
    let (mut service, mut reader) = (Service { now: 1, ..Service::default() }, Reader::default());
    (0..6).for_each(|id| service.create(id));
    assert_eq!(reader.turn(&service, 2), Step::More);
    let first = service.alerts.remove(0);
    service.alerts.push(first);
    reader.finish(&service, 2);
    assert_eq!(reader.misses(&service), [] as [u32; 0]);
}
