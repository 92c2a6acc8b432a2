//! `FILTER`: an expression of the Common Expression Language over an event.
//!
//! An expression is read and checked once, at start; what can be told of its mistakes then is a fault of the setting. What fails later
//! on some event lets that event pass.

mod check;
mod names;
mod types;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::parser::Expression;
use cel::{Context, Env, ExecutionError, ParseError, Value};
use jiff::Timestamp;

use super::subject::Subject;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::{Event, RecordKind};
pub(super) use names::Names;
pub use types::{FUNCTIONS, VARIABLES};

/// Longest expression, in characters.
const LONGEST: usize = 4096;

/// Stack for reading an expression: the parser goes some hundred frames deep for what [`check::DEEPEST`] then refuses.
const STACK: usize = 64 << 20;

static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut language = Env::stdlib();
    // Fails only for what is declared twice.
    let _ = language.add_extension(cel::extensions::strings);
    Arc::new(language)
});

/// An expression that was found sound.
#[derive(Debug)]
pub struct Filter {
    expression: Expression,
}

/// Why an expression could not be evaluated on an event. Never holds content of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfiltered {
    /// It asks for a key or a place that the record does not have.
    Missing,
    /// A value is of another type than the expression takes it for.
    Mismatch,
    /// Arithmetic failed.
    Arithmetic,
    /// The interpreter failed.
    Broken,
}

impl fmt::Display for Unfiltered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the expression asks for a key that the record does not have",
            Self::Mismatch => "a value is of another type than the expression takes it for",
            Self::Arithmetic => "an overflow, or a division by zero",
            Self::Broken => "the interpreter failed",
        })
    }
}

impl Filter {
    /// Reads and checks an expression.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place; never quotes it.
    pub fn compile(source: &str) -> Result<Self, Vec<String>> {
        if source.chars().count() > LONGEST {
            return Err(vec![format!("is longer than {LONGEST} characters")]);
        }
        let source = source.to_owned();
        let reader = std::thread::Builder::new().stack_size(STACK).spawn(move || read(&source));
        let read = reader.map(std::thread::JoinHandle::join);
        match read {
            Ok(Ok(expression)) => Ok(Self { expression: expression? }),
            Ok(Err(_)) => Err(vec!["is no expression that could be read".to_owned()]),
            Err(error) => Err(vec![format!("could not be read: {}", error.kind())]),
        }
    }

    /// Whether the expression is true for the event.
    ///
    /// # Errors
    /// When it cannot be evaluated on this event.
    pub fn admits(&self, subject: &Subject<'_, '_>) -> Result<bool, Unfiltered> {
        match evaluate(&self.expression, subject) {
            Some(Ok(Value::Bool(admitted))) => Ok(admitted),
            Some(Ok(_)) => Err(Unfiltered::Mismatch),
            Some(Err(error)) => Err(reason(&error)),
            None => Err(Unfiltered::Broken),
        }
    }
}

/// The value of an expression; nothing where the interpreter panicked.
fn evaluate(expression: &Expression, subject: &Subject<'_, '_>) -> Option<Result<Value, ExecutionError>> {
    catch_unwind(AssertUnwindSafe(|| {
        let mut context = Context::with_env(Arc::clone(&LANGUAGE));
        context.set_variable_resolver(subject);
        Value::resolve(expression, &context)
    }))
    .ok()
}

fn reason(error: &ExecutionError) -> Unfiltered {
    match error {
        ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_) => Unfiltered::Missing,
        // What `value()` of an absent optional says.
        ExecutionError::FunctionError { .. } => Unfiltered::Missing,
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) | ExecutionError::Overflow(..) => {
            Unfiltered::Arithmetic
        }
        ExecutionError::InternalError(_) => Unfiltered::Broken,
        _ => Unfiltered::Mismatch,
    }
}

/// Reads, checks and tries an expression.
fn read(source: &str) -> Result<Expression, Vec<String>> {
    let program = LANGUAGE.compile(source).map_err(|errors| {
        let mut problems: Vec<String> = errors.errors.iter().map(|error| syntax(error, source)).collect();
        problems.dedup();
        // What follows a first fault is mostly its consequence.
        problems.truncate(3);
        problems
    })?;
    let expression = check::check(&program, source)?;
    rehearse(&expression)?;
    Ok(expression)
}

fn syntax(error: &ParseError, source: &str) -> String {
    let (line, column) = error.pos;
    let line = usize::try_from(line).ok().and_then(|line| source.lines().nth(line.checked_sub(1)?));
    match (line, usize::try_from(column)) {
        (Some(text), Ok(column)) if column <= text.chars().count() + 1 => {
            let place = if source.lines().count() > 1 { format!("line {}, ", error.pos.0) } else { String::new() };
            format!("syntax error at {place}character {}", column.max(1))
        }
        _ => "syntax error: nested too deeply, or no expression".to_owned(),
    }
}

/// Evaluates the expression on a blank event of every kind: what the check of types cannot see shows here.
fn rehearse(expression: &Expression) -> Result<(), Vec<String>> {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(b"{}", Timestamp::UNIX_EPOCH, &texts, &mut decoded);
    let Some(blank) = decoded.events.pop() else { return Ok(()) };
    for kind in RecordKind::ALL {
        let event = Event { kind, ..blank.clone() };
        let problem = match evaluate(expression, &Subject::new(&event)) {
            Some(Ok(Value::Bool(_))) => continue,
            Some(Ok(_)) => "does not yield true or false",
            // A blank event lacks keys that real ones have.
            Some(Err(error)) if reason(&error) == Unfiltered::Missing => continue,
            Some(Err(error)) if reason(&error) == Unfiltered::Arithmetic => "overflows, or divides by zero",
            Some(Err(_)) => "mixes types that do not go together",
            None => "is an expression that the interpreter cannot evaluate",
        };
        return Err(vec![problem.to_owned()]);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
