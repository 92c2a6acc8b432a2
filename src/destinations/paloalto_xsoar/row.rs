//! An incident as JSON, ours or XSOAR's: what it says of its alert, and how ours goes into XSOAR's.
//!
//! Both have the same members, so both are read by the same words. What of XSOAR's is not ours to change is copied byte for byte.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::incident::fact;
use super::matter::{self, label};
use crate::event::{Status, parse_time};
use crate::format::json::Object;

/// The member that mirroring keeps the other side's id in.
pub(super) const MIRROR_ID: &str = "dbotMirrorId";

/// XSOAR's numbers for incidents that nobody works on any more: 2 done, 3 archived.
const ENDED: [&str; 2] = ["2", "3"];

/// Members that follow the alert.
const FOLLOWING: [&str; 3] = ["details", "rawJSON", "severity"];

/// A JSON object's members, each as it is written.
type Members<'j> = BTreeMap<String, &'j RawValue>;

/// An incident.
#[derive(Debug, Default)]
pub(super) struct Row<'j> {
    members: Members<'j>,
    fields: Members<'j>,
    labels: Vec<(Label, &'j RawValue)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Label {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// Where in its life an alert is; a later state is greater. Of states with one time, that is later which is nearer the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State(Timestamp, u8);

impl<'j> Row<'j> {
    /// The incident in this JSON; nothing where it is no object.
    pub(super) fn parse(json: &'j str) -> Option<Self> {
        let members: Members<'j> = serde_json::from_str(json).ok()?;
        let custom = members.iter().find(|(name, _)| is_custom_fields(name));
        let fields = custom.and_then(|(_, raw)| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        let labels: Vec<&'j RawValue> =
            members.get("labels").and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        let label = |raw: &'j RawValue| (serde_json::from_str(raw.get()).unwrap_or_default(), raw);
        let labels = labels.into_iter().map(label).collect();
        Some(Self { members, fields, labels })
    }

    /// XSOAR's id, which is a text, or in some replies a number.
    pub(super) fn id(&self) -> Option<String> {
        let raw = self.members.get("id")?.get();
        let id = serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
        (!id.is_empty() && id != "null").then_some(id)
    }

    /// Older incidents have smaller ranks: ids are numbers that grow.
    pub(super) fn rank(&self) -> (usize, String) {
        rank(&self.id().unwrap_or_default())
    }

    /// What to prefer among several incidents of one alert, the least first: one that is open, then the oldest.
    pub(super) fn preference(&self) -> (bool, (usize, String)) {
        (self.is_ended(), self.rank())
    }

    /// Whether the incident is closed.
    pub(super) fn is_ended(&self) -> bool {
        self.members.get("status").is_some_and(|raw| ENDED.contains(&raw.get()))
    }

    /// A text member of the incident itself; nothing where it is empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        text(self.members.get(name)?)
    }

    /// A custom field; nothing where it is empty.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        text(self.fields.get(name)?)
    }

    /// What the incident says of the alert: in a custom field, else, where XSOAR has no such field, in a label.
    pub(super) fn fact(&self, name: &str) -> Option<String> {
        let label = || self.labels.iter().rfind(|(label, _)| label.kind == name).map(|(label, _)| label.value.clone());
        self.field(name).or_else(label)
    }

    /// Whether this is the incident of that alert, whatever was searched for.
    pub(super) fn is_about(&self, ours: &Self) -> bool {
        let same = |here: Option<String>, there: Option<String>| {
            here.zip(there).is_some_and(|(here, there)| here.eq_ignore_ascii_case(&there))
        };
        same(self.text(MIRROR_ID), ours.text(MIRROR_ID)) || same(self.fact(fact::ALERT_ID), ours.fact(fact::ALERT_ID))
    }

    /// The status of the alert, or what is like it of another matter.
    pub(super) fn status(&self) -> Status {
        self.fact(fact::STATUS).map_or(Status::Unknown, |text| matter::status(&text))
    }

    /// Whether this is no alert, and settled: where XSOAR never heard of it, there is nothing to tell.
    pub(super) fn is_idle(&self) -> bool {
        self.fact(label::KIND).is_some() && self.status() == Status::Resolved
    }

    /// Whether this is part of a weekly snapshot and says nothing that `held` does not.
    pub(super) fn repeats(&self, held: &Self) -> bool {
        let stands = |row: &Self| row.state().map(|State(_, rank)| (rank, row.fact(fact::SEVERITY)));
        self.fact(label::SNAPSHOT).is_some_and(|text| text == "true") && stands(self) == stands(held)
    }

    /// The state of the alert; nothing where the incident does not say.
    pub(super) fn state(&self) -> Option<State> {
        let time = parse_time(&self.fact(fact::STATE_TIME)?)?;
        let rank = match self.status() {
            Status::Unknown => 0,
            Status::New => 1,
            Status::InProgress => 2,
            Status::Resolved | Status::Dismissed => 3,
        };
        Some(State(time, rank))
    }

    /// The body that brings XSOAR's incident up to what `ours` says: XSOAR's own members as they are, its version among them, with the facts
    /// of the alert in place of older ones. A severity that an analyst chose stays until Defender for Cloud changes its own.
    pub(super) fn updated(&self, ours: &Row<'_>) -> Vec<u8> {
        let same_severity = self.fact(fact::SEVERITY).is_some_and(|held| ours.fact(fact::SEVERITY) == Some(held));
        let stays = |name: &str| match name {
            "severity" => same_severity,
            // A new incident's order, which is carried out already.
            "createInvestigation" => false,
            "labels" => false,
            MIRROR_ID => self.text(MIRROR_ID).is_some(),
            name => !(FOLLOWING.contains(&name) || is_custom_fields(name)),
        };
        let mut body = Vec::new();
        let mut object = Object::open(&mut body);
        for (name, raw) in self.members.iter().filter(|(name, _)| stays(name)) {
            object.json(name, raw.get());
        }
        if !self.members.contains_key("version") {
            object.json("version", "-1"); // XSOAR's word for an update that no version holds up
        }
        for name in [MIRROR_ID].into_iter().chain(FOLLOWING) {
            let is_there = self.members.contains_key(name) && stays(name);
            if let Some(raw) = ours.members.get(name).filter(|_| !is_there) {
                object.json(name, raw.get());
            }
        }
        self.write_labels(ours, object.member("labels"));
        if let Some((name, _)) = ours.members.iter().find(|(name, _)| is_custom_fields(name)) {
            let mut fields: Members<'_> = self.fields.clone();
            fields.extend(ours.fields.iter().map(|(name, raw)| (name.clone(), *raw)));
            object.group(name, |group| fields.iter().for_each(|(name, raw)| group.json(name, raw.get())));
        }
        object.close();
        body
    }

    /// XSOAR's labels without those of our types, then ours.
    fn write_labels(&self, ours: &Row<'_>, out: &mut Vec<u8>) {
        let is_ours = |label: &Label| ours.labels.iter().any(|(own, _)| own.kind == label.kind);
        let theirs = self.labels.iter().filter(|(label, _)| !is_ours(label));
        out.push(b'[');
        for (place, (_, raw)) in theirs.chain(&ours.labels).enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(raw.get().as_bytes());
        }
        out.push(b']');
    }
}

/// What a search found.
#[derive(Debug)]
pub(super) struct Page<'j> {
    /// How many incidents there are in all.
    pub(super) total: u64,
    /// Those that were sent.
    pub(super) rows: Vec<Row<'j>>,
}

impl<'j> Page<'j> {
    /// The page in a reply; nothing where the reply is no list of incidents. An empty list comes as `null` too.
    pub(super) fn parse(body: &'j [u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Found<'j> {
            total: u64,
            #[serde(borrow)]
            data: Option<Vec<&'j RawValue>>,
        }
        let Found { total, data } = serde_json::from_slice(body).ok()?;
        let rows = data.unwrap_or_default().into_iter().map(|raw| Row::parse(raw.get())).collect::<Option<_>>()?;
        Some(Self { total, rows })
    }
}

/// Orders ids as numbers, without reading them as such.
pub(super) fn rank(id: &str) -> (usize, String) {
    (id.len(), id.to_owned())
}

/// Both spellings mean the same; a server may answer with the one that it does not read.
fn is_custom_fields(name: &str) -> bool {
    name.eq_ignore_ascii_case("customFields")
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok().filter(|text: &String| !text.is_empty())
}
