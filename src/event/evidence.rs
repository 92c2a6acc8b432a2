//! The entities of an alert as a flat, borrowed list: one typed pass over their text, whatever nests in what.
//!
//! Newtonsoft's reference encoding: an object may be defined anywhere with `$id`, and stand elsewhere as `{"$ref":"5"}`. Ids repeat
//! in merged alerts and references dangle: the first definition counts, the rest is ignored. References are only ever followed one
//! step, so cycles cannot loop.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json;

/// What an entity is, as far as [`super::Facts`] asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Kind {
    #[default]
    Other,
    Ip,
    Host,
    Account,
    Process,
    File,
    FileHash,
    Connection,
    Dns,
    Url,
}

impl Kind {
    /// By `Type` of Defender for Cloud's entities, or by `@odata.type` of Graph's evidence.
    fn named(name: &str) -> Self {
        let name = name.strip_prefix("#microsoft.graph.security.").unwrap_or(name);
        match json::fold(name, &mut [0; 32]) {
            b"ip" | b"ipevidence" => Self::Ip,
            b"host" | b"deviceevidence" => Self::Host,
            b"account" | b"userevidence" => Self::Account,
            b"process" | b"processevidence" => Self::Process,
            b"file" | b"fileevidence" => Self::File,
            b"filehash" | b"filehashevidence" => Self::FileHash,
            b"network-connection" | b"networkconnectionevidence" => Self::Connection,
            b"dns" | b"dnsevidence" => Self::Dns,
            b"url" | b"urlevidence" => Self::Url,
            _ => Self::Other,
        }
    }

    /// The kind of the items in one of the lists of Graph's retired shape.
    fn of_states(list: &[u8]) -> Option<Self> {
        Some(match list {
            b"hoststates" => Self::Host,
            b"userstates" => Self::Account,
            b"filestates" => Self::File,
            b"networkconnections" => Self::Connection,
            b"processes" => Self::Process,
            _ => return None,
        })
    }
}

/// A member that is an entity, or stands for one.
#[derive(Debug, Default)]
pub(super) enum Link<'a> {
    #[default]
    None,
    /// A plain value.
    Text(Cow<'a, str>),
    /// `{"$ref": ...}`.
    Reference(Cow<'a, str>),
    /// An object that is defined here: its position among the pieces.
    Here(usize),
    /// Several.
    List(Vec<Link<'a>>),
}

/// One entity, or any other object among them.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    id: Option<Cow<'a, str>>,
    kind: Kind,
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) host_name: Option<Cow<'a, str>>,
    pub(super) address: Option<Cow<'a, str>>,
    pub(super) is_destination: bool,
    pub(super) nt_domain: Option<Cow<'a, str>>,
    pub(super) upn_suffix: Option<Cow<'a, str>>,
    pub(super) user_principal: Option<Cow<'a, str>>,
    pub(super) sid: Option<Cow<'a, str>>,
    pub(super) entra_id: Option<Cow<'a, str>>,
    pub(super) directory: Option<Cow<'a, str>>,
    pub(super) hashes: Vec<Link<'a>>,
    pub(super) algorithm: Option<Cow<'a, str>>,
    pub(super) value: Option<Cow<'a, str>>,
    pub(super) sha256: Option<Cow<'a, str>>,
    pub(super) sha1: Option<Cow<'a, str>>,
    pub(super) md5: Option<Cow<'a, str>>,
    pub(super) process_id: Option<Cow<'a, str>>,
    pub(super) command_line: Option<Cow<'a, str>>,
    pub(super) image: Link<'a>,
    pub(super) parent: Link<'a>,
    pub(super) source: Link<'a>,
    pub(super) destination: Link<'a>,
    pub(super) source_port: Option<Cow<'a, str>>,
    pub(super) destination_port: Option<Cow<'a, str>>,
    pub(super) protocol: Option<Cow<'a, str>>,
    pub(super) url: Option<Cow<'a, str>>,
    pub(super) domain: Option<Cow<'a, str>>,
    pub(super) host_address: Link<'a>,
}

/// All objects of an entity list, in the order in which they open.
#[derive(Debug, Default)]
pub(super) struct Evidence<'a> {
    pieces: Vec<Piece<'a>>,
    /// Places of the pieces with an id, sorted by it; made when the first reference is followed.
    by_id: OnceCell<Vec<usize>>,
}

impl<'a> Evidence<'a> {
    /// Reads a list of entities; keeps what it has read where the text breaks off.
    pub(super) fn of_entities(list: &'a str) -> Self {
        let mut pieces = Vec::with_capacity(16);
        let seed = Item { pieces: &mut pieces, kind: Kind::Other };
        // A fault cannot happen in a decoded record but for nesting beyond serde's bound.
        let _ = seed.deserialize(&mut serde_json::Deserializer::from_str(list));
        Self { pieces, by_id: OnceCell::new() }
    }

    /// Reads the states of an alert of Graph's retired shape.
    pub(super) fn of_states(record: &'a str) -> Self {
        let mut pieces = Vec::new();
        for (key, list) in json::members(record) {
            if let Some(kind) = Kind::of_states(json::fold(&key, &mut [0; 32])) {
                let seed = Item { pieces: &mut pieces, kind };
                let _ = seed.deserialize(&mut serde_json::Deserializer::from_str(list.get()));
            }
        }
        Self { pieces, by_id: OnceCell::new() }
    }

    /// The entities of one kind, in order.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Piece<'a>> {
        self.pieces.iter().filter(move |piece| piece.kind == kind)
    }

    /// The object that a link leads to, if there is one.
    pub(super) fn follow(&self, link: &Link<'a>) -> Option<&Piece<'a>> {
        match link {
            Link::Here(at) => self.pieces.get(*at),
            Link::Reference(id) => self.find(id),
            Link::None | Link::Text(_) | Link::List(_) => None,
        }
    }

    /// The first piece with that id. Sorted, so that ten thousand references to ten thousand pieces stay cheap.
    fn find(&self, id: &str) -> Option<&Piece<'a>> {
        let id_at = |at: &usize| self.pieces[*at].id.as_deref();
        let by_id = self.by_id.get_or_init(|| {
            let mut places: Vec<usize> = (0..self.pieces.len()).filter(|at| id_at(at).is_some()).collect();
            // Stable: of pieces with one id the first stays first.
            places.sort_by_key(id_at);
            places
        });
        let at = by_id.get(by_id.partition_point(|at| id_at(at) < Some(id)))?;
        (id_at(at) == Some(id)).then(|| &self.pieces[*at])
    }
}

/// Reads any value; every object in it is added to the pieces. An object without a type has the given kind.
struct Item<'p, 'a> {
    pieces: &'p mut Vec<Piece<'a>>,
    kind: Kind,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Item<'_, 'a> {
    type Value = Link<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Link<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Item<'_, 'a> {
    type Value = Link<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Link<'a>, E> {
        Ok(Link::None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Link<'a>, E> {
        Ok(Link::None)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Link<'a>, E> {
        Ok(Link::Text(Cow::Owned(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Link<'a>, E> {
        Ok(Link::Text(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Link<'a>, E> {
        Ok(Link::None)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Link<'a>, E> {
        Ok(if json::is_absent(text) { Link::None } else { Link::Text(Cow::Borrowed(text)) })
    }

    fn visit_str<E>(self, text: &str) -> Result<Link<'a>, E> {
        Ok(if json::is_absent(text) { Link::None } else { Link::Text(Cow::Owned(text.to_owned())) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Link<'a>, A::Error> {
        let mut links = Vec::new();
        while let Some(link) = list.next_element_seed(Item { pieces: &mut *self.pieces, kind: self.kind })? {
            links.push(link);
        }
        Ok(Link::List(links))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Link<'a>, A::Error> {
        let Self { pieces, kind } = self;
        let at = pieces.len();
        // Keeps the place, so that pieces stand in the order in which they open.
        pieces.push(Piece::default());
        let mut piece = Piece { kind, ..Piece::default() };
        let mut reference = None;
        while let Some(member) = map.next_key::<Member>()? {
            let kind = match member {
                Member::Skipped => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                Member::Account => Kind::Account,
                Member::FileDetails | Member::Image => Kind::File,
                Member::Hashes => Kind::FileHash,
                Member::Parent => Kind::Process,
                _ => Kind::Other,
            };
            let link = map.next_value_seed(Item { pieces: &mut *pieces, kind })?;
            match (member, link) {
                (Member::Reference, Link::Text(id)) => reference = Some(id),
                (member, link) => piece.put(member, link),
            }
        }
        match reference {
            Some(id) => Ok(Link::Reference(id)),
            None => {
                pieces[at] = piece;
                Ok(Link::Here(at))
            }
        }
    }
}

impl<'a> Piece<'a> {
    fn put(&mut self, member: Member, link: Link<'a>) {
        let text = match (member, link) {
            (Member::Image, link) => return self.image = link,
            (Member::Parent, link) => return self.parent = link,
            (Member::Source, link) => return self.source = link,
            (Member::Destination, link) => return self.destination = link,
            (Member::HostAddress, link) => return self.host_address = link,
            (Member::Hashes, Link::List(links)) => return self.hashes = links,
            (Member::Hashes, link) => return self.hashes = vec![link],
            (Member::Roles, Link::List(roles)) => {
                self.is_destination = roles.iter().any(|role| match role {
                    Link::Text(role) => {
                        ["destination", "commandAndControl"].iter().any(|name| role.eq_ignore_ascii_case(name))
                    }
                    _ => false,
                });
                return;
            }
            (_, Link::Text(text)) => text,
            _ => return,
        };
        match member {
            Member::Id => self.id = Some(text),
            Member::Type => self.kind = Kind::named(&text),
            Member::Name => self.name = Some(text),
            Member::HostName => self.host_name = Some(text),
            Member::OtherHostName => {
                self.host_name.get_or_insert(text);
            }
            Member::Address => self.address = Some(text),
            Member::NtDomain => self.nt_domain = Some(text),
            Member::UpnSuffix => self.upn_suffix = Some(text),
            Member::UserPrincipal => self.user_principal = Some(text),
            Member::Sid => self.sid = Some(text),
            Member::EntraId => self.entra_id = Some(text),
            Member::Directory => self.directory = Some(text),
            Member::Algorithm => self.algorithm = Some(text),
            Member::Value => self.value = Some(text),
            Member::Sha256 => self.sha256 = Some(text),
            Member::Sha1 => self.sha1 = Some(text),
            Member::Md5 => self.md5 = Some(text),
            Member::ProcessId => self.process_id = Some(text),
            Member::CommandLine => self.command_line = Some(text),
            Member::SourcePort => self.source_port = Some(text),
            Member::DestinationPort => self.destination_port = Some(text),
            Member::Protocol => self.protocol = Some(text),
            Member::Url => self.url = Some(text),
            Member::Domain => self.domain = Some(text),
            _ => {}
        }
    }
}

/// A member's name, in any of the shapes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Member {
    Id,
    Reference,
    Type,
    Name,
    HostName,
    OtherHostName,
    Address,
    Roles,
    NtDomain,
    UpnSuffix,
    UserPrincipal,
    Sid,
    EntraId,
    Account,
    Directory,
    FileDetails,
    Hashes,
    Algorithm,
    Value,
    Sha256,
    Sha1,
    Md5,
    ProcessId,
    CommandLine,
    Image,
    Parent,
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    Protocol,
    Url,
    Domain,
    HostAddress,
    /// Holds no entities and nothing of interest.
    Skipped,
    /// May hold entities.
    Other,
}

impl Member {
    fn named(folded: &[u8]) -> Self {
        match folded {
            b"$id" => Self::Id,
            b"$ref" => Self::Reference,
            b"type" | b"@odata.type" => Self::Type,
            b"name" | b"accountname" | b"filename" => Self::Name,
            b"hostname" => Self::HostName,
            b"netbiosname" | b"devicednsname" | b"fqdn" => Self::OtherHostName,
            b"address" | b"ipaddress" => Self::Address,
            b"roles" => Self::Roles,
            b"ntdomain" => Self::NtDomain,
            b"upnsuffix" => Self::UpnSuffix,
            b"userprincipalname" => Self::UserPrincipal,
            b"sid" | b"usersid" | b"onpremisessecurityidentifier" => Self::Sid,
            b"aaduserid" | b"azureaduserid" => Self::EntraId,
            b"account" | b"useraccount" => Self::Account,
            b"directory" | b"filepath" | b"path" => Self::Directory,
            b"filedetails" => Self::FileDetails,
            b"filehashes" | b"filehash" => Self::Hashes,
            b"algorithm" | b"hashtype" => Self::Algorithm,
            b"value" | b"hashvalue" => Self::Value,
            b"sha256" => Self::Sha256,
            b"sha1" => Self::Sha1,
            b"md5" => Self::Md5,
            b"processid" => Self::ProcessId,
            b"commandline" | b"processcommandline" => Self::CommandLine,
            b"imagefile" => Self::Image,
            b"parentprocess" => Self::Parent,
            b"sourceaddress" => Self::Source,
            b"destinationaddress" => Self::Destination,
            b"sourceport" => Self::SourcePort,
            b"destinationport" => Self::DestinationPort,
            b"protocol" => Self::Protocol,
            b"url" => Self::Url,
            b"domainname" => Self::Domain,
            b"hostipaddress" => Self::HostAddress,
            b"location" | b"threatintelligence" | b"metadata" => Self::Skipped,
            _ => Self::Other,
        }
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Member;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, name: &str) -> Result<Member, E> {
                Ok(Member::named(json::fold(name, &mut [0; 32])))
            }
        }

        deserializer.deserialize_str(Name)
    }
}
