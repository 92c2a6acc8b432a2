//! An event in another text: what is left of it when fields were taken out of its record.

use super::decode::Texts;
use super::fields::Fields;
use super::{Event, json, record};

impl Event<'_> {
    /// The same event as `raw` tells it: id, kind and shape stay, everything else is read from that text, which must be one valid JSON
    /// object.
    ///
    /// The key stays only where the text still tells it. A key that came out otherwise (`[redacted]`, or what a record is called when its
    /// first name is gone) could make one ticket of several alerts; such an event has none.
    #[must_use]
    pub fn retold<'b>(&self, raw: &'b str, texts: &'b Texts) -> Event<'b> {
        let view = json::mend_surrogates(raw).map_or(raw, |mended| texts.keep(mended));
        let recognised = (self.kind, self.alert.as_deref().map(|alert| alert.shape));
        let mut event = record::retell(self.id, recognised, raw, view, &Fields::of(view), self.seen, texts);
        event.taken = self.taken;
        event.key = event.key.filter(|key| self.key.as_ref() == Some(key));
        if let (Some(alert), Some(own)) = (&mut event.alert, &self.alert) {
            alert.system_alert_id = alert.system_alert_id.take().filter(|id| own.system_alert_id.as_ref() == Some(id));
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use crate::event::decode::{Decoded, Texts, decode};
    use crate::event::{Event, RecordKind};

    /// What `check` says of the record as the other text tells it.
    fn retold<T>(record: &str, other: &str, check: impl FnOnce(&Event<'_>, &Event<'_>) -> T) -> T {
        let (texts, mut decoded) = (Texts::default(), Decoded::default());
        decode(record.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
        check(&decoded.events[0], &decoded.events[0].retold(other, &texts))
    }

    const ALERT: &str = r#"{"SystemAlertId":"id","AlertType":"t","AlertDisplayName":"title","Severity":"High"}"#;

    #[test]
    fn kind_and_id_stay_and_the_rest_is_read_anew() {
        retold(ALERT, r#"{"SystemAlertId":"id","Severity":"Low"}"#, |was, is| {
            assert_eq!((is.id, is.kind, &is.key), (was.id, RecordKind::Alert, &was.key));
            assert_eq!((is.severity.name(), is.title.as_deref()), ("low", None));
            assert_eq!(is.alert.as_ref().unwrap().shape, was.alert.as_ref().unwrap().shape);
        });
    }

    #[test]
    fn a_key_that_came_out_otherwise_is_none() {
        for other in ["{}", r#"{"SystemAlertId":"[redacted]"}"#, r#"{"ProviderAlertId":"id of somebody else"}"#] {
            retold(ALERT, other, |_, is| {
                assert_eq!(is.key, None, "{other}");
                assert_eq!(is.alert.as_ref().unwrap().system_alert_id, None, "{other}");
            });
        }
    }
}
