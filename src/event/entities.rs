//! The entities of an alert as a tree, references resolved.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// How deep references are followed inside an entity: further than any entity of the reference nests.
const MAX_STEPS: usize = 6;

/// An alert's entities, in order, with every `$ref` resolvable.
#[derive(Clone, Debug, Default)]
pub struct Entities {
    /// Entities in document order, references already followed.
    pub list: Vec<Entity>,
}

/// One entity.
#[derive(Debug, Clone)]
pub struct Entity {
    /// Lower-case kind: `ip`, `host`, `account`, `k8s-pod`, ...; of Graph's evidence `deviceEvidence` is `host`, `userEvidence` is
    /// `account`, and others are the words of their name (`azure-resource`). Empty where the entity names none.
    pub kind: String,
    /// Its members, `$ref`s inside replaced by what they point to, up to a bounded depth and size.
    pub fields: Map<String, Value>,
}

impl Entities {
    /// Reads a list of entities, or one entity; empty where the text does not parse.
    ///
    /// Of definitions with one `$id` the first counts. An element that only refers to another element of the list is left out,
    /// as is one that refers to nothing. A reference that cannot be followed (dangling, cyclic, or past the bounds) stays
    /// `{"$ref": ...}`. All references together add at most four times the size of the text, and 64 KiB.
    pub(super) fn of(text: &str) -> Self {
        let list = match serde_json::from_str(text) {
            Ok(Value::Array(list)) => list,
            Ok(one @ Value::Object(_)) => vec![one],
            _ => return Self::default(),
        };
        let mut definitions = BTreeMap::new();
        list.iter().for_each(|element| {
            define(element, &mut definitions);
        });
        let mut resolver = Resolver { definitions, allowance: 65_536 + 4 * text.len(), open: Vec::new() };
        let resolved = list.iter().filter_map(|element| {
            let definition = match reference(element) {
                Some(id) => {
                    let target = resolver.definitions.get(id)?.value;
                    if list.as_ptr_range().contains(&std::ptr::from_ref(target)) {
                        return None;
                    }
                    target
                }
                None => element,
            };
            match resolver.resolve(definition) {
                Value::Object(fields) => Some(Entity { kind: kind(&fields), fields }),
                _ => None,
            }
        });
        Self { list: resolved.collect() }
    }
}

impl Entity {
    /// This entity, then every object inside it, outermost first: its kind (empty where it names none) and its members.
    #[must_use]
    pub fn pieces(&self) -> Vec<(String, &Map<String, Value>)> {
        let mut pieces = vec![(self.kind.clone(), &self.fields)];
        self.fields.values().for_each(|member| add_pieces(member, &mut pieces));
        pieces
    }
}

fn add_pieces<'v>(value: &'v Value, pieces: &mut Vec<(String, &'v Map<String, Value>)>) {
    match value {
        Value::Object(members) => {
            pieces.push((kind(members), members));
            members.values().for_each(|member| add_pieces(member, pieces));
        }
        Value::Array(items) => items.iter().for_each(|item| add_pieces(item, pieces)),
        _ => {}
    }
}

/// The id that an object with `$ref` refers to.
fn reference(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()
}

/// What an id stands for.
struct Definition<'v> {
    value: &'v Value,
    /// About how many bytes of JSON it takes.
    size: usize,
}

/// Collects every object with an `$id`, in document order, wherever it is; returns about how many bytes of JSON the value takes.
fn define<'v>(value: &'v Value, definitions: &mut BTreeMap<&'v str, Definition<'v>>) -> usize {
    match value {
        Value::Object(members) => {
            let id = members.get("$id").and_then(Value::as_str).filter(|id| !definitions.contains_key(id));
            // Before its members, since the first definition counts; its size is known after them.
            definitions.extend(id.map(|id| (id, Definition { value, size: 0 })));
            let inside = members.iter().map(|(key, member)| key.len() + 4 + define(member, definitions));
            let size = inside.sum::<usize>() + 2;
            definitions.extend(id.map(|id| (id, Definition { value, size })));
            size
        }
        Value::Array(items) => items.iter().map(|item| define(item, definitions) + 1).sum::<usize>() + 2,
        Value::String(text) => text.len() + 2,
        _ => 5,
    }
}

struct Resolver<'v> {
    definitions: BTreeMap<&'v str, Definition<'v>>,
    /// How many more bytes references may add.
    allowance: usize,
    /// The ids of the definitions being resolved, outermost first.
    open: Vec<&'v str>,
}

impl<'v> Resolver<'v> {
    fn resolve(&mut self, value: &'v Value) -> Value {
        match value {
            Value::Object(members) => {
                if let Some(target) = reference(value).and_then(|id| self.enter(id)) {
                    let resolved = self.resolve(target);
                    self.open.pop();
                    return resolved;
                }
                let own = members.get("$id").and_then(Value::as_str);
                self.open.extend(own);
                let resolved = members.iter().map(|(key, member)| (key.clone(), self.resolve(member))).collect();
                self.open.truncate(self.open.len() - usize::from(own.is_some()));
                Value::Object(resolved)
            }
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            other => other.clone(),
        }
    }

    /// The definition of that id, if it may be followed; it is open then.
    fn enter(&mut self, id: &'v str) -> Option<&'v Value> {
        let &Definition { value: target, size } = self.definitions.get(id)?;
        if self.open.contains(&id) || self.open.len() > MAX_STEPS {
            return None;
        }
        // What the definition itself adds; references in it are counted when they are followed.
        self.allowance = self.allowance.checked_sub(size)?;
        self.open.push(id);
        Some(target)
    }
}

fn kind(fields: &Map<String, Value>) -> String {
    let member = |name: &str| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.as_str();
    if let Some(kind) = member("Type") {
        return kind.to_ascii_lowercase();
    }
    let name = member("@odata.type").unwrap_or_default();
    let name = name.strip_prefix("#microsoft.graph.security.").unwrap_or(name);
    match name.strip_suffix("Evidence").unwrap_or(name) {
        "device" => "host".into(),
        "user" => "account".into(),
        "fileHash" => "filehash".into(),
        words => words.chars().fold(String::new(), |mut kind, c| {
            if c.is_ascii_uppercase() && !kind.is_empty() {
                kind.push('-');
            }
            kind.push(c.to_ascii_lowercase());
            kind
        }),
    }
}
