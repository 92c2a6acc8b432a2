//! The entities of an alert as a tree, references resolved.

use serde_json::{Map, Value};

/// An alert's entities, in order, with every `$ref` resolvable.
#[derive(Debug, Default)]
pub struct Entities {
    /// Entities in document order, references already followed.
    pub list: Vec<Entity>,
}

/// One entity.
#[derive(Debug, Clone)]
pub struct Entity {
    /// Lower-case kind: `ip`, `host`, `account`, `k8s-pod`, ...
    pub kind: String,
    /// Its members, `$ref`s inside replaced by what they point to, up to a bounded depth and size.
    pub fields: Map<String, Value>,
}
