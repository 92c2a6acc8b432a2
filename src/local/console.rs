//! What the local run says: results to standard output, everything else to standard error.

use std::io::{IsTerminal, Write};

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
}

impl Console {
    /// The process's own streams.
    #[must_use]
    pub fn new(loudness: Loudness, no_color: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            loudness,
            paint: Paint::new(std::io::stdout().is_terminal(), no_color),
            paint_err: Paint::new(terminal, no_color),
            progress: terminal && loudness == Loudness::Normal,
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

    /// One line of the handler: its warnings and errors always, the rest when asked for. The handler logs no alert content.
    pub fn handler_line(&self, line: &str, stderr: bool) {
        if stderr || self.loudness == Loudness::Verbose {
            self.error_line(&self.paint_err.dim(&visible(line)));
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
    fn colours_are_for_terminals_only() {
        assert_eq!(Paint::new(true, false).bad("x"), "\x1b[31mx\x1b[0m");
        assert_eq!(Paint::new(false, false).bad("x"), "x");
        assert_eq!(Paint::new(true, true).bad("x"), "x");
    }
}
