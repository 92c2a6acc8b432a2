use super::*;

use AlertStatus as A;
use IncidentStatus as I;

const NEWS: Part = Part { now: Some(A::Active), ours: false, agreed: None, late: false };

fn part(now: A, agreed: Option<(I, A)>) -> Part {
    Part { now: Some(now), agreed: agreed.map(|(incident, alert)| Agreed { incident, alert }), ..NEWS }
}

fn ours(part: Part) -> Part {
    Part { ours: true, ..part }
}

fn case(status: I, parts: &[Part]) -> Case {
    Case { status, classification: None, closed_by_us: false, others: 0, parts: parts.to_vec() }
}

fn steps(case: &Case) -> Vec<Step> {
    decide(case, Direction::Both).steps.into_iter().map(|(step, _)| step).collect()
}

fn why_not(case: &Case) -> Vec<WhyNot> {
    decide(case, Direction::Both).left.into_iter().map(|(_, why)| why).collect()
}

fn alert(part: usize, to: A) -> Step {
    Step::Alert { part, to }
}

#[test]
fn a_closed_incident_closes_its_alerts_by_classification() {
    for (classification, to) in [
        (Some(Classification::FalsePositive), A::Dismissed),
        (Some(Classification::TruePositive), A::Resolved),
        (Some(Classification::BenignPositive), A::Resolved),
        (Some(Classification::Undetermined), A::Resolved),
        (None, A::Resolved),
    ] {
        let parts = [NEWS, part(A::InProgress, Some((I::Active, A::InProgress))), part(A::Dismissed, None)];
        let case = Case { classification, others: 3, ..case(I::Closed, &parts) };
        let decision = decide(&case, Direction::Both);
        assert_eq!(decision.steps[0], (alert(0, to), Why::IncidentClosed(classification)));
        assert_eq!(decision.steps[1].0, alert(1, to));
        assert_eq!((decision.steps.len(), decision.settled), (2, vec![2]), "what is closed stays as it is");
    }
}

#[test]
fn closing_is_owed_until_it_is_done() {
    // Settled when the incident was open, and not done since: by a cap, by a refusal, by a crash.
    assert_eq!(steps(&case(I::Closed, &[part(A::Active, Some((I::New, A::Active)))])), [alert(0, A::Resolved)]);
    // Settled with the closed incident: somebody opened it again, or it was left alone on purpose.
    assert_eq!(steps(&case(I::Closed, &[part(A::Active, Some((I::Closed, A::Active)))])), []);
    assert_eq!(steps(&case(I::Closed, &[part(A::Active, Some((I::Closed, A::Resolved)))])), []);
    assert_eq!(steps(&case(I::Closed, &[part(A::Active, Some((I::New, A::Resolved)))])), []);
    assert_eq!(steps(&case(I::Closed, &[Part { late: true, ..NEWS }])), []);
}

#[test]
fn work_on_one_side_is_told_to_the_other() {
    assert_eq!(steps(&case(I::Active, &[NEWS])), [alert(0, A::InProgress)]);
    assert_eq!(steps(&case(I::Active, &[part(A::Active, Some((I::New, A::Active)))])), [alert(0, A::InProgress)]);
    assert_eq!(steps(&case(I::New, &[part(A::InProgress, None)])), [Step::Incident(Change::Activate)]);
    assert_eq!(
        steps(&case(I::New, &[NEWS, part(A::InProgress, Some((I::New, A::Active)))])),
        [Step::Incident(Change::Activate)]
    );
    // Who takes it back is not contradicted.
    assert_eq!(steps(&case(I::Active, &[part(A::Active, Some((I::Active, A::InProgress)))])), []);
    assert_eq!(steps(&case(I::New, &[part(A::InProgress, Some((I::Active, A::InProgress)))])), []);
}

#[test]
fn an_incident_is_closed_when_all_its_alerts_are() {
    let close = |dismissed| vec![Step::Incident(Change::Close { dismissed })];
    let (resolved, dismissed) = (part(A::Resolved, Some((I::New, A::Active))), part(A::Dismissed, None));
    assert_eq!(steps(&case(I::Active, &[resolved, dismissed])), close(false));
    assert_eq!(steps(&case(I::New, &[dismissed, dismissed])), close(true));
    assert_eq!(steps(&case(I::New, &[dismissed, NEWS])), []);
    assert_eq!(steps(&case(I::New, &[])), []);
    let mixed = Case { others: 1, ..case(I::New, &[dismissed]) };
    assert_eq!((steps(&mixed), why_not(&mixed)), (vec![], vec![WhyNot::OtherProducts]));
}

#[test]
fn an_alert_that_is_not_known_keeps_its_incident_open_for_now() {
    let unknown = Part { now: None, ..NEWS };
    let waiting = case(I::New, &[part(A::Resolved, Some((I::New, A::Active))), unknown]);
    let decision = decide(&waiting, Direction::Both);
    assert_eq!((decision.steps.len(), decision.settled.len()), (0, 0), "it is still owed");
    assert_eq!(decision.left, [(Some(1), WhyNot::Unknown)]);
    // And is done once it is known.
    let known = case(I::New, &[waiting.parts[0], part(A::Resolved, None)]);
    assert_eq!(steps(&known), [Step::Incident(Change::Close { dismissed: false })]);
}

#[test]
fn only_what_we_closed_is_opened_again() {
    let closed = |part: Part| Part { agreed: Some(Agreed { incident: I::Closed, alert: A::Resolved }), ..part };
    // The incident was opened again.
    let back = closed(part(A::Resolved, None));
    assert_eq!(steps(&case(I::New, &[ours(back)])), [alert(0, A::Active)]);
    assert_eq!(steps(&case(I::Active, &[ours(back)])), [alert(0, A::InProgress)]);
    assert_eq!(
        (steps(&case(I::New, &[back])), why_not(&case(I::New, &[back]))),
        (vec![], vec![WhyNot::AlertNotOurs, WhyNot::IncidentReopened][..1].to_vec())
    );
    // The alert was opened again.
    for (now, to) in [(A::Active, I::New), (A::InProgress, I::Active)] {
        let open = case(I::Closed, &[closed(part(now, None)), back]);
        assert_eq!((steps(&open), why_not(&open)), (vec![], vec![WhyNot::AlertReopened, WhyNot::IncidentNotOurs]));
        let open = Case { closed_by_us: true, ..open };
        assert_eq!(steps(&open), [Step::Incident(Change::Reopen { to })]);
    }
}

#[test]
fn what_a_person_opened_again_is_not_closed_before_something_changes() {
    let reopened = case(I::New, &[part(A::Resolved, Some((I::Closed, A::Resolved)))]);
    assert_eq!(steps(&reopened), []);
    let settled = case(I::New, &[part(A::Resolved, Some((I::New, A::Resolved)))]);
    assert_eq!(steps(&settled), []);
    // Even if an alert that was open in it is closed at the same time.
    let both = case(
        I::New,
        &[part(A::Resolved, Some((I::Closed, A::Active))), part(A::Resolved, Some((I::Closed, A::Resolved)))],
    );
    assert_eq!(steps(&both), []);
    let again = case(I::New, &[part(A::Resolved, Some((I::New, A::Active)))]);
    assert_eq!(steps(&again), [Step::Incident(Change::Close { dismissed: false })]);
}

#[test]
fn a_direction_forbids_the_other() {
    let (to_alert, to_incident) = (case(I::Closed, &[NEWS]), case(I::New, &[part(A::Resolved, None)]));
    for (direction, alerts, incidents) in
        [(Direction::Both, 1, 1), (Direction::ToDefender, 1, 0), (Direction::ToSentinel, 0, 1)]
    {
        assert_eq!(decide(&to_alert, direction).steps.len(), alerts);
        assert_eq!(decide(&to_incident, direction).steps.len(), incidents);
    }
    assert_eq!(decide(&to_alert, Direction::ToSentinel).left, [(Some(0), WhyNot::Direction)]);
}

/// Every part that there can be.
fn all_parts() -> Vec<Part> {
    let mut agreed = vec![None];
    for incident in I::ALL {
        agreed.extend(A::ALL.map(|alert| Some(Agreed { incident, alert })));
    }
    let mut parts = Vec::new();
    for now in [None].into_iter().chain(A::ALL.map(Some)) {
        for agreed in &agreed {
            for late in [false, true] {
                for ours in [false, true] {
                    parts.push(Part { now, ours: ours && now.is_some(), agreed: *agreed, late });
                }
            }
        }
    }
    parts
}

/// Every case of one or two alerts.
fn all_cases(mut check: impl FnMut(&Case)) -> usize {
    let parts = all_parts();
    let mut count = 0;
    let mut with = |parts: &[Part]| {
        for status in I::ALL {
            for (closed_by_us, others) in [(false, 0), (true, 0), (false, 1)] {
                check(&Case { closed_by_us, others, ..case(status, parts) });
                count += 1;
            }
        }
    };
    for one in &parts {
        with(&[*one]);
        // Of the second, what is of another kind than the first is enough.
        parts.iter().step_by(7).for_each(|two| with(&[*one, *two]));
    }
    count
}

/// What the case is after a step, as the run writes it down.
fn after(case: &Case, step: Step) -> Case {
    let mut next = case.clone();
    match step {
        Step::Alert { part, to } => {
            let part = &mut next.parts[part];
            (part.now, part.ours) = (Some(to), true);
            part.agreed = Some(Agreed { incident: case.status, alert: to });
        }
        Step::Incident(change) => {
            next.status = change.to();
            next.closed_by_us = next.status == I::Closed;
            for part in &mut next.parts {
                let alert = part.now.or(part.agreed.map(|agreed| agreed.alert));
                part.agreed = alert.map(|alert| Agreed { incident: next.status, alert });
            }
        }
    }
    next
}

#[test]
fn no_case_breaks_a_promise() {
    let count = all_cases(|case| {
        let decision = decide(case, Direction::Both);
        for (step, _) in &decision.steps {
            match *step {
                Step::Alert { part, to } => {
                    let part = &case.parts[part];
                    assert_ne!(part.now, Some(to), "it is so already: {case:?}");
                    let opens = part.is_over() && !to.is_over();
                    assert!(!opens || part.ours, "somebody else closed it: {case:?}");
                    assert!(!part.is_over() || opens, "a closed alert is not closed otherwise: {case:?}");
                }
                Step::Incident(change) => {
                    assert_ne!(case.status, change.to(), "{case:?}");
                    assert!(case.status != I::Closed || case.closed_by_us, "somebody else closed it: {case:?}");
                    let closes = change.to() == I::Closed;
                    assert!(!closes || case.others == 0 && case.parts.iter().all(Part::is_over), "{case:?}");
                }
            }
        }
        for number in &decision.settled {
            assert!(case.parts[*number].now.is_some(), "{case:?}");
        }
    });
    assert!(count > 50_000, "{count}");
}

#[test]
fn every_case_comes_to_rest() {
    all_cases(|case| {
        let mut now = case.clone();
        let mut taken = 0;
        loop {
            let decision = decide(&now, Direction::Both);
            let Some((step, _)) = decision.steps.first() else {
                // What is settled asks for nothing more.
                for number in decision.settled {
                    let part = &mut now.parts[number];
                    part.agreed = part.now.map(|alert| Agreed { incident: now.status, alert });
                }
                assert_eq!(steps(&now), [], "{case:?}");
                break;
            };
            now = after(&now, *step);
            taken += 1;
            assert!(taken <= case.parts.len() + 1, "{case:?} goes on: {now:?}");
        }
    });
}
