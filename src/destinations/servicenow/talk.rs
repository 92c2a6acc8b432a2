//! Where a conversation about one alert stands; it travels in [`HttpParcel::memo`](crate::parcel::HttpParcel::memo).

use serde::{Deserialize, Serialize};

use super::desk::Columns;
use super::said::Said;
use super::ticket::Report;
use crate::event::Status;
use crate::parcel::HttpParcel;

/// A conversation about one alert.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Talk {
    /// What the alert says.
    pub(super) report: Report,
    /// Which of the alert's tickets it is about, counted from 1: a closed one has a follow-up.
    pub(super) number: u32,
    /// The ticket before that.
    pub(super) parent: Option<String>,
    /// Whether it sent a new ticket.
    pub(super) is_creator: bool,
    /// Whether duplicates stay, since the instance refused to cancel one.
    pub(super) leaves_duplicates: bool,
    /// What was sent last.
    pub(super) stage: Stage,
}

/// What was sent last.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// A question for the alert's ticket.
    Look {
        /// Why there should be one, after a creation.
        doubt: Option<Doubt>,
    },
    /// A new ticket.
    Create,
    /// A change of the ticket.
    Change {
        /// What to do where the instance refuses it.
        otherwise: Otherwise,
    },
    /// The end of a duplicate.
    Cancel,
    /// The end of a ticket that cannot be found again.
    Withdraw,
}

/// What a look after a creation is to clear up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Doubt {
    /// Whether the request took effect: it got no usable answer.
    Unanswered {
        /// What came instead.
        reason: String,
    },
    /// Whether another creator was first.
    Created,
    /// Whether it was refused because another creator was first, where the key is unique.
    Refused {
        /// What the instance said.
        reason: String,
        /// Whether it blames this alert.
        blames_alert: bool,
    },
}

/// What to do where the instance refuses a change.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Otherwise {
    /// Send this instead.
    Write {
        /// The change without what a data policy or a business rule may object to.
        columns: Columns,
    },
    /// Leave it: the ticket is closed, and many instances let nobody touch those.
    Leave,
    /// Nothing more can be done.
    Fail,
}

impl Talk {
    /// A conversation that begins with a look.
    pub(super) fn about(report: Report) -> Self {
        Self {
            report,
            number: 1,
            parent: None,
            is_creator: false,
            leaves_duplicates: false,
            stage: Stage::Look { doubt: None },
        }
    }

    /// The conversation that a parcel belongs to; none for a probe.
    pub(super) fn of(parcel: &HttpParcel) -> Option<Self> {
        Self::deserialize(&parcel.memo).ok()
    }

    /// The same conversation, in which a new ticket was sent.
    pub(super) fn created(self) -> Self {
        Self { is_creator: true, ..self }
    }

    /// The same conversation at another stage.
    pub(super) fn at(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }

    /// Whether a ticket is to be made where there is none. An alert always has its first one: an older word may come late. Of other matters
    /// there are far more that nobody heard of before they were settled; and what is over needs no follow-up.
    pub(super) fn makes_ticket(&self) -> bool {
        let is_first_of_alert = self.number == 1 && self.report.matter.is_none();
        is_first_of_alert || self.report.said.is_active()
    }

    /// A look for the ticket after this one.
    pub(super) fn next(self, sys_id: &str) -> Self {
        Self { number: self.number + 1, parent: Some(sys_id.to_owned()), ..Self::about(self.report) }
    }

    /// What a new ticket remembers at first: the alert, not yet worked on.
    pub(super) fn begun(&self) -> Said {
        let status = match self.report.said.status {
            Status::Unknown => Status::Unknown,
            Status::New | Status::InProgress | Status::Resolved | Status::Dismissed => Status::New,
        };
        Said { status, ..self.report.said }
    }
}
