//! The syslog listener of a System Monitor agent: CEF, or the line that an Open Collector would send it.

use super::name::BeatName;
use super::pipe;
use crate::batch::{Limits, Records};
use crate::destinations::{Destination, RenderError};
use crate::event::Event;
use crate::format::cef::{self, Version};
use crate::format::severity::SeverityMap;
use crate::format::syslog::sender::Sender;
use crate::parcel::Parcel;
use crate::settings::{Section, SettingsError};
use crate::transport::Transport;

/// What collectors take of one message on a stream. LogRhythm publishes no figure.
const MAX_STREAM_BYTES: usize = 8000;
/// RFC 5426 section 3.2: what every receiver should take.
const MAX_DATAGRAM_BYTES: usize = 2048;

/// The words of `FORMAT`.
#[derive(Clone, Copy)]
enum Format {
    Cef,
    Pipe,
}

/// What the line holds.
#[derive(Debug)]
enum Body {
    Cef(cef::record::Style),
    Pipe(BeatName),
}

/// An opened way to an agent.
#[derive(Debug)]
pub(super) struct Agent {
    sender: Sender,
    body: Body,
}

impl Agent {
    pub(super) fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let name = BeatName::from_section(section);
        let body = match section.choice("FORMAT", &[("cef", Format::Cef), ("pipe", Format::Pipe)]) {
            Format::Cef => Body::Cef(cef::record::Style { version: Version::Zero, severity: SeverityMap::CEF }),
            Format::Pipe => Body::Pipe(name),
        };
        section.finish(Self { sender: Sender::from_section(section, MAX_STREAM_BYTES, MAX_DATAGRAM_BYTES), body })
    }
}

impl Destination for Agent {
    fn transport(&self) -> &Transport {
        &self.sender.transport
    }

    fn limits(&self) -> Limits {
        Sender::LIMITS
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let start = out.len();
        self.sender.push_header_3164(out, event, SeverityMap::SYSLOG.number(event.severity));
        let left = self.sender.left(out, start);
        match &self.body {
            Body::Cef(style) => cef::record::push(out, event, style, left),
            Body::Pipe(name) => pipe::push(out, event, name, left),
        }
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        Sender::pack(records)
    }

    fn probe(&self) -> Option<Parcel> {
        self.sender.probe()
    }

    fn warnings(&self) -> Vec<String> {
        self.sender.warnings()
    }
}
