//! `defender-relay preview`: what each destination would be sent, without sending it.

mod explain;

use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;

use crate::app::Instance;
use crate::batch::{self, Records};
use crate::deliver::is_compressed;
use crate::destinations::{Destination, Kind};
use crate::event::Event;
use crate::event::decode::{self, Decoded, Texts};
use crate::local::console::Console;
use crate::local::payload::{MASK, Masks};
use crate::local::receivers;
use crate::local::settings_file::Sources;
use crate::parcel::{Auth, HttpParcel, Parcel, Reply, SyslogParcel, Verdict};
use crate::relay;
use crate::route::Subject;
use crate::settings::{SettingsError, Values};
use crate::transport::{Framing, SyslogScheme, Transport};

/// Longest conversation that is shown.
const STEPS: usize = 8;

/// Prints exactly what each destination would be sent, secrets masked, and sends nothing
///
/// HTTP requests are shown with their body as it is, but not compressed, and without the headers accept, user-agent and content-length; syslog
/// messages with the length before them where octets are counted, and a line feed after them. Values that are made at the time of sending are
/// shown in angle brackets; events count as received now. On a terminal, control characters are spelled out.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct PreviewArgs {
    /// Files or folders with events, or - for standard input; the built-in samples when there are none
    #[arg(value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// Only this destination, by its name; may be repeated
    #[arg(long, short)]
    destination: Vec<String>,
    /// Instead of payloads, tell for each event which destinations get it, and which setting withholds it from the others
    #[arg(long)]
    explain: bool,
    /// How to print explanations
    #[arg(long, value_enum, requires = "explain", default_value_t = explain::Format::Text)]
    format: explain::Format,
    #[command(flatten)]
    settings: super::SettingsFile,
}

const HELP: &str = "\
Examples:
  defender-relay preview                       samples, as every destination gets them
  defender-relay preview -d splunk alert.json  your alert, as your Splunk would get it
  defender-relay preview - < alerts.ndjson     one event per line
  defender-relay preview --explain             who gets which event, and why not

Exit codes:
  0  printed
  1  an event cannot be decoded, or not be expressed for a destination
  2  faulty settings or command line";

pub(super) fn run(args: &PreviewArgs, environment: &Values, console: &Console) -> anyhow::Result<ExitCode> {
    let sources: Sources = args.settings.read(environment)?;
    // Holds the throw-away CA certificate that the rehearsed destinations trust.
    let folder = tempfile::tempdir()?;
    let values = if sources.own { sources.values } else { receivers::preview_settings(folder.path())? };
    let instances = crate::app::open_destinations(&values)?;
    let names: Vec<String> = instances.iter().map(|instance| instance.outlet.name.clone()).collect();
    if let Some(wanted) = args.destination.iter().find(|wanted| !names.contains(wanted)) {
        let problem = format!("there is no {wanted:?}; there are: {}", names.join(", "));
        return Err(SettingsError::of("--destination", problem).into());
    }
    let masks = Masks::of(&values, instances.iter().map(|instance| (instance.outlet.name.as_str(), instance.kind)));
    let bodies = crate::local::source::read(&args.paths)?;
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    for body in &bodies {
        decode::decode(body, Timestamp::now(), &texts, &mut decoded);
    }
    for piece in &decoded.undecodable {
        console.warn(&format!("{} bytes would be dead-lettered: {}", piece.raw.len(), piece.reason));
    }
    let mut good = decoded.undecodable.is_empty();
    let shown = |instance: &Instance| args.destination.is_empty() || args.destination.contains(&instance.outlet.name);
    if args.explain {
        good &= explain::explain(&instances, &shown, &decoded, args.format, console);
        return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for instance in instances.iter().filter(|instance| shown(instance)) {
        good &= preview(instance, &decoded, &masks, console);
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints one destination's parcels; whether every event that it takes can be expressed.
fn preview(instance: &Instance, decoded: &Decoded<'_>, masks: &Masks, console: &Console) -> bool {
    let destination = &instance.outlet.destination;
    let is_taken = |event: &&Event<'_>| instance.decide(&Subject::new(event)).takes();
    let mut chosen: Vec<&Event<'_>> = decoded.events.iter().filter(is_taken).collect();
    chosen.sort_by_key(|event| destination.group(event));
    let (rendered, mut unfit) = relay::render(instance, &chosen);
    let good = unfit.peek().is_none();
    for (index, reason) in unfit {
        let id = chosen[index].id;
        console.warn(&format!("{}: event {id} would be dead-lettered: {reason}", instance.outlet.name));
    }
    let rule = format!("── {} ({}) ", instance.kind.title, instance.outlet.name);
    console.print(&console.paint.bold(&format!("{rule:─<80}")));
    let mut converses = false;
    for run in batch::cut(&rendered.spans, destination.limits()) {
        let records = Records::new(&rendered.buffer, &rendered.spans[run]);
        let mut next = Some(destination.pack(records));
        for step in 0..STEPS {
            let Some(parcel) = next else { break };
            converses |= step > 0;
            console.print_payload(&match &parcel {
                Parcel::Http(parcel) => http_text(parcel, masks),
                Parcel::Syslog(parcel) => syslog_text(parcel, destination.transport(), masks),
            });
            next = reply_to(&parcel, instance.kind, records.len(), &**destination);
        }
    }
    if converses {
        let name = &instance.outlet.name;
        console.note(&format!(
            "{name}: what is sent depends on its answers; shown is what it would be told if it knew nothing yet"
        ));
    }
    let filtered = decoded.events.len() - chosen.len();
    if filtered > 0 {
        console.note(&format!("{}: {filtered} filtered out by its settings", instance.outlet.name));
    }
    good
}

/// What the destination would be sent next, if it answered as in a rehearsal.
fn reply_to(sent: &Parcel, kind: &Kind, records: usize, destination: &dyn Destination) -> Option<Parcel> {
    let Parcel::Http(request) = sent else { return None };
    let (status, body) = kind.rehearsal.answer(request.url.path());
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let reply = Reply::Http { status, headers, body: Bytes::from_static(body.as_bytes()) };
    match destination.judge(sent, &reply, records) {
        Verdict::Then(next) => Some(*next),
        _ => None,
    }
}

fn http_text(parcel: &HttpParcel, masks: &Masks) -> String {
    let target = masks.target(&parcel.url[url::Position::BeforePath..url::Position::AfterQuery]);
    let mut host = parcel.url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = parcel.url.port() {
        host.push_str(&format!(":{port}"));
    }
    let mut lines = vec![format!("{} {target} HTTP/1.1", parcel.method), format!("host: {}", masks.cover(&host))];
    for (name, value) in &parcel.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        lines.push(format!("{name}: {}", masks.header(name.as_str(), &value)));
    }
    push_proof(&parcel.auth, &mut lines);
    if is_compressed(parcel) {
        lines.push("content-encoding: gzip".to_owned());
    }
    let body = masks.cover(&String::from_utf8_lossy(&parcel.body));
    format!("{}\n\n{body}\n", lines.join("\n"))
}

fn syslog_text(parcel: &SyslogParcel, transport: &Transport, masks: &Masks) -> String {
    let counted = matches!(transport, Transport::Syslog(options)
        if options.framing == Framing::OctetCounting && options.scheme != SyslogScheme::Udp);
    let mut out = String::new();
    for message in parcel.messages.iter() {
        let text = masks.cover(&String::from_utf8_lossy(message));
        match counted {
            true => out.push_str(&format!("{} {text}\n", message.len())),
            false => out.push_str(&format!("{text}\n")),
        }
    }
    out
}

/// The headers that prove who sends the request, as far as they can be told without sending it.
fn push_proof(auth: &Auth, lines: &mut Vec<String>) {
    match auth {
        Auth::None => {}
        Auth::Header { name, prefix, .. } => lines.push(format!("{name}: {prefix}{MASK}")),
        Auth::Basic { .. } => lines.push(format!("authorization: Basic {MASK}")),
        Auth::Entra(_) | Auth::OAuth2(_) => lines.push(format!("authorization: Bearer {MASK}")),
        Auth::CortexAdvanced { key_id, .. } => {
            lines.push(format!("x-xdr-auth-id: {key_id}"));
            lines.push("x-xdr-nonce: <64 random letters and digits>".to_owned());
            lines.push("x-xdr-timestamp: <milliseconds since 1970, when it is sent>".to_owned());
            lines.push(format!("authorization: {MASK}"));
        }
        Auth::StandardWebhooks { id, keys, besides } => {
            lines.push(format!("webhook-id: {id}"));
            lines.push("webhook-timestamp: <seconds since 1970, when it is sent>".to_owned());
            let signatures = vec![format!("v1,{MASK}"); keys.len()];
            lines.push(format!("webhook-signature: {}", signatures.join(" ")));
            push_proof(besides, lines);
        }
    }
}
