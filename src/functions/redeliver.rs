//! Function `redeliver`: sends what the outbox parked, oldest first, per destination, with growing delays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use tokio::time::Instant;

use super::Failed;
use crate::app::{App, Instance};
use crate::deliver::retry::RetryPolicy;
use crate::deliver::{Cause, Fate, deliver};
use crate::event::decode::{Decoded, Texts, decode};
use crate::graph::Standing;
use crate::host::{Bodies, InvocationReply};
use crate::outbox::{Key, Letter, OutboxError, UNDECODABLE};
use crate::relay::render;
use crate::telemetry::Count;

/// Letters that are read and sent together.
const HANDFUL: usize = 256;

/// Failures after which a letter is no longer sent with all others.
const FAILED_OFTEN: u32 = 3;

/// First and longest delay between redeliveries of one letter; the delay doubles.
const DELAY: Duration = Duration::from_secs(60);
const DELAY_MAX: Duration = Duration::from_secs(600);

/// Redelivers to every destination at once; begins nothing after the delivery budget. One destination's trouble does not stop the others; trouble
/// with the store fails the invocation, and the timer brings it again.
pub(super) async fn run(app: &App, now: Timestamp) -> Result<InvocationReply, Failed> {
    let deadline = Instant::now() + app.delivery.budget;
    let names = app.outbox.destinations_with_parked().await.map_err(|error| Failed(error.to_string()))?;
    let runs = names.iter().map(|name| redeliver_to(app, name, now, deadline));
    let mut done = BTreeMap::new();
    let mut failed = Vec::new();
    for (name, result) in names.iter().zip(join_all(runs).await) {
        match result {
            Ok(count) => drop(done.insert(name.as_str(), count)),
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    log(app, &done, now).await;
    let lines = done.iter().map(|(name, Count { delivered, parked, dead, filtered })| {
        let more = if *filtered > 0 { format!(", {filtered} withheld") } else { String::new() };
        format!("{name}: {delivered} delivered, {parked} left parked, {dead} dead{more}")
    });
    let lines = lines.collect();
    if failed.is_empty() { Ok(InvocationReply::success(lines)) } else { Err(Failed(failed.join("; "))) }
}

/// One line per destination that has letters, or had some: what this run did, and what lies in the store after it. Alert rules and the workbook
/// read it, so dead letters are counted too although nothing is sent of them. Names are listed only up to the bounds of
/// [`crate::outbox::Outbox::counts`].
async fn log(app: &App, done: &BTreeMap<&str, Count>, now: Timestamp) {
    let counts = app.outbox.counts().await;
    if let Err(error) = &counts {
        tracing::warn!(%error, "letters could not be counted");
    }
    let stored = counts.as_ref().ok().map(|counts| &counts.destinations);
    let names: BTreeSet<&str> =
        done.keys().copied().chain(stored.into_iter().flatten().map(|(name, _)| name.as_str())).collect();
    for destination in names {
        let Count { delivered, parked, dead, filtered } = done.get(destination).copied().unwrap_or_default();
        let letters = stored.map(|stored| stored.get(destination).copied().unwrap_or_default());
        let age = |seen: Timestamp| u64::try_from(now.duration_since(seen).as_secs()).unwrap_or(0);
        tracing::info!(
            destination,
            delivered,
            parked,
            dead,
            filtered,
            waiting = letters.map(|letters| letters.parked),
            buried = letters.map(|letters| letters.dead),
            oldest_waiting_s = letters.and_then(|letters| letters.oldest_parked).map(age),
            breaker = app.instance(destination).map(|instance| instance.outlet.breaker.state().to_string()),
            "redelivery"
        );
    }
}

async fn redeliver_to(app: &App, name: &str, now: Timestamp, deadline: Instant) -> Result<Count, OutboxError> {
    let mut sum = Count::default();
    while Instant::now() < deadline {
        let letters = app.outbox.due(name, now, HANDFUL).await?;
        if letters.is_empty() {
            break;
        }
        let (old, fresh): (Vec<_>, Vec<_>) = letters.into_iter().partition(|(_, letter)| expired(app, letter, now));
        sum.dead += old.len() as u64;
        for (key, letter) in old {
            let reason = format!("given up after {} attempts: {}", letter.attempts, letter.reason);
            app.outbox.bury_parked(&key, &Letter { reason, ..letter }).await?;
        }
        match (app.instance(name), name) {
            (Some(instance), _) if instance.outlet.breaker.turns_away() => {
                sum.parked += fresh.len() as u64;
                break; // not even tried, so neither counted as an attempt nor put off
            }
            (Some(instance), _) => {
                let (fresh, withheld) = withhold(app, fresh).await?;
                let count = Count { filtered: withheld, ..Count::default() };
                instance.counters.add(count);
                sum += count;
                sum += send_all(app, instance, fresh, now, deadline).await?;
            }
            (None, UNDECODABLE) => sum += again_from_the_start(app, &fresh).await?,
            (None, _) => {
                tracing::warn!(
                    destination = name,
                    "events are parked for a destination that is not configured any more"
                );
                sum.parked += fresh.len() as u64;
                break;
            }
        }
    }
    Ok(sum)
}

/// Settles the letters of copies that waited for the preferred source's, where those came meanwhile. The letters that are left, and how many
/// were settled.
async fn withhold(app: &App, letters: Vec<(Key, Letter)>) -> Result<(Vec<(Key, Letter)>, u64), OutboxError> {
    let Some(twins) = app.twins() else { return Ok((letters, 0)) };
    let (waited, mut rest): (Vec<_>, Vec<_>) =
        letters.into_iter().partition(|(_, letter)| letter.cause == Cause::Awaiting);
    let mut withheld = 0;
    for (key, letter) in waited {
        let texts = Texts::default();
        let mut decoded = Decoded::default();
        decode(&letter.body, seen(&letter), &texts, &mut decoded);
        let standings = twins.standings(&app.store, &decoded.events).await?;
        if !standings.is_empty() && standings.iter().all(|standing| *standing == Standing::Withheld) {
            app.outbox.settle(&key).await?;
            withheld += 1;
        } else {
            rest.push((key, letter));
        }
    }
    Ok((rest, withheld))
}

/// When a letter's event was seen.
fn seen(letter: &Letter) -> Timestamp {
    if letter.seen == Timestamp::UNIX_EPOCH { letter.first_failed } else { letter.seen }
}

/// Whether a letter has been tried for so long that it is given up. One that waits for a human to mend the settings never is: its event is
/// fine. Nor is one that was not tried yet.
fn expired(app: &App, letter: &Letter, now: Timestamp) -> bool {
    !matches!(letter.cause, Cause::Misconfigured | Cause::Awaiting)
        && now.duration_since(letter.first_failed).unsigned_abs() > app.delivery.max_age
        && now > letter.first_failed
}

/// Sends letters that failed before only once or twice together. Those that failed more often go in handfuls of one letter, then two, four
/// and so on, and of one again after a failure: a record that makes a destination fail must not hold its neighbours back for ever, nor
/// must an outage mean one request per letter afterwards.
async fn send_all(
    app: &App,
    instance: &Instance,
    letters: Vec<(Key, Letter)>,
    now: Timestamp,
    deadline: Instant,
) -> Result<Count, OutboxError> {
    // What waits for a human is under no suspicion.
    let suspect = |letter: &Letter| letter.attempts >= FAILED_OFTEN && letter.cause != Cause::Misconfigured;
    let (mut often, seldom): (Vec<_>, Vec<_>) = letters.into_iter().partition(|(_, letter)| suspect(letter));
    let mut sum = send(app, instance, &seldom, &app.delivery.retry, now).await?;
    // Whose turn did not come lately first; the oldest first among equals.
    often.sort_by_key(|(_, letter)| letter.attempts);
    let once = RetryPolicy { attempts: 1, ..app.delivery.retry };
    let (mut rest, mut size) = (&often[..], 1);
    while !rest.is_empty() && !instance.outlet.breaker.turns_away() && Instant::now() < deadline {
        let (handful, more) = rest.split_at(size.min(rest.len()));
        let count = send(app, instance, handful, &once, now).await?;
        size = if count.parked == 0 { size * 2 } else { 1 };
        sum += count;
        rest = more;
    }
    Ok(sum)
}

/// Sends letters to their destination, and settles each by its fate. Has a budget of its own, so that what is begun late is no sign of a
/// slow destination.
async fn send(
    app: &App,
    instance: &Instance,
    letters: &[(Key, Letter)],
    retry: &RetryPolicy,
    now: Timestamp,
) -> Result<Count, OutboxError> {
    let texts = Texts::default();
    let mut decoded = Decoded::default();
    let mut owners = Vec::new();
    for (index, (_, letter)) in letters.iter().enumerate() {
        decode(&letter.body, seen(letter), &texts, &mut decoded);
        owners.resize(decoded.events.len(), index);
    }
    decoded.taken_at(now);
    let mut owned: Vec<_> = decoded.events.iter().zip(owners).collect();
    owned.sort_by_key(|(event, _)| instance.outlet.destination.group(event));
    let events: Vec<_> = owned.iter().map(|(event, _)| *event).collect();
    let (rendered, unfit) = render(instance, &events);
    let deadline = Instant::now() + app.delivery.budget;
    let mut sent = deliver(&instance.outlet, &rendered, retry, deadline, Timestamp::now).await.into_iter();
    let mut unfit = unfit.peekable();
    let mut fates: Vec<Option<Fate>> = vec![None; letters.len()];
    for (index, (_, owner)) in owned.into_iter().enumerate() {
        let fate = match unfit.next_if(|(at, _)| *at == index) {
            Some((_, reason)) => Some(Fate::Dead { reason }),
            None => sent.next(),
        };
        fates[owner] = worst(fates[owner].take(), fate);
    }
    let mut count = Count::default();
    for ((key, letter), fate) in letters.iter().zip(fates) {
        let fate = fate.unwrap_or_else(|| Fate::Dead { reason: "the letter's body is no record".into() });
        settle(app, key, letter, fate, now, &mut count).await?;
    }
    instance.counters.add(count);
    Ok(count)
}

/// A letter holds one record, so one fate; should it hold several, the worst counts and the letter is kept.
fn worst(a: Option<Fate>, b: Option<Fate>) -> Option<Fate> {
    let rank = |fate: &Option<Fate>| match fate {
        None => 0,
        Some(Fate::Delivered) => 1,
        Some(Fate::Dead { .. }) => 2,
        Some(Fate::Parked { .. }) => 3,
    };
    if rank(&a) >= rank(&b) { a } else { b }
}

async fn settle(
    app: &App,
    key: &Key,
    letter: &Letter,
    fate: Fate,
    now: Timestamp,
    count: &mut Count,
) -> Result<(), OutboxError> {
    let attempts = letter.attempts.saturating_add(1);
    match fate {
        Fate::Delivered => {
            app.outbox.settle(key).await?;
            count.delivered += 1;
        }
        Fate::Dead { reason } => {
            app.outbox.bury_parked(key, &Letter { reason, attempts, ..letter.clone() }).await?;
            count.dead += 1;
        }
        Fate::Parked { cause, reason, not_before } => {
            let next = now.saturating_add(delay(letter.attempts)).unwrap_or(now);
            let not_before = Some(not_before.map_or(next, |hint| hint.max(next)));
            // The time that it waited for another copy is none in which it failed.
            let first_failed = if letter.cause == Cause::Awaiting { now } else { letter.first_failed };
            let letter = Letter { cause, reason, attempts, not_before, first_failed, ..letter.clone() };
            app.outbox.postpone(key, &letter).await?;
            count.parked += 1;
        }
    }
    Ok(())
}

fn delay(attempts: u32) -> Duration {
    DELAY.saturating_mul(1 << attempts.saturating_sub(1).min(10)).min(DELAY_MAX)
}

/// Pieces that could not be decoded once and were replayed: the whole way again, for every destination. What still cannot be decoded is
/// buried again by the relay.
async fn again_from_the_start(app: &App, letters: &[(Key, Letter)]) -> Result<Count, OutboxError> {
    let mut count = Count::default();
    for (key, letter) in letters {
        let enqueued = (letter.seen != Timestamp::UNIX_EPOCH).then_some(letter.seen);
        let tally = app.relay(&Bodies::single(&letter.body, enqueued), letter.first_failed).await?;
        app.outbox.settle(key).await?;
        if tally.undecodable > 0 { count.dead += 1 } else { count.delivered += 1 }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_stop_growing() {
        let minutes = |attempts| delay(attempts).as_secs() / 60;
        assert_eq!([0, 1, 2, 3, 6, 7, 40].map(minutes), [1, 1, 2, 4, 10, 10, 10]);
    }

    #[test]
    fn the_worst_fate_of_a_letter_counts() {
        let parked = Fate::Parked { cause: Cause::Unwell, reason: String::new(), not_before: None };
        assert_eq!(worst(Some(Fate::Delivered), Some(parked.clone())), Some(parked));
        assert_eq!(worst(None, Some(Fate::Delivered)), Some(Fate::Delivered));
    }
}
