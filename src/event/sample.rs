//! Sample alerts: what Defender for Cloud makes so that a person can see one arrive.

use std::borrow::Cow;

use super::Event;

/// What the titles of sample alerts begin with.
const MARK: &str = "[SAMPLE ALERT]";

fn is_marked(title: &str) -> bool {
    title.get(..MARK.len()).is_some_and(|start| start.eq_ignore_ascii_case(MARK))
}

impl<'a> Event<'a> {
    /// Whether the event is a sample alert, or a record about one: alert type `SIMULATED_…`, or a title that says so.
    #[must_use]
    pub fn is_sample(&self) -> bool {
        self.title.as_deref().is_some_and(is_marked) || self.alert.as_deref().is_some_and(super::Alert::is_sample)
    }

    /// The same event with a title that begins with `[SAMPLE ALERT]`, in every field that holds one. `raw` stays as it came.
    #[must_use]
    pub fn marked_as_sample(&self) -> Self {
        let mut event = self.clone();
        event.title = Some(marked(event.title.take()));
        if let Some(alert) = &mut event.alert {
            let title = alert.display_name.take().or_else(|| alert.alert_type.clone());
            alert.display_name = Some(marked(title));
        }
        event
    }
}

fn marked(title: Option<Cow<'_, str>>) -> Cow<'_, str> {
    match title {
        None => Cow::Borrowed(MARK),
        Some(title) if is_marked(&title) => title,
        Some(title) => Cow::Owned(format!("{MARK} {title}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_marked_once() {
        for (title, expected) in [
            (None, "[SAMPLE ALERT]"),
            (Some("Odd login"), "[SAMPLE ALERT] Odd login"),
            (Some("[sample alert] Odd login"), "[sample alert] Odd login"),
        ] {
            assert_eq!(marked(title.map(Cow::Borrowed)), expected);
        }
    }
}
