//! A simulated world: people who change both sides as they like, and runs that break off anywhere. Whatever they do, nothing loops, nothing is
//! changed twice, and what a person closed stays closed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::json;

use crate::sync::entry::Member;
use crate::sync::ids::WorkspaceId;
use crate::sync::ledger::*;
use crate::sync::rules::{Decision, Step, decide};
use crate::sync::status::Direction;

/// Who changed a thing last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Person,
    Us,
}

#[derive(Clone, Debug)]
struct Alert {
    status: AlertStatus,
    by: Who,
    /// Its status when a run saw it last, and whose that was.
    seen: (AlertStatus, Who),
    /// Whether its subscription is one of those that may be changed.
    allowed: bool,
}

#[derive(Clone, Debug)]
struct Case1 {
    status: IncidentStatus,
    by: Who,
    etag: u32,
    modified: Timestamp,
    comment: String,
    classification: Option<&'static str>,
    alerts: Vec<usize>,
    others: u32,
}

#[derive(Clone, Debug)]
struct World {
    now: Timestamp,
    alerts: Vec<Alert>,
    incidents: Vec<Case1>,
    changes: usize,
}

/// Where a run breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaks {
    Never,
    /// After the n-th claim.
    Claimed(usize),
    /// After the n-th change, before it is recorded.
    Changed(usize),
}

#[derive(Clone, Debug)]
enum Event {
    Incident(usize, IncidentStatus, bool),
    Alert(usize, AlertStatus),
    Run(Breaks),
    Minutes(u8),
}

fn workspace() -> WorkspaceId {
    let id = "/subscriptions/66666666-6666-4666-8666-666666666666/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w";
    WorkspaceId::parse(id).unwrap()
}

impl World {
    fn pass(&mut self, seconds: u64) {
        self.now = later(self.now, Duration::from_secs(seconds));
    }

    fn shown(&self, number: usize) -> Incident {
        let one = &self.incidents[number];
        let json = json!({"name": number.to_string(), "etag": one.etag.to_string(), "properties": {"status": one.status.name(),
            "classification": one.classification, "classificationComment": one.comment,
            "lastModifiedTimeUtc": one.modified.to_string()}});
        Incident::parse(&json.to_string()).unwrap()
    }

    fn change_incident(&mut self, number: usize, status: IncidentStatus, by: Who, comment: String) {
        let now = self.now;
        let one = &mut self.incidents[number];
        if by == Who::Us {
            assert_ne!(one.status, status, "it is so already");
            assert!(one.status != IncidentStatus::Closed || one.by == Who::Us, "a person closed it");
            self.changes += 1;
        }
        // A comment or a new owner leaves it closed by whoever closed it; here every touch by a person is theirs.
        (one.status, one.by, one.comment) = (status, by, comment);
        one.etag += 1;
        one.modified = now;
    }

    fn change_alert(&mut self, number: usize, status: AlertStatus, by: Who) {
        let alert = &mut self.alerts[number];
        if by == Who::Us {
            assert!(alert.allowed, "it may not be touched");
            assert_ne!(alert.status, status, "it is so already");
            assert!(!alert.status.is_over() || alert.by == Who::Us, "a person closed it");
            self.changes += 1;
        }
        if alert.status != status {
            (alert.status, alert.by) = (status, by);
        }
        if by == Who::Us {
            alert.seen = (status, by);
        }
    }

    fn person(&mut self, event: &Event) {
        self.pass(1);
        match *event {
            Event::Incident(number, status, false_positive) => {
                let closes = status == IncidentStatus::Closed;
                let word = if false_positive { "FalsePositive" } else { "TruePositive" };
                self.incidents[number].classification = closes.then_some(word);
                self.change_incident(number, status, Who::Person, String::new());
            }
            Event::Alert(number, status) => self.change_alert(number, status, Who::Person),
            Event::Run(_) | Event::Minutes(_) => {}
        }
    }

    /// One run, written as the real one is, but for the network.
    fn run(&mut self, stored: &mut Ledger, breaks: Breaks, direction: Direction) {
        self.pass(180);
        let mut ledger = stored.clone();
        let mut claims = 0;
        let run = self.now.to_string();
        for number in 0..self.incidents.len() {
            let shown = self.shown(number);
            if let Some(ended) = ledger.note(&workspace(), &shown, &run, self.now) {
                settle_claim(&mut ledger, &ended.record);
            }
            let entry = ledger.incidents.get_mut(&key(&workspace(), &number.to_string())).unwrap();
            let one = &self.incidents[number];
            let member =
                |alert: &usize| Member { id: alert.to_string(), alert: Some(alert.to_string()), ..Member::default() };
            entry.take_members(one.alerts.iter().map(member).collect(), one.others);
        }
        let mut states = BTreeMap::new();
        for (number, alert) in self.alerts.iter_mut().enumerate().filter(|(_, alert)| alert.allowed) {
            let observed = ledger.observe(&number.to_string(), alert.status, &run, self.now);
            if observed.status.is_some() {
                // Nobody can see that it was changed and changed back: alerts have no version, and tell no author.
                if alert.status == alert.seen.0 {
                    alert.by = alert.seen.1;
                }
                alert.seen = (alert.status, alert.by);
            }
            if let Some(ended) = observed.ended {
                settle_claim(&mut ledger, &ended.record);
            }
            states.extend(observed.status.map(|status| (number.to_string(), status)));
        }
        ledger.remember(&states);
        for number in 0..self.incidents.len() {
            let key = key(&workspace(), &number.to_string());
            let mut held: Vec<Step> = Vec::new();
            loop {
                let decision: Decision = decide(&ledger.incidents[&key].case(&ledger.alerts, &states), direction);
                let Some((step, _)) = decision.steps.iter().find(|(step, _)| !held.contains(step)).copied() else {
                    ledger.incidents.get_mut(&key).unwrap().settle(decision.settled, &states);
                    break;
                };
                let now = self.now;
                let record = |what: &str, id: &str, from: &str, to: &str| Record {
                    at: now,
                    who: String::new(),
                    run: run.clone(),
                    what: what.into(),
                    id: id.into(),
                    from: from.into(),
                    to: to.into(),
                    why: String::new(),
                    incident: None,
                    ticket: None,
                    classification: None,
                    matched: None,
                    etag: None,
                    result: None,
                };
                let claim = match step {
                    Step::Alert { part, to } => {
                        let alert = self.incidents[number].alerts[part].to_string();
                        if ledger.may_change_alert(&alert, &run, now, 1000).is_err() {
                            held.push(step);
                            continue;
                        }
                        let record = record("alert", &alert, states[&alert].name(), to.name());
                        let hand = &mut ledger.alerts.entry(alert).or_default().hand;
                        hand.release();
                        hand.claim(record.clone());
                        record
                    }
                    Step::Incident(change) => {
                        if ledger.may_change_incident(&key, &run, now, 1000).is_err() {
                            held.push(step);
                            continue;
                        }
                        let entry = ledger.incidents.get_mut(&key).unwrap();
                        let record = record("incident", &key, entry.status.name(), change.to().name());
                        entry.hand.release();
                        entry.hand.claim(record.clone());
                        record
                    }
                };
                *stored = ledger.clone();
                claims += 1;
                if breaks == Breaks::Claimed(claims) {
                    return;
                }
                match step {
                    Step::Alert { part, to } => self.change_alert(self.incidents[number].alerts[part], to, Who::Us),
                    Step::Incident(change) => {
                        self.incidents[number].classification = None;
                        self.change_incident(number, change.to(), Who::Us, claim.comment());
                    }
                }
                if breaks == Breaks::Changed(claims) {
                    return;
                }
                match step {
                    Step::Alert { part, to } => {
                        let alert = self.incidents[number].alerts[part].to_string();
                        let observed = ledger.observe(&alert, to, &run, now);
                        assert!(observed.ended.is_some_and(|ended| ended.happened));
                        states.insert(alert, to);
                        ledger.remember(&states);
                        ledger.incidents.get_mut(&key).unwrap().settle([part], &states);
                    }
                    Step::Incident(_) => {
                        let shown = self.shown(number);
                        let entry = ledger.incidents.get_mut(&key).unwrap();
                        entry.changed_by_us(shown.etag, shown.status, shown.modified);
                        entry.read = Some(entry.status);
                    }
                }
                settle_claim(&mut ledger, &claim);
            }
        }
        *stored = ledger;
    }
}

fn settle_claim(ledger: &mut Ledger, record: &Record) {
    let alerts = ledger.alerts.values_mut().map(|memory| &mut memory.hand);
    let incidents = ledger.incidents.values_mut().map(|entry| &mut entry.hand);
    let is_this = |hand: &&mut Hand| hand.claim.as_ref().is_some_and(|claim| claim.mark() == record.mark());
    alerts.chain(incidents).filter(is_this).for_each(|hand| hand.claim = None);
}

fn world() -> impl Strategy<Value = World> {
    let alert = (proptest::sample::select(&AlertStatus::ALL[..]), proptest::bool::weighted(0.9));
    let alerts = proptest::collection::vec(alert, 4);
    let members = proptest::collection::btree_set(0..4_usize, 1..4);
    let incident = (proptest::sample::select(&IncidentStatus::ALL[..]), members, proptest::bool::weighted(0.2));
    (alerts, proptest::collection::vec(incident, 3)).prop_map(|(alerts, incidents)| {
        let now = crate::event::parse_time("2026-11-23T07:00:00Z").unwrap();
        World {
            now,
            changes: 0,
            alerts: alerts
                .into_iter()
                .map(|(status, allowed)| Alert { status, by: Who::Person, seen: (status, Who::Person), allowed })
                .collect(),
            incidents: incidents
                .into_iter()
                .map(|(status, members, mixed)| Case1 {
                    status,
                    by: Who::Person,
                    etag: 1,
                    modified: now,
                    comment: String::new(),
                    classification: None,
                    alerts: members.into_iter().collect(),
                    others: u32::from(mixed),
                })
                .collect(),
        }
    })
}

fn person() -> impl Strategy<Value = Event> {
    let incident = (0..3_usize, proptest::sample::select(&IncidentStatus::ALL[..]), any::<bool>());
    let alert = (0..4_usize, proptest::sample::select(&AlertStatus::ALL[..]));
    prop_oneof![
        incident.prop_map(|(number, status, word)| Event::Incident(number, status, word)),
        alert.prop_map(|(number, status)| Event::Alert(number, status)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let breaks = prop_oneof![
        3 => Just(Breaks::Never),
        1 => (1..4_usize).prop_map(Breaks::Claimed),
        1 => (1..4_usize).prop_map(Breaks::Changed),
    ];
    prop_oneof![
        4 => person(),
        3 => breaks.prop_map(Event::Run),
        1 => (0..90_u8).prop_map(Event::Minutes),
    ]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![4 => Just(Direction::Both), 1 => Just(Direction::ToDefender), 1 => Just(Direction::ToSentinel)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every change is checked where it is made; here, that they come to an end.
    #[test]
    fn whatever_people_do_it_comes_to_rest(
        mut world in world(),
        events in proptest::collection::vec(event(), 0..40),
        direction in direction(),
    ) {
        let mut ledger = Ledger::default();
        for event in &events {
            match event {
                Event::Run(breaks) => world.run(&mut ledger, *breaks, direction),
                Event::Minutes(minutes) => world.pass(u64::from(*minutes) * 60),
                event => world.person(event),
            }
        }
        // Nobody does anything any more. What rested goes on after two hours; what that brings about, after two more.
        for _ in 0..8 {
            world.pass(7200);
            world.run(&mut ledger, Breaks::Never, direction);
        }
        let changes = world.changes;
        for _ in 0..3 {
            world.pass(7200);
            world.run(&mut ledger, Breaks::Never, direction);
        }
        prop_assert_eq!(world.changes, changes, "it goes on and on");
        let is_claimed = ledger.alerts.values().any(|memory| memory.hand.claim.is_some())
            || ledger.incidents.values().any(|entry| entry.hand.claim.is_some());
        prop_assert!(!is_claimed, "a change was never recorded");
    }

    /// A person who closes an incident closes its alerts; one who closes the last alert of an incident closes that.
    #[test]
    fn nothing_is_missed(
        mut world in world(),
        events in proptest::collection::vec((person(), (1..4_usize).prop_map(Breaks::Changed)), 1..12),
        last in person(),
    ) {
        // Alerts of several incidents are the business of several people.
        for (number, one) in world.incidents.iter_mut().enumerate() {
            one.alerts = vec![number];
            one.others = 0;
        }
        world.alerts.iter_mut().for_each(|alert| alert.allowed = true);
        let mut ledger = Ledger::default();
        world.run(&mut ledger, Breaks::Never, Direction::Both);
        for (event, breaks) in &events {
            world.person(event);
            world.run(&mut ledger, *breaks, Direction::Both);
            for _ in 0..3 {
                world.pass(3600);
                world.run(&mut ledger, Breaks::Never, Direction::Both);
            }
        }
        let before = world.clone();
        world.person(&last);
        for _ in 0..3 {
            world.pass(3600);
            world.run(&mut ledger, Breaks::Never, Direction::Both);
        }
        match last {
            Event::Incident(number, IncidentStatus::Closed, false_positive) => {
                let alert = &world.alerts[number];
                prop_assert_eq!(world.incidents[number].status, IncidentStatus::Closed);
                if before.incidents[number].status != IncidentStatus::Closed && !before.alerts[number].status.is_over() {
                    let wanted = if false_positive { AlertStatus::Dismissed } else { AlertStatus::Resolved };
                    prop_assert_eq!(alert.status, wanted);
                }
            }
            Event::Alert(number, status) if status.is_over() && number < world.incidents.len() => {
                prop_assert_eq!(world.alerts[number].status, status);
                if !before.alerts[number].status.is_over() {
                    prop_assert_eq!(world.incidents[number].status, IncidentStatus::Closed);
                }
            }
            _ => {}
        }
    }
}
