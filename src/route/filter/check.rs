//! Finds the mistakes of an expression before there is an event, and brings its literals into the spelling of what they are compared
//! with.

use cel::Program;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, SourceInfo, operators,
};

use super::names::Names;
use super::types::{FUNCTIONS, Type, VARIABLES, of_variable};

/// How deep an expression may nest: evaluation must fit the stack of any thread.
pub(super) const DEEPEST: usize = 48;

/// How many walks over lists may lie within each other: more would take a time that whoever fills the lists decides.
const WALKS: usize = 2;

/// The expression with its literals spelled, or everything that is wrong with it.
pub(super) fn check(program: &Program, source: &str) -> Result<IdedExpr, Vec<String>> {
    let mut expression = program.expression().clone();
    let mut checker =
        Checker { info: program.source_info(), source, problems: Vec::new(), scope: Vec::new(), walks: 0, depth: 0 };
    let found = checker.walk(&mut expression, 0);
    if checker.problems.is_empty() && !found.fits(&Type::Bool) {
        checker.problems.push(format!("must yield true or false, not {}", found.name()));
    }
    checker.problems.dedup();
    if checker.problems.is_empty() { Ok(expression) } else { Err(checker.problems) }
}

struct Checker<'p> {
    info: &'p SourceInfo,
    source: &'p str,
    problems: Vec<String>,
    /// Variables of the walks around, innermost last.
    scope: Vec<(String, Type)>,
    walks: usize,
    depth: usize,
}

impl Checker<'_> {
    /// Notes a problem; what has one could be of any type.
    fn fault(&mut self, place: u32, problem: &str) -> Type {
        let before: String = self.source.chars().take(place as usize).collect();
        let (line, column) =
            (before.matches('\n').count() + 1, before.chars().rev().take_while(|c| *c != '\n').count() + 1);
        let line = if self.source.contains('\n') { format!("line {line}, ") } else { String::new() };
        self.problems.push(format!("at {line}character {column}: {problem}"));
        Type::Dynamic
    }

    /// The type of an expression. `around` is the place of what it is a part of.
    fn walk(&mut self, expression: &mut IdedExpr, around: u32) -> Type {
        let place = self.info.offset_for(expression.id).map_or(around, |(start, _)| start);
        if self.depth >= DEEPEST {
            return self.fault(place, "nested too deeply");
        }
        self.depth += 1;
        let found = match &mut expression.expr {
            Expr::Literal(literal) => literal_type(literal),
            Expr::Ident(name) => self.variable(name, place),
            Expr::Select(select) => self.select(select, place),
            Expr::List(list) => {
                let items = list.elements.iter_mut().map(|item| self.walk(item, place)).collect::<Vec<_>>();
                Type::list(items.into_iter().reduce(Type::join).unwrap_or(Type::Dynamic))
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.walk(&mut entry.key, place);
                        self.walk(&mut entry.value, place);
                    }
                }
                Type::Map(Box::new(Type::Dynamic))
            }
            Expr::Call(call) => self.call(call, place),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, place),
            Expr::Struct(_) | Expr::Unspecified => self.fault(place, "not part of the language of filters"),
        };
        self.depth -= 1;
        found
    }

    fn variable(&mut self, name: &str, place: u32) -> Type {
        if let Some((_, found)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return found.clone();
        }
        of_variable(name).unwrap_or_else(|| {
            let known = VARIABLES.map(|(name, _)| name).join(", ");
            self.fault(place, &format!("unknown variable; known: {known}"))
        })
    }

    fn select(&mut self, select: &mut SelectExpr, place: u32) -> Type {
        let of = self.walk(&mut select.operand, place);
        let member = self.member(of, place);
        if select.test { Type::Bool } else { member }
    }

    /// The type of what a map of this type holds.
    fn member(&mut self, of: Type, place: u32) -> Type {
        match of {
            Type::Dynamic => Type::Dynamic,
            Type::Map(member) => *member,
            Type::Optional(inner) => Type::optional(self.member(*inner, place)),
            other => self.fault(place, &format!("{} has no members", other.name())),
        }
    }

    fn comprehension(&mut self, walk: &mut ComprehensionExpr, place: u32) -> Type {
        let range = self.walk(&mut walk.iter_range, place);
        let item = match range {
            Type::List(item) => *item,
            Type::Map(_) => Type::Text(Names::Exact),
            Type::Dynamic => Type::Dynamic,
            other => {
                let problem = format!("{} is no list to walk over", other.name());
                self.fault(place, &problem)
            }
        };
        if self.walks >= WALKS {
            return self.fault(place, &format!("more than {WALKS} walks over lists within each other"));
        }
        let start = self.walk(&mut walk.accu_init, place);
        self.walks += 1;
        let outside = self.scope.len();
        self.scope.push((walk.iter_var.clone(), item));
        self.scope.extend(walk.iter_var2.iter().map(|name| (name.clone(), Type::Dynamic)));
        self.scope.push((walk.accu_var.clone(), start));
        self.walk(&mut walk.loop_cond, place);
        let step = self.walk(&mut walk.loop_step, place);
        if let Some((_, sum)) = self.scope.last_mut() {
            *sum = step;
        }
        let result = self.walk(&mut walk.result, place);
        self.scope.truncate(outside);
        self.walks -= 1;
        result
    }

    fn call(&mut self, call: &mut CallExpr, place: u32) -> Type {
        if let Some(target) = &mut call.target {
            let target = self.walk(target, place);
            return self.method(&call.func_name, target, &mut call.args, place);
        }
        let name = call.func_name.as_str();
        let mut types = Vec::new();
        for argument in &mut call.args {
            types.push(self.walk(argument, place));
        }
        match (name, call.args.as_mut_slice(), types.as_slice()) {
            (
                operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE,
                _,
                types,
            ) => {
                types.iter().for_each(|found| self.want(&Type::Bool, found, place));
                Type::Bool
            }
            (operators::CONDITIONAL, _, [condition, yes, no]) => {
                self.want(&Type::Bool, condition, place);
                yes.clone().join(no.clone())
            }
            (operators::EQUALS | operators::NOT_EQUALS, [left, right], [a, b]) => {
                if !a.fits(b) && *a != Type::Null && *b != Type::Null {
                    return self.fault(place, &format!("compares {} with {}", a.name(), b.name()));
                }
                self.meet(a, right, place);
                self.meet(b, left, place);
                Type::Bool
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [left, right],
                [a, b],
            ) => {
                self.order(a, b, place);
                self.meet(a, right, place);
                self.meet(b, left, place);
                Type::Bool
            }
            (operators::IN, [item, list], [a, b]) => {
                match b {
                    Type::List(items) if !a.fits(items) => {
                        self.fault(place, &format!("looks for {} in a list of {}", a.name(), items.name()));
                    }
                    Type::List(items) => {
                        self.meet(items, item, place);
                        self.meet(&Type::list(a.clone()), list, place);
                    }
                    Type::Map(_) | Type::Dynamic => {}
                    other => {
                        self.fault(place, &format!("looks for something in {}, which is no list", other.name()));
                    }
                }
                Type::Bool
            }
            (operators::ADD, _, [a, b]) if matches!(a, Type::Text(_) | Type::List(_)) && a.fits(b) => {
                a.clone().join(b.clone())
            }
            (operators::ADD, _, [Type::Dynamic, b]) if matches!(b, Type::Text(_) | Type::List(_)) => b.clone(),
            (operators::ADD, _, [Type::Dynamic, Type::Dynamic]) => Type::Dynamic,
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO
                | operators::NEGATE,
                _,
                types,
            ) => {
                types.iter().for_each(|found| self.want(&Type::Number, found, place));
                Type::Number
            }
            (operators::INDEX, _, [of, at]) => self.index(of, at, place),
            (operators::OPT_INDEX, _, [of, at]) => Type::optional(self.index(of, at, place)),
            (operators::OPT_SELECT, _, [of, _]) => Type::optional(self.member(of.clone(), place)),
            ("size", _, [of]) => self.size(of, place),
            ("int" | "uint" | "double", _, [of]) if !matches!(of, Type::List(_) | Type::Map(_) | Type::Bool) => {
                Type::Number
            }
            ("string", _, [of]) if !matches!(of, Type::List(_) | Type::Map(_)) => Type::Text(Names::Exact),
            _ => self.unknown_function(name, place),
        }
    }

    fn method(&mut self, name: &str, target: Type, arguments: &mut [IdedExpr], place: u32) -> Type {
        let types: Vec<Type> = arguments.iter_mut().map(|argument| self.walk(argument, place)).collect();
        match (name, arguments, types.as_slice()) {
            ("startsWith" | "endsWith" | "contains", [part], [of_part]) => {
                self.want(&Type::Text(Names::Exact), &target, place);
                self.want(&Type::Text(Names::Exact), of_part, place);
                if let Type::Text(names) = target {
                    self.meet(&Type::Text(names.of_part()), part, place);
                }
                Type::Bool
            }
            ("lowerAscii" | "upperAscii" | "trim", [], _) => {
                self.want(&Type::Text(Names::Exact), &target, place);
                match (name, target) {
                    ("lowerAscii", _) => Type::Text(Names::Lower),
                    ("upperAscii", _) => Type::Text(Names::Upper),
                    (_, text @ Type::Text(_)) => text,
                    _ => Type::Text(Names::Exact),
                }
            }
            ("size", [], _) => self.size(&target, place),
            ("orValue", [other], [default]) => match target {
                Type::Optional(inner) => {
                    if !inner.fits(default) {
                        return self.fault(place, &format!("{} in place of {}", default.name(), inner.name()));
                    }
                    self.meet(&inner, other, place);
                    *inner
                }
                Type::Dynamic => Type::Dynamic,
                other => self.fault(place, &format!("{} is never absent; ask with `.?` for what may be", other.name())),
            },
            ("hasValue", [], _) if target.fits(&Type::Optional(Box::new(Type::Dynamic))) => Type::Bool,
            ("value", [], _) => match target {
                Type::Optional(inner) => *inner,
                other => self.fault(place, &format!("{} is never absent; ask with `.?` for what may be", other.name())),
            },
            _ => self.unknown_function(name, place),
        }
    }

    fn unknown_function(&mut self, name: &str, place: u32) -> Type {
        if FUNCTIONS.contains(&name) {
            return self.fault(place, "a function with arguments that it does not take");
        }
        self.fault(place, &format!("unknown function; known: {}", FUNCTIONS.join(", ")))
    }

    fn size(&mut self, of: &Type, place: u32) -> Type {
        match of {
            Type::Text(_) | Type::List(_) | Type::Map(_) | Type::Dynamic => Type::Number,
            other => self.fault(place, &format!("{} has no size", other.name())),
        }
    }

    fn index(&mut self, of: &Type, at: &Type, place: u32) -> Type {
        match of {
            Type::List(item) => {
                self.want(&Type::Number, at, place);
                (**item).clone()
            }
            Type::Map(member) => {
                self.want(&Type::Text(Names::Exact), at, place);
                (**member).clone()
            }
            Type::Optional(inner) => Type::optional(self.index(inner, at, place)),
            Type::Dynamic => Type::Dynamic,
            other => self.fault(place, &format!("{} has no members", other.name())),
        }
    }

    fn want(&mut self, wanted: &Type, found: &Type, place: u32) {
        if !found.fits(wanted) {
            self.fault(place, &format!("wants {}, not {}", wanted.name(), found.name()));
        }
    }

    /// Notes what cannot be said to be less or more.
    fn order(&mut self, a: &Type, b: &Type, place: u32) {
        let named = [a, b].iter().any(|found| matches!(found, Type::Text(Names::Severity)));
        if named {
            self.fault(place, "severities as texts have no order; compare severity_level with a number: 4 is high");
        } else if !a.fits(b) {
            self.fault(place, &format!("compares {} with {}", a.name(), b.name()));
        } else if [a, b]
            .iter()
            .any(|found| matches!(found, Type::List(_) | Type::Map(_) | Type::Null | Type::Optional(_)))
        {
            self.fault(place, &format!("{} has no order", a.name()));
        }
    }

    /// Spells the literals in `other` as values of this type are.
    fn meet(&mut self, found: &Type, other: &mut IdedExpr, place: u32) {
        let place = self.info.offset_for(other.id).map_or(place, |(start, _)| start);
        match (found, &mut other.expr) {
            (Type::Text(names), Expr::Literal(LiteralValue::String(text))) => match names.meet(text.inner()) {
                Ok(spelled) => *text = spelled.into(),
                Err(problem) => {
                    self.fault(place, &problem);
                }
            },
            (Type::List(items), Expr::List(list)) => {
                list.elements.iter_mut().for_each(|item| self.meet(items, item, place));
            }
            _ => {}
        }
    }
}

const fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Number,
        LiteralValue::String(_) => Type::Text(Names::Exact),
        LiteralValue::Null => Type::Null,
        LiteralValue::Bytes(_) => Type::Dynamic,
    }
}
