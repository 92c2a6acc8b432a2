//! The types of expressions, and the names that an expression may use.

use super::Names;

/// The type of an expression, as far as it can be told without an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    /// Could be anything: what a record holds.
    Dynamic,
    Bool,
    Number,
    Text(Names),
    List(Box<Type>),
    /// Of texts to this.
    Map(Box<Type>),
    Optional(Box<Type>),
    Null,
}

impl Type {
    /// What a person calls it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Dynamic => "anything",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Optional(_) => "an optional value",
            Self::Null => "null",
        }
    }

    /// Whether values of both can be of one type.
    pub(super) fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dynamic, _) | (_, Self::Dynamic) | (Self::Text(_), Self::Text(_)) => true,
            (Self::List(a), Self::List(b)) | (Self::Map(a), Self::Map(b)) | (Self::Optional(a), Self::Optional(b)) => {
                a.fits(b)
            }
            (a, b) => a == b,
        }
    }

    /// The type of what may be of either.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Text(_), Self::Text(_)) => Self::Text(Names::Exact),
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.join(*b))),
            (Self::Map(a), Self::Map(b)) => Self::Map(Box::new(a.join(*b))),
            _ => Self::Dynamic,
        }
    }

    /// What may be absent; an optional of an optional is one.
    pub(super) fn optional(inner: Self) -> Self {
        if let Self::Optional(_) = inner { inner } else { Self::Optional(Box::new(inner)) }
    }

    pub(super) fn list(items: Self) -> Self {
        Self::List(Box::new(items))
    }
}

/// The variables of an expression, in the order of documentation, each with its type in words.
pub const VARIABLES: [(&str, &str); 19] = [
    ("kind", "text"),
    ("severity", "text"),
    ("severity_level", "number"),
    ("status", "text"),
    ("title", "text"),
    ("alert_type", "text"),
    ("tactics", "list of texts"),
    ("techniques", "list of texts"),
    ("subscription", "text"),
    ("resource_group", "text"),
    ("resource_type", "text"),
    ("resource", "text"),
    ("tags", "map of texts"),
    ("sample", "true or false"),
    ("snapshot", "true or false"),
    ("action", "text"),
    ("category", "text"),
    ("operation", "text"),
    ("record", "map"),
];

/// The type of a variable.
pub(super) fn of_variable(name: &str) -> Option<Type> {
    Some(match name {
        "kind" => Type::Text(Names::Kind),
        "severity" => Type::Text(Names::Severity),
        "status" => Type::Text(Names::Status),
        "severity_level" => Type::Number,
        "title" => Type::Text(Names::Exact),
        "alert_type" | "subscription" | "resource_group" | "resource_type" | "resource" | "action" | "category"
        | "operation" => Type::Text(Names::Lower),
        "tactics" => Type::list(Type::Text(Names::Tactic)),
        "techniques" => Type::list(Type::Text(Names::Upper)),
        "tags" => Type::Map(Box::new(Type::Text(Names::Exact))),
        "sample" | "snapshot" => Type::Bool,
        "record" => Type::Map(Box::new(Type::Dynamic)),
        _ => return None,
    })
}

/// The functions of an expression, besides operators and macros (`has`, `all`, `exists`, `exists_one`, `map`, `filter`).
pub const FUNCTIONS: [&str; 14] = [
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "lowerAscii",
    "upperAscii",
    "trim",
    "int",
    "uint",
    "double",
    "string",
    "orValue",
    "hasValue",
    "value",
];
