//! Which tickets people closed: questions to the Table API, and what may be believed of the answers.
//!
//! A time in a query is read in the time zone of the user who asks, while the rows hold GMT. So a day more is asked for than is wanted, and what
//! is too old is left out here.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;

use super::desk::Desk;
use super::instance::result;
use super::key::alert_of;
use super::row::text;
use super::said::{Said, glide};
use crate::destinations::{Ticket, TicketPage, Tickets};
use crate::event::parse_time;
use crate::parcel::{Parcel, Reply, Verdict};

/// Rows of a page.
const ROWS: usize = 500;

/// More than any time zone is away from GMT.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The columns that are asked for.
const FIELDS: &str = "sys_id,number,state,active,correlation_id,correlation_display,close_code,sys_updated_on";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Row {
    #[serde(deserialize_with = "text")]
    sys_id: String,
    #[serde(deserialize_with = "text")]
    number: String,
    #[serde(deserialize_with = "text")]
    state: String,
    #[serde(deserialize_with = "text")]
    active: String,
    #[serde(deserialize_with = "text")]
    correlation_id: String,
    #[serde(deserialize_with = "text")]
    correlation_display: String,
    #[serde(deserialize_with = "text")]
    close_code: String,
    #[serde(deserialize_with = "text")]
    sys_updated_on: String,
}

impl Desk {
    /// The states in which a ticket is closed, though the platform calls it active: those that this destination closes with. 6 is what
    /// ServiceNow documents for a resolved `incident`.
    fn ended(&self) -> Vec<&str> {
        let resolved = self.states.resolved.as_deref().or((self.table == "incident").then_some("6"));
        resolved.into_iter().chain(self.states.canceled.as_deref()).collect()
    }

    fn question(&self, query: &str, skip: usize) -> Parcel {
        let (rows, skip) = (ROWS.to_string(), skip.to_string());
        let parameters = [
            ("sysparm_query", query),
            ("sysparm_limit", rows.as_str()),
            ("sysparm_offset", skip.as_str()),
            ("sysparm_fields", FIELDS),
            ("sysparm_display_value", "false"),
            ("sysparm_exclude_reference_link", "true"),
            ("sysparm_no_count", "true"),
        ];
        Parcel::Http(self.instance.request(Method::GET, self.instance.at(&self.path(), &parameters), Vec::new()))
    }

    /// A row of ours; nothing for a stranger's, which an instance answers too where it ignores a condition.
    fn ticket(&self, row: Row) -> Option<Ticket> {
        let is_id = row.sys_id.len() == 32 && row.sys_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let alert = alert_of(&row.correlation_id).filter(|_| is_id)?;
        let ended = matches!(row.active.as_str(), "false" | "0") || self.ended().contains(&row.state.as_str());
        let said: Option<Said> = row.correlation_display.parse().ok();
        Some(Ticket {
            number: if row.number.is_empty() { row.sys_id.clone() } else { row.number },
            id: row.sys_id,
            alert,
            changed: parse_time(&format!("{}Z", row.sys_updated_on.replacen(' ', "T", 1)))?,
            is_closed: ended,
            // A ticket that remembers nothing was not made by this program.
            knows_alert_is_closed: said.is_none_or(|said| said.is_over()),
            close_code: row.close_code,
        })
    }
}

impl Tickets for Desk {
    fn ask(&self, since: Timestamp, skip: usize) -> Parcel {
        let ended = self.ended();
        let states = if ended.is_empty() { String::new() } else { format!("^ORstateIN{}", ended.join(",")) };
        let since = glide(since.saturating_sub(DAY).unwrap_or(Timestamp::UNIX_EPOCH));
        let query = format!(
            "correlation_idSTARTSWITHmdc:^active=false{states}^sys_updated_on>={since}^ORDERBYsys_updated_on^ORDERBYsys_id"
        );
        self.question(&query, skip)
    }

    fn ask_about(&self, alert: &str) -> Option<Parcel> {
        let key = format!("mdc:{alert}");
        (alert_of(&key).as_deref() == Some(alert)).then(|| {
            // Follow-ups have the same key with a number behind it.
            self.question(&format!("correlation_id={key}^ORcorrelation_idSTARTSWITH{key}:^ORDERBYsys_created_on"), 0)
        })
    }

    fn read(&self, reply: &Reply) -> Result<TicketPage, Verdict> {
        let rows: Vec<Row> = result(reply)?;
        let count = rows.len();
        let tickets = rows.into_iter().filter_map(|row| self.ticket(row)).collect();
        Ok(TicketPage { tickets, rows: count, more: count >= ROWS })
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use serde_json::{Value, json};

    use super::*;
    use crate::settings::{Section, Values};

    fn desk(pairs: &[(&str, &str)]) -> Desk {
        let base = [("URL", "https://acme.service-now.com"), ("USER", "u"), ("PASSWORD", "p")];
        let values =
            Values::new(pairs.iter().chain(&base).map(|(key, value)| (format!("X__{key}"), (*value).to_owned())));
        let section = Section::new("x", vec![super::super::SETTINGS, crate::transport::HTTP_SETTINGS], &values);
        let desk = Desk::from_section(&section);
        section.finish(desk).unwrap()
    }

    fn query(parcel: &Parcel) -> String {
        let Parcel::Http(parcel) = parcel else { panic!() };
        parcel.url.query_pairs().find(|(name, _)| name == "sysparm_query").unwrap().1.into_owned()
    }

    fn read(desk: &Desk, rows: &Value) -> TicketPage {
        let body = json!({"result": rows}).to_string().into();
        desk.read(&Reply::Http { status: StatusCode::OK, headers: HeaderMap::new(), body }).unwrap()
    }

    fn row() -> Value {
        json!({"sys_id": "0123456789abcdef0123456789abcdef", "number": "INC1", "state": "6", "active": "true",
            "correlation_id": "mdc:2518_a", "correlation_display": "Defender for Cloud 2026-02-03T04:09:10.000000000Z 1-New 4-High",
            "close_code": "Solution provided", "sys_updated_on": "2026-11-23 07:00:00"})
    }

    #[test]
    fn closed_is_what_the_table_calls_so() {
        let since = parse_time("2026-11-23T07:00:00Z").unwrap();
        let states = |pairs: &[_]| query(&desk(pairs).ask(since, 0));
        let all = "correlation_idSTARTSWITHmdc:^active=false^ORstateIN6,8^sys_updated_on>=2026-11-22 07:00:00^ORDERBYsys_updated_on^ORDERBYsys_id";
        assert_eq!(states(&[]), all);
        assert!(states(&[("STATE_RESOLVED", "60"), ("STATE_CANCELED", "80")]).contains("^ORstateIN60,80^"));
        assert!(!states(&[("TABLE", "u_finding")]).contains("stateIN"));
        let closed = |pairs: &[_], change: &[(&str, &str)]| {
            let mut row = row();
            change.iter().for_each(|(name, value)| row[*name] = json!(value));
            read(&desk(pairs), &json!([row])).tickets[0].is_closed
        };
        assert!(closed(&[], &[]));
        assert!(closed(&[], &[("state", "7"), ("active", "false")]));
        assert!(!closed(&[], &[("state", "2")]));
        assert!(!closed(&[("TABLE", "sn_si_incident")], &[]));
    }

    #[test]
    fn strangers_are_no_tickets() {
        let desk = desk(&[]);
        for (column, value) in [
            ("correlation_id", "INC-of-somebody"),
            ("correlation_id", "mdc:hash-0123"),
            ("correlation_id", "mdc:rec:0123456789abcdef0123456789abcdef"),
            ("correlation_id", "mdc:a^ORstate=1"),
            ("correlation_id", ""),
            ("sys_id", "../../x"),
            ("sys_updated_on", "soon"),
        ] {
            let mut row = row();
            row[column] = json!(value);
            let page = read(&desk, &json!([row, {}, 7]).as_array().map(|rows| json!(rows[..2])).unwrap());
            assert_eq!((page.tickets.len(), page.rows), (0, 2), "{column}={value}");
        }
        let page = read(&desk, &json!([row()]));
        assert_eq!(page.tickets[0].alert, "2518_a");
        assert!(!page.tickets[0].knows_alert_is_closed);
    }

    #[test]
    fn a_ticket_that_was_told_of_the_end_is_known_by_it() {
        let mut row = row();
        row["correlation_display"] = json!("Defender for Cloud 2026-02-03T04:09:10.000000000Z 3-Resolved 4-High");
        assert!(read(&desk(&[]), &json!([row])).tickets[0].knows_alert_is_closed);
        row["correlation_display"] = json!("somebody else's");
        assert!(read(&desk(&[]), &json!([row])).tickets[0].knows_alert_is_closed, "not a ticket of ours");
    }

    #[test]
    fn an_id_that_a_query_would_understand_is_not_asked_for() {
        let desk = desk(&[]);
        let asked = desk.ask_about("2518_a").unwrap();
        assert_eq!(
            query(&asked),
            "correlation_id=mdc:2518_a^ORcorrelation_idSTARTSWITHmdc:2518_a:^ORDERBYsys_created_on"
        );
        for bad in ["", "a^ORstate=1", "a b", "a:2", "javascript:x", "A"] {
            assert!(desk.ask_about(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let reply = Reply::Http { status: StatusCode::OK, headers: HeaderMap::new(), body: "<html>".into() };
        assert!(matches!(desk(&[]).read(&reply), Err(Verdict::Retry { .. })), "the instance hibernates");
        let reply = Reply::Http { status: StatusCode::FORBIDDEN, headers: HeaderMap::new(), body: "{}".into() };
        let Err(Verdict::Misconfigured { reason }) = desk(&[]).read(&reply) else { panic!() };
        assert!(reason.contains("check the roles"));
    }
}
