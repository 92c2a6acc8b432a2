//! The local run: a stand-in for the Functions host, receivers for every destination, sample events.
//!
//! `host.json` and the functions are read as the host reads them, this very executable is started as the handler, and events are
//! posted to it in the host's shape. Without settings, receivers on loopback play the other side of every destination.

pub mod console;
mod door;
mod handler;
pub mod host;
pub mod invocation;
pub mod payload;
pub mod receivers;
pub mod reply;
pub mod retry;
pub mod schedule;
pub mod script_root;
pub mod settings_file;
pub mod source;
mod stop;
pub mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::destinations::CATALOG;
use crate::settings::Values;

use console::{Console, Loudness};
use handler::{Handler, Launch};
use host::{DestinationStatus, Host, Status};
use invocation::HubEvent;
use payload::{Masks, Payload};
use receivers::{Arrival, Receivers};
use schedule::Schedule;
use script_root::{Function, ScriptRoot};
use settings_file::Sources;
use stop::Stop;

/// Longest wait for what was delivered to come out at the other end of a loopback connection.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(2);
/// Longest wait, once the user wants to stop, for the delivery of what was taken before.
const LAST_DELIVERY: Duration = Duration::from_secs(2);
/// Longest wait for the summary's figures.
const STATUS_PATIENCE: Duration = Duration::from_secs(5);

/// What the local run is asked to do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Files, folders, or `-`; none means the built-in samples.
    pub paths: Vec<PathBuf>,
    /// Whether to go on after the first events: its own port, timers.
    pub watch: bool,
    /// Its own port; 0 means any free one.
    pub port: u16,
    /// Folder of `host.json`.
    pub root: Option<PathBuf>,
    /// The event hub function that takes the events.
    pub function: Option<String>,
    /// Whether bodies are sized instead of chunked.
    pub sized: bool,
}

/// With which settings the handler runs, and who is at the other end.
struct Scene {
    values: Values,
    settings: Vec<(String, String)>,
    inherit: bool,
    receivers: Option<Receivers>,
    /// The first payload with content at each destination, by its place in the catalogue.
    first: BTreeMap<usize, Payload>,
    masks: Masks,
}

/// Runs the relay here: success when every event was delivered, or filtered, to every destination.
///
/// # Errors
/// A [`crate::settings::SettingsError`] for faulty settings, before anything is started; anything else that prevents the run.
pub async fn run(options: &Options, sources: &Sources, console: &Arc<Console>) -> anyhow::Result<ExitCode> {
    let here = std::env::current_dir().context("the current folder is unknown")?;
    let root = ScriptRoot::find(options.root.as_deref(), &here, &sources.values)?;
    let function = root.event_function(options.function.as_deref())?.clone();
    let mut scene = if sources.own { Scene::own(sources) } else { Scene::rehearsal(sources).await? };
    crate::app::check(&scene.values)?;
    let bodies = source::read_for(&function.name, &options.paths)?;
    let door = if options.watch { Some(listen(options.port).await?) } else { None };

    let stop = Stop::listen()?;
    let client = reqwest::Client::builder().no_proxy().build().context("no HTTP client")?;
    let launch = Launch {
        settings: scene.settings.clone(),
        inherit: scene.inherit,
        root: root.folder.as_ref().unwrap_or(&here).to_string_lossy().into_owned(),
        start_timeout: root.start_timeout,
    };
    console.note(&match &root.folder {
        Some(folder) => format!("functions of {}", folder.display()),
        None => "functions as built in".to_owned(),
    });
    let handler = Handler::start(launch, client.clone(), console.clone()).await?;
    let host = Arc::new(Host::new(client, handler, root.timeout, options.sized, console.clone()));

    // Without a store there may be no status, but events can be delivered all the same.
    let before = ask_status(&host).await.unwrap_or_default();
    let mut taken = Taken { came: bodies.len(), ..Taken::default() };
    let stopped = tokio::select! {
        sent = send(&host, &function, &root, &bodies, &mut taken, console) => { sent?; false }
        () = keep_first(scene.receivers.as_mut(), &mut scene.first, usize::MAX) => true,
        () = stop.wait() => true,
    };
    console.progress("");
    let mut status = ask_status(&host).await?;
    if console.loudness() != Loudness::Quiet {
        show_first(&mut scene, &status, console).await;
    }
    console.print(&summary(&taken, &status.since(&before), host.restarts(), console));
    if let (Some(door), false) = (door, stopped) {
        console.print(&format!(
            "\nlistening on http://{0}/: POST one event there; functions under http://{0}/api/; Ctrl-C stops",
            door.local_addr()?
        ));
        watch(door, &host, &function, &root, &mut scene, &stop, &mut taken, console).await?;
        status = ask_status(&host).await?;
        console.print(&summary(&taken, &status.since(&before), host.restarts(), console));
    }
    let good = taken.all() && status.since(&before).all_delivered();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Events that the hub of this run had, and how many of them the handler answered for.
#[derive(Debug, Default)]
struct Taken {
    came: usize,
    answered: usize,
}

impl Taken {
    fn all(&self) -> bool {
        self.answered == self.came
    }
}

impl Scene {
    /// The user's own destinations.
    fn own(sources: &Sources) -> Self {
        Self {
            values: sources.values.clone(),
            settings: sources.extra.clone(),
            inherit: true,
            receivers: None,
            first: BTreeMap::new(),
            masks: Masks::default(),
        }
    }

    /// Every destination of the catalogue against receivers. Of the user's settings only those that belong to no destination hold.
    async fn rehearsal(sources: &Sources) -> anyhow::Result<Self> {
        let receivers = Receivers::start().await?;
        let rehearsed = Values::new(receivers.settings.iter().cloned());
        let mut settings = receivers.settings.clone();
        for (section, declared) in crate::app::SECTIONS {
            for setting in declared.iter() {
                let name = table::full_name(section, setting.key);
                if let (None, Some(value)) = (rehearsed.get(&name), sources.values.get(&name)) {
                    settings.push((name, value.to_owned()));
                }
            }
        }
        // What a process needs besides settings, on some systems.
        for name in ["RUST_LOG", "PATH", "SYSTEMROOT", "TMPDIR", "LD_LIBRARY_PATH"] {
            settings.extend(sources.values.get(name).map(|value| (name.to_owned(), value.to_owned())));
        }
        let values = Values::new(settings.iter().cloned());
        let masks = Masks::of(&values, CATALOG.iter().map(|kind| (kind.name, kind)));
        Ok(Self { values, settings, inherit: false, receivers: Some(receivers), first: BTreeMap::new(), masks })
    }
}

/// Posts all events in batches, then ticks the timers once if something was parked.
async fn send(
    host: &Host,
    function: &Function,
    root: &ScriptRoot,
    bodies: &[Vec<u8>],
    taken: &mut Taken,
    console: &Console,
) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let events: Vec<HubEvent> = (0..)
        .zip(bodies)
        .map(|(sequence_number, body)| HubEvent { body: body.clone(), sequence_number, enqueued: now })
        .collect();
    for (batch, done) in events.chunks(root.max_batch).zip((0..).step_by(root.max_batch)) {
        console.progress(&format!("{done} of {} events", events.len()));
        if host.deliver(function, batch).await? {
            taken.answered += batch.len();
        }
    }
    console.progress("");
    if ask_status(host).await.is_ok_and(|status| status.waiting() > 0) {
        for (timer, _) in root.timers().filter(|(timer, _)| timer.name == "redeliver") {
            console.note(&format!("something is parked; starting {}", timer.name));
            host.tick(timer).await?;
        }
    }
    Ok(())
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let hint = "choose another with --port, or 0 for any free one";
    TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("port {port} is taken; {hint}"))
}

/// Takes events and requests on its own port and ticks the timers until it is stopped.
#[expect(clippy::too_many_arguments, reason = "everything that a run consists of goes on here")]
async fn watch(
    door: TcpListener,
    host: &Arc<Host>,
    function: &Function,
    root: &ScriptRoot,
    scene: &mut Scene,
    stop: &Stop,
    taken: &mut Taken,
    console: &Console,
) -> anyhow::Result<()> {
    let (to, events) = mpsc::channel(1024);
    let mut delivery = pin!(consume(host, function, root.max_batch, events, taken));
    tokio::select! {
        ended = door::serve(door, host.clone(), root.functions.clone(), to) => return ended,
        ended = &mut delivery => return ended,
        ended = tick_all(host, root) => return ended,
        () = show_all(scene.receivers.as_mut(), &scene.masks, console) => {}
        () = stop.wait() => {}
    }
    // The port is closed now; what came through it is still delivered, if that does not take long.
    tokio::time::timeout(LAST_DELIVERY, delivery).await.unwrap_or(Ok(()))
}

/// Delivers what comes through the door, as many events at once as wait there.
async fn consume(
    host: &Host,
    function: &Function,
    max_batch: usize,
    mut from: mpsc::Receiver<Vec<u8>>,
    taken: &mut Taken,
) -> anyhow::Result<()> {
    let mut bodies = Vec::new();
    while from.recv_many(&mut bodies, max_batch).await > 0 {
        let enqueued = Timestamp::now();
        let batch: Vec<HubEvent> = (taken.came as u64..)
            .zip(bodies.drain(..))
            .map(|(sequence_number, body)| HubEvent { body, sequence_number, enqueued })
            .collect();
        taken.came += batch.len();
        if host.deliver(function, &batch).await? {
            taken.answered += batch.len();
        }
    }
    Ok(())
}

/// Ticks every timer at its times, for ever.
async fn tick_all(host: &Host, root: &ScriptRoot) -> anyhow::Result<()> {
    futures::future::try_join_all(root.timers().map(|(function, schedule)| tick(host, function, schedule))).await?;
    std::future::pending().await
}

/// Ticks one timer at its times, for as long as its schedule has any.
async fn tick(host: &Host, function: &Function, schedule: &Schedule) -> anyhow::Result<()> {
    loop {
        let now = Timestamp::now();
        let Some(next) = schedule.next(now) else { return Ok(()) };
        tokio::time::sleep(Duration::try_from(next.duration_since(now)).unwrap_or_default()).await;
        host.tick(function).await?;
    }
}

/// Shows whatever arrives at the receivers, for ever.
async fn show_all(receivers: Option<&mut Receivers>, masks: &Masks, console: &Console) {
    if let Some(receivers) = receivers {
        while let Some(Arrival { destination, payload }) = receivers.arrivals.recv().await {
            if payload.has_content() && console.loudness() != Loudness::Quiet {
                show(destination, &payload, masks, console);
            }
        }
    }
    std::future::pending::<()>().await;
}

fn show(destination: &str, payload: &Payload, masks: &Masks, console: &Console) {
    let title = crate::destinations::kind(destination).map_or(destination, |kind| kind.title);
    let rule = format!("── {title} ({destination}) ");
    console.print(&format!("\n{}", console.paint.bold(&format!("{rule:─<80}"))));
    console.print_payload(&payload.show(masks, console.loudness() == Loudness::Verbose));
}

async fn ask_status(host: &Host) -> anyhow::Result<Status> {
    tokio::time::timeout(STATUS_PATIENCE, host.status())
        .await
        .context("the handler does not answer the function status")?
        .context("there is no summary: the function status failed, mostly for a store that cannot be reached")
}

/// Keeps the first payload of each destination until there are `enough`; for ever without receivers.
async fn keep_first(receivers: Option<&mut Receivers>, first: &mut BTreeMap<usize, Payload>, enough: usize) {
    let Some(receivers) = receivers else { return std::future::pending().await };
    while first.len() < enough {
        let Some(Arrival { destination, payload }) = receivers.arrivals.recv().await else { return };
        if payload.has_content() {
            let place = CATALOG.iter().position(|kind| kind.name == destination).unwrap_or_default();
            first.entry(place).or_insert(payload);
        }
    }
}

/// Shows the first payload of each destination to which something was delivered, in the order of the catalogue.
async fn show_first(scene: &mut Scene, status: &Status, console: &Console) {
    if let Some(receivers) = &mut scene.receivers {
        let expected = status.destinations.iter().filter(|destination| destination.delivered > 0).count();
        // What did not arrive by then is missing from the output, and that is what the user should see.
        let arrived = keep_first(Some(receivers), &mut scene.first, expected);
        let _ = tokio::time::timeout(ARRIVAL_PATIENCE, arrived).await;
        while receivers.arrivals.try_recv().is_ok() {}
    }
    for (place, payload) in &scene.first {
        show(CATALOG[*place].name, payload, &scene.masks, console);
    }
}

/// The table at the end, and what it means in words.
fn summary(taken: &Taken, status: &Status, restarts: usize, console: &Console) -> String {
    let rows: Vec<Vec<String>> = status
        .destinations
        .iter()
        .map(|destination| {
            let DestinationStatus { name, delivered, waiting, dead, filtered, .. } = destination;
            let counts = [&status.events, delivered, waiting, dead, filtered];
            std::iter::once(name.clone()).chain(counts.map(u64::to_string)).collect()
        })
        .collect();
    let table = table::text(&["destination", "events in", "delivered", "parked", "dead", "filtered"], &rows);
    let mut text = format!(
        "\n{table}\n{} in, from {}",
        counted(status.events, "event", "events"),
        counted(taken.came as u64, "event body", "event bodies")
    );
    if status.undecodable.dead > 0 {
        let pieces = counted(status.undecodable.dead, "piece that is no event", "pieces that are no event");
        text.push_str(&format!(", {pieces} (dead-lettered)"));
    }
    text.push_str(&match (taken.came - taken.answered, status.all_delivered()) {
        (0, true) => console.paint.good("; everything was delivered"),
        (0, false) => console.paint.bad("; not everything was delivered"),
        (left, _) => console.paint.bad(&format!("; no answer of the handler for {left} of the bodies")),
    });
    if status.waiting_before > 0 {
        let earlier = counted(status.waiting_before, "event of an earlier run", "events of earlier runs");
        text.push_str(&format!("\nthe store held {earlier} when this run began; what became of them is counted too"));
    }
    if restarts > 0 {
        text.push_str(&format!(
            "\nthe handler was restarted {}; events, delivered and filtered count from its last start",
            counted(restarts as u64, "time", "times")
        ));
    }
    text
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
