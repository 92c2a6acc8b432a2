//! What the local run says: results to standard output, everything else to standard error.

use std::io::{IsTerminal, Write};

use serde_json::{Map, Value};

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loudness {
    /// Errors and the summary.
    Quiet,
    /// Also payloads, notes and progress.
    #[default]
    Normal,
    /// Also every line of the handler and every payload in full.
    Verbose,
}

/// Colours, where they are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Colours when `terminal` is one and the user did not refuse them (`NO_COLOR`).
    #[must_use]
    pub fn new(terminal: bool, no_color: bool) -> Self {
        Self { on: terminal && !no_color }
    }

    /// Bold.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// Dimmed.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Good news.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Bad news.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The two streams of the program.
#[derive(Debug)]
pub struct Console {
    loudness: Loudness,
    /// For standard output.
    pub paint: Paint,
    paint_err: Paint,
    progress: bool,
    terminal: bool,
}

impl Console {
    /// The process's own streams.
    #[must_use]
    pub fn new(loudness: Loudness, no_color: bool) -> Self {
        let (terminal, terminal_err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        Self {
            loudness,
            paint: Paint::new(terminal, no_color),
            paint_err: Paint::new(terminal_err, no_color),
            progress: terminal_err && loudness == Loudness::Normal,
            terminal,
        }
    }

    /// How much is said.
    #[must_use]
    pub fn loudness(&self) -> Loudness {
        self.loudness
    }

    /// A result. A closed pipe is no reason to fail.
    pub fn print(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    }

    /// A payload as a result: byte for byte, except that on a terminal control characters are spelled out.
    pub fn print_payload(&self, text: &str) {
        if self.terminal { self.print(&visible(text)) } else { self.print(text) }
    }

    /// Something worth knowing.
    pub fn note(&self, text: &str) {
        if self.loudness != Loudness::Quiet {
            self.error_line(&self.paint_err.dim(text));
        }
    }

    /// Something that went wrong.
    pub fn warn(&self, text: &str) {
        self.error_line(&self.paint_err.bad(text));
    }

    /// One line of the handler: its warnings and errors always, in words; all of them as they are when asked for. The handler logs no
    /// alert content.
    pub fn handler_line(&self, line: &str, stderr: bool) {
        match self.loudness {
            Loudness::Verbose => self.error_line(&self.paint_err.dim(&visible(line))),
            _ if stderr => self.error_line(&visible(&in_words(line).unwrap_or_else(|| line.to_owned()))),
            _ => {}
        }
    }

    /// How far the work is, in one line that the next replaces; only on a terminal.
    pub fn progress(&self, text: &str) {
        if self.progress {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
        }
    }

    fn error_line(&self, text: &str) {
        let clear = if self.progress { "\r\x1b[K" } else { "" };
        let _ = writeln!(std::io::stderr().lock(), "{clear}{text}");
    }
}

/// A line of the handler's log for people: level, message, then every field but time and module. Nothing when it is no such line.
fn in_words(line: &str) -> Option<String> {
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut fields: Map<String, Value> = serde_json::from_str(line).ok()?;
    let (level, message) = (text(fields.remove("level")?), fields.remove("message").map(text));
    let named = fields
        .into_iter()
        .filter(|(name, _)| name != "timestamp" && name != "target")
        .map(|(name, value)| format!("{name}: {}", text(value)));
    let parts: Vec<String> = message.into_iter().chain(named).collect();
    Some(format!("handler {level}: {}", parts.join("; ")))
}

/// The text with its control characters spelled out, so that no payload can steer the terminal; line breaks and tabs stay.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(character),
            control if control.is_control() => out.extend(control.escape_default()),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_cannot_steer_the_terminal() {
        assert_eq!(visible("a\x1b[2Jb\u{9b}c\r\n\td"), "a\\u{1b}[2Jb\\u{9b}c\\r\n\td");
    }

    #[test]
    fn log_lines_are_told_in_words() {
        let line = r#"{"timestamp":"t","level":"WARN","message":"parking events","destination":"soc","events":7,"target":"x"}"#;
        assert_eq!(in_words(line).unwrap(), "handler WARN: parking events; destination: soc; events: 7");
        assert_eq!(in_words(r#"{"level":"WARN","warning":"w"}"#).unwrap(), "handler WARN: warning: w");
        assert_eq!(in_words("thread 'main' has overflowed its stack"), None);
        assert_eq!(in_words("{}"), None);
    }

    #[test]
    fn colours_are_for_terminals_only() {
        assert_eq!(Paint::new(true, false).bad("x"), "\x1b[31mx\x1b[0m");
        assert_eq!(Paint::new(false, false).bad("x"), "x");
        assert_eq!(Paint::new(true, true).bad("x"), "x");
    }
}
