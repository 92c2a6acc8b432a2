//! The way of one batch: decode, route, render, deliver, and store what was not delivered.
//!
//! What is promised: when [`App::relay`] returns `Ok`, every event is, for every destination that takes it, acknowledged, parked, or
//! buried with its reason. When it returns `Err`, the batch must come again.

mod wave;

use std::iter::repeat;
use std::time::Duration;

use futures::future::{join, join_all};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::app::{App, Instance};
use crate::batch::{Rendered, Span};
use crate::deliver::{Cause, Fate, deliver};
use crate::event::decode::{Decoded, Texts, Undecodable, decode};
use crate::event::{Event, RecordKind};
use crate::graph::Standing;
use crate::host::Bodies;
use crate::outbox::{Letter, OutboxError, Stored, UNDECODABLE};
use crate::route::{Decision, Subject, Unfiltered};
use crate::telemetry::Count;
use wave::{WAVE_BYTES, WAVE_PIECES, Wave};

/// What became of one batch.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Records decoded.
    pub events: usize,
    /// Pieces that were buried because they are no record, or no destination takes unknown ones.
    pub undecodable: usize,
    /// Per destination, in the order of `DESTINATIONS`.
    pub destinations: Vec<(String, Count)>,
}

impl Tally {
    fn add(&mut self, counts: &[(String, Count)]) {
        if self.destinations.is_empty() {
            self.destinations = counts.iter().map(|(name, _)| (name.clone(), Count::default())).collect();
        }
        for ((_, sum), (_, more)) in self.destinations.iter_mut().zip(counts) {
            *sum += *more;
        }
    }

    /// One line per destination, for the function's log.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} events, {} pieces that are no record", self.events, self.undecodable)];
        lines.extend(self.destinations.iter().map(|(name, count)| {
            let Count { delivered, parked, dead, filtered } = count;
            format!("{name}: {delivered} delivered, {parked} parked, {dead} dead, {filtered} filtered")
        }));
        lines
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.events += more.events;
        self.undecodable += more.undecodable;
        self.add(&more.destinations);
    }
}

impl App {
    /// Takes a batch the whole way. `received` is when the invocation came: the time of events for which no better is known.
    ///
    /// # Errors
    /// When something could be neither delivered nor stored.
    pub async fn relay(&self, bodies: &Bodies, received: Timestamp) -> Result<Tally, OutboxError> {
        // Each destination has the whole budget for itself: in the second wave of a batch, a healthy one shall not pay for the time that
        // a slow one took in the first.
        let mut time_left = vec![self.delivery.budget; self.instances.len()];
        let mut tally = Tally::default();
        let mut bodies = bodies.iter().peekable();
        while bodies.peek().is_some() {
            let texts = Texts::default();
            let mut decoded = Decoded::default();
            let mut bytes = 0;
            while decoded.events.len() + decoded.undecodable.len() < WAVE_PIECES && bytes < WAVE_BYTES {
                let Some(body) = bodies.next() else { break };
                decode(body.bytes, body.enqueued.unwrap_or(received), &texts, &mut decoded);
                bytes += body.bytes.len();
            }
            decoded.taken_at(received);
            tally.events += decoded.events.len();
            let mut rest = Wave::of(&decoded);
            while let Some(wave) = rest.next() {
                tally.undecodable += self.relay_wave(wave, received, &mut time_left, &mut tally).await?;
            }
        }
        App::count(&self.events, tally.events);
        App::count(&self.undecodable, tally.undecodable);
        Ok(tally)
    }

    /// Returns how many pieces were buried as undecodable.
    async fn relay_wave(
        &self,
        wave: Wave<'_, '_>,
        received: Timestamp,
        time_left: &mut [Duration],
        tally: &mut Tally,
    ) -> Result<usize, OutboxError> {
        let strays = self.strays(wave, received);
        let shares = self.route(wave.events, &self.standings(wave.events).await);
        let runs = self
            .instances
            .iter()
            .zip(shares)
            .zip(time_left)
            .map(|((instance, share), time_left)| self.send(instance, share, received, time_left));
        let (counts, buried) = join(join_all(runs), self.outbox.bury_all(&strays)).await;
        let counts: Vec<(String, Count)> = counts.into_iter().collect::<Result<_, _>>()?;
        all_stored(buried)?;
        if !strays.is_empty() {
            tracing::warn!(
                pieces = strays.len(),
                first_reason = strays[0].reason,
                "buried pieces that are no record, or that no destination takes"
            );
        }
        tally.add(&counts);
        self.mark(wave.events, received).await;
        Ok(strays.len())
    }

    /// What is to become of each event, where one source is preferred; nothing where none is. A store that cannot be asked withholds nothing.
    async fn standings(&self, events: &[Event<'_>]) -> Vec<Standing> {
        let Some(twins) = self.twins() else { return Vec::new() };
        twins.standings(&self.store, events).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "whether copies of these alerts were sent cannot be told; they are sent");
            Vec::new()
        })
    }

    /// Says that the events of the preferred source are accounted for.
    async fn mark(&self, events: &[Event<'_>], now: Timestamp) {
        if let Some(twins) = self.twins()
            && let Err(error) = twins.mark(&self.store, events, now).await
        {
            tracing::warn!(%error, "alerts could not be marked as sent; copies of them will be sent too");
        }
    }

    /// Every destination's share of a wave, in the order of the destinations. Event by event, so that what routes make of one is gone before
    /// the next.
    fn route<'e, 'a>(&self, events: &'e [Event<'a>], standings: &[Standing]) -> Vec<Share<'e, 'a>> {
        let mut shares: Vec<Share<'e, 'a>> = self.instances.iter().map(|_| Share::default()).collect();
        let standings = standings.iter().copied().chain(repeat(Standing::Passes));
        for (event, standing) in events.iter().zip(standings) {
            let subject = Subject::new(event);
            for (instance, share) in self.instances.iter().zip(&mut shares) {
                share.add(event, &instance.decide(&subject), standing);
            }
        }
        shares
    }

    /// Letters for what no destination will ever see: undecodable pieces, and records that nothing recognises and nobody asked for. A
    /// recognised record that every destination filters out is a choice of the settings, and is only counted.
    fn strays(&self, wave: Wave<'_, '_>, received: Timestamp) -> Vec<Letter> {
        let undecodable = wave.undecodable.iter().map(|piece| {
            let Undecodable { raw, reason, seen } = piece;
            self.stray(raw, reason.clone(), stable_time(*seen, None, received), received)
        });
        let is_stray = |event: &&Event<'_>| {
            event.kind == RecordKind::Unknown && !self.instances.iter().any(|instance| instance.has_use_for(event))
        };
        let unknown = wave.events.iter().filter(is_stray).map(|event| {
            let reason = "the record is of no known type, and no destination takes unknown records".to_owned();
            self.stray(event.raw.as_bytes(), reason, stable_time(event.seen, event.time, received), received)
        });
        undecodable.chain(unknown).collect()
    }

    #[expect(clippy::unused_self, reason = "reads as a verb of the app beside its siblings")]
    fn stray(&self, body: &[u8], reason: String, seen: Timestamp, now: Timestamp) -> Letter {
        Letter {
            destination: UNDECODABLE.to_owned(),
            kind: String::new(),
            seen,
            first_failed: now,
            attempts: 0,
            not_before: None,
            cause: Cause::default(),
            reason,
            body: body.to_vec(),
        }
    }

    /// One destination's share of a wave. Rendering happens before the first await, so every destination's parcels are ready at once.
    async fn send(
        &self,
        instance: &Instance,
        share: Share<'_, '_>,
        received: Timestamp,
        time_left: &mut Duration,
    ) -> Result<(String, Count), OutboxError> {
        let Share { events: mut chosen, waiting, withheld, filtered, unfiltered } = share;
        if let Some((more, reason)) = unfiltered
            && let Some(events) = instance.counters.add_unfiltered(more)
        {
            let (destination, reason) = (instance.outlet.name.as_str(), reason.to_string());
            tracing::warn!(destination, events, reason, "FILTER could not be evaluated on events; they were sent");
        }
        // A run ends where the group changes: side by side they make the fewest parcels.
        chosen.sort_by_key(|event| instance.outlet.destination.group(event));
        let (rendered, mut unfit) = render(instance, &chosen);
        let begun = Instant::now();
        let fates =
            deliver(&instance.outlet, &rendered, &self.delivery.retry, begun + *time_left, Timestamp::now).await;
        *time_left = time_left.saturating_sub(begun.elapsed());
        let mut fates = fates.into_iter();
        if withheld > 0 {
            let destination = instance.outlet.name.as_str();
            tracing::info!(
                destination,
                events = withheld,
                "withheld copies of alerts that the preferred source brought"
            );
        }
        let mut parked = self.waiting(&instance.outlet.name, &waiting, received);
        let mut count = Count { filtered: filtered + withheld, parked: parked.len() as u64, ..Count::default() };
        let mut dead = Vec::new();
        for (index, event) in chosen.into_iter().enumerate() {
            let reason = unfit.next_if(|(at, _)| *at == index).map(|(_, reason)| reason);
            let fate = match reason {
                Some(reason) => Fate::Dead { reason },
                None => fates.next().unwrap_or_else(|| Fate::Parked {
                    cause: Cause::Unwell,
                    reason: "delivery gave no account of this event".into(),
                    not_before: None,
                }),
            };
            let name = &instance.outlet.name;
            match fate {
                Fate::Delivered => count.delivered += 1,
                Fate::Parked { cause, reason, not_before } => {
                    count.parked += 1;
                    parked.push(Letter { cause, not_before, ..letter(name, event, reason, received) });
                }
                Fate::Dead { reason } => {
                    count.dead += 1;
                    dead.push(letter(name, event, reason, received));
                }
            }
        }
        self.store(instance, &parked, &dead).await?;
        instance.counters.add(count);
        Ok((instance.outlet.name.clone(), count))
    }

    /// Letters of copies that wait for the preferred ones.
    fn waiting(&self, destination: &str, events: &[&Event<'_>], received: Timestamp) -> Vec<Letter> {
        let Some(twins) = self.twins() else { return Vec::new() };
        let wait = |event: &&Event<'_>| Letter {
            cause: Cause::Awaiting,
            attempts: 0,
            not_before: twins.until(received),
            ..letter(destination, event, twins.reason(), received)
        };
        events.iter().map(wait).collect()
    }

    async fn store(&self, instance: &Instance, parked: &[Letter], dead: &[Letter]) -> Result<(), OutboxError> {
        let destination = instance.outlet.name.as_str();
        let (waiting, failed): (Vec<_>, Vec<_>) = parked.iter().partition(|letter| letter.cause == Cause::Awaiting);
        if let Some(first) = failed.first() {
            tracing::warn!(
                destination,
                events = failed.len(),
                first_reason = first.reason,
                "parking events for redelivery"
            );
        }
        if !waiting.is_empty() {
            tracing::info!(
                destination,
                events = waiting.len(),
                "parking copies of alerts until the preferred ones come"
            );
        }
        if let Some(first) = dead.first() {
            tracing::error!(
                destination,
                events = dead.len(),
                first_reason = first.reason,
                "burying events as dead letters"
            );
        }
        let (parked, dead) = join(self.outbox.park_all(parked), self.outbox.bury_all(dead)).await;
        all_stored(parked).and(all_stored(dead))
    }
}

/// One destination's share of a wave.
#[derive(Default)]
struct Share<'e, 'a> {
    /// The events that it gets.
    events: Vec<&'e Event<'a>>,
    /// The events that it gets unless the preferred source brings them first.
    waiting: Vec<&'e Event<'a>>,
    /// How many it does not get because the preferred source brought them.
    withheld: u64,
    /// How many it does not get.
    filtered: u64,
    /// How many it gets because its filter failed on them, and why on the first.
    unfiltered: Option<(u64, Unfiltered)>,
}

impl<'e, 'a> Share<'e, 'a> {
    fn add(&mut self, event: &'e Event<'a>, decision: &Decision, standing: Standing) {
        if let Decision::TakesUnfiltered(reason) = decision {
            self.unfiltered.get_or_insert((0, *reason)).0 += 1;
        }
        match (decision.takes(), standing) {
            (false, _) => self.filtered += 1,
            (true, Standing::Passes) => self.events.push(event),
            (true, Standing::Waits) => self.waiting.push(event),
            (true, Standing::Withheld) => self.withheld += 1,
        }
    }
}

/// The first failure to store, if any: what is stored already is found again under its name when the batch is repeated.
fn all_stored(results: Vec<Result<Stored, OutboxError>>) -> Result<(), OutboxError> {
    results.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
}

/// Unfit events of a rendering: their index, and why.
type Unfit = std::iter::Peekable<std::vec::IntoIter<(usize, String)>>;

/// Renders the events one after another into one buffer. What cannot be rendered leaves no trace there and is named instead.
pub(crate) fn render(instance: &Instance, events: &[&Event<'_>]) -> (Rendered, Unfit) {
    let mut buffer = Vec::with_capacity(events.iter().map(|event| event.raw.len() + 1024).sum());
    let mut spans = Vec::with_capacity(events.len());
    let mut unfit = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let start = buffer.len();
        let marked = instance.route.marks(event).then(|| event.marked_as_sample());
        let event = marked.as_ref().unwrap_or(event);
        match instance.render(event, &mut buffer) {
            Ok(()) => {
                let group = instance.outlet.destination.group(event);
                spans.push(Span { group, ..Span::of(event, start..buffer.len()) });
            }
            Err(error) => {
                buffer.truncate(start);
                unfit.push((index, error.to_string()));
            }
        }
    }
    (Rendered { buffer: buffer.into(), spans }, unfit.into_iter().peekable())
}

/// The letter of an event that was not delivered.
fn letter(destination: &str, event: &Event<'_>, reason: String, received: Timestamp) -> Letter {
    Letter {
        destination: destination.to_owned(),
        kind: event.kind.name().to_owned(),
        seen: stable_time(event.seen, event.time, received),
        first_failed: received,
        attempts: 1,
        not_before: None,
        cause: Cause::default(),
        reason,
        body: event.raw.as_bytes().to_vec(),
    }
}

/// A time that is the same whenever this event comes again, because it fixes the letter's name: the hub's enqueued time, else the
/// event's own, else the epoch. The time of the invocation would park a repeated event twice.
fn stable_time(seen: Timestamp, own: Option<Timestamp>, received: Timestamp) -> Timestamp {
    if seen == received { own.unwrap_or(Timestamp::UNIX_EPOCH) } else { seen }
}
