//! An event as routes look at it: what they ask for is made once, and shared by all of them.

use std::collections::HashMap;
use std::sync::OnceLock;

use cel::Value;
use cel::common::types::{CelBool, CelInt, CelList, CelMap, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use serde_json::Value as Json;

use super::filter::Names;
use crate::event::{Event, Outline, Severity, mend_surrogates, resource_type, segment_after};

/// An event, and what was made of it for the routes of all destinations. Short-lived: a record as a map is many times as large as its
/// text.
#[derive(Debug)]
pub struct Subject<'e, 'a> {
    event: &'e Event<'a>,
    outline: OnceLock<Outline>,
    variables: OnceLock<Box<Variables>>,
    record: OnceLock<Box<dyn Val>>,
}

/// The variables that take work. Texts in the spelling of their [`Names`].
#[derive(Debug)]
struct Variables {
    status: String,
    subscription: String,
    resource_group: String,
    resource_type: String,
    resource: String,
    alert_type: String,
    action: String,
    category: String,
    operation: String,
    tactics: CelList<'static>,
    techniques: CelList<'static>,
    tags: Box<dyn Val>,
}

impl<'e, 'a> Subject<'e, 'a> {
    /// Nothing is made of the event yet.
    #[must_use]
    pub const fn new(event: &'e Event<'a>) -> Self {
        Self { event, outline: OnceLock::new(), variables: OnceLock::new(), record: OnceLock::new() }
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> &'e Event<'a> {
        self.event
    }

    /// What the record says besides.
    pub(super) fn outline(&self) -> &Outline {
        self.outline.get_or_init(|| Outline::of(self.event))
    }

    fn variables(&self) -> &Variables {
        self.variables.get_or_init(|| Box::new(Variables::of(self.event, self.outline())))
    }

    fn record(&self) -> &dyn Val {
        self.record
            .get_or_init(|| {
                let mended = mend_surrogates(self.event.raw);
                boxed(serde_json::from_str(mended.as_deref().unwrap_or(self.event.raw)).unwrap_or_default())
            })
            .as_ref()
    }
}

impl Variables {
    fn of(event: &Event<'_>, outline: &Outline) -> Self {
        let alert = event.alert.as_deref();
        let resource = event.resource.as_deref().unwrap_or_default();
        let id = if resource.is_empty() { event.key.as_deref().unwrap_or_default() } else { resource };
        let subscription = alert
            .and_then(|alert| alert.subscription_id())
            .or_else(|| segment_after(id, "subscriptions"))
            .unwrap_or(&outline.subscription);
        let kind = resource_type(id).unwrap_or_default();
        let tactics = alert.map(|alert| alert.tactics()).unwrap_or_default();
        let techniques = alert.map(|alert| alert.techniques()).unwrap_or_default();
        let lower = |text: &str| Names::Lower.spell(text);
        Self {
            status: Names::Status.spell(&outline.status),
            subscription: lower(subscription),
            resource_group: lower(segment_after(id, "resourceGroups").unwrap_or_default()),
            resource_type: lower(&kind),
            resource: lower(resource),
            alert_type: lower(alert.and_then(|alert| alert.alert_type.as_deref()).unwrap_or_default()),
            action: lower(&outline.action),
            category: lower(&outline.category),
            operation: lower(&outline.operation),
            tactics: list(tactics.iter().map(|tactic| tactic.name.to_owned())),
            techniques: list(techniques.iter().map(|technique| Names::Upper.spell(technique))),
            tags: boxed(outline.tags.iter().map(|(key, value)| (key.clone(), Json::from(value.as_str()))).collect()),
        }
    }
}

fn list(texts: impl Iterator<Item = String>) -> CelList<'static> {
    CelList::from(texts.map(|text| Box::new(CelString::from(text)) as Box<dyn Val>).collect::<Vec<_>>())
}

/// A JSON value as an expression sees it.
fn boxed(json: Json) -> Box<dyn Val> {
    let boxed: Result<Box<dyn Val>, _> = value(json).try_into();
    // Every value but a function and an opaque one has a boxed form; neither is made here.
    boxed.unwrap_or_else(|_| Box::new(CelMap::from(HashMap::new())))
}

fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::UInt(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text),
        Json::Array(items) => Value::List(items.into_iter().map(value).collect::<Vec<_>>().into()),
        Json::Object(members) => {
            let members = members.into_iter().map(|(key, member)| (key.into(), value(member)));
            Value::Map(cel::objects::Map { map: members.collect::<HashMap<_, _>>().into() })
        }
    }
}

impl VariableResolver for Subject<'_, '_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let text = |text: &'b str| Some(CowVal::owned(CelString::from(text)));
        let flag = |flag: bool| Some(CowVal::owned(CelBool::from(flag)));
        let variables = || self.variables();
        match variable {
            "kind" => text(self.event.kind.name()),
            "severity" => text(self.event.severity.name()),
            "severity_level" => Some(CowVal::owned(CelInt::from(level(self.event.severity)))),
            "title" => text(self.event.title.as_deref().unwrap_or_default()),
            "sample" => flag(self.event.is_sample()),
            "snapshot" => flag(self.outline().is_snapshot),
            "status" => text(&variables().status),
            "subscription" => text(&variables().subscription),
            "resource_group" => text(&variables().resource_group),
            "resource_type" => text(&variables().resource_type),
            "resource" => text(&variables().resource),
            "alert_type" => text(&variables().alert_type),
            "action" => text(&variables().action),
            "category" => text(&variables().category),
            "operation" => text(&variables().operation),
            "tactics" => Some(CowVal::Borrowed(&variables().tactics)),
            "techniques" => Some(CowVal::Borrowed(&variables().techniques)),
            "tags" => Some(CowVal::Borrowed(variables().tags.as_ref())),
            "record" => Some(CowVal::Borrowed(self.record())),
            _ => None,
        }
    }
}

/// A severity as a number: 0 where there is none, then from 1, informational, to 5, critical.
const fn level(severity: Severity) -> i64 {
    match severity {
        Severity::Unknown => 0,
        Severity::Informational => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}
