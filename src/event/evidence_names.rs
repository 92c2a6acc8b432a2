//! The names that entities and their members have in the shapes of all sources.

use super::names::Names;

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
    pub(super) fn named(name: &str) -> Self {
        static NAMES: Names<Kind, 18> = Names::new([
            ("ip", Kind::Ip),
            ("ipEvidence", Kind::Ip),
            ("host", Kind::Host),
            ("deviceEvidence", Kind::Host),
            ("account", Kind::Account),
            ("userEvidence", Kind::Account),
            ("process", Kind::Process),
            ("processEvidence", Kind::Process),
            ("file", Kind::File),
            ("fileEvidence", Kind::File),
            ("fileHash", Kind::FileHash),
            ("fileHashEvidence", Kind::FileHash),
            ("network-connection", Kind::Connection),
            ("networkConnectionEvidence", Kind::Connection),
            ("dns", Kind::Dns),
            ("dnsEvidence", Kind::Dns),
            ("url", Kind::Url),
            ("urlEvidence", Kind::Url),
        ]);
        NAMES.get(name.strip_prefix("#microsoft.graph.security.").unwrap_or(name)).unwrap_or_default()
    }

    /// The kind of the items in one of the lists of Graph's retired shape.
    pub(super) fn of_states(list: &str) -> Option<Self> {
        static LISTS: Names<Kind, 5> = Names::new([
            ("hostStates", Kind::Host),
            ("userStates", Kind::Account),
            ("fileStates", Kind::File),
            ("networkConnections", Kind::Connection),
            ("processes", Kind::Process),
        ]);
        LISTS.get(list)
    }
}

/// A member's name, in any of the shapes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Member {
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
    /// What an object in this place is, where it does not say so itself.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Account => Kind::Account,
            Self::FileDetails | Self::Image => Kind::File,
            Self::Hashes => Kind::FileHash,
            Self::Parent => Kind::Process,
            _ => Kind::Other,
        }
    }

    /// Whether it holds a list whose items are of use.
    pub(super) fn is_plural(self) -> bool {
        matches!(self, Self::Hashes | Self::Roles)
    }

    /// By its name, in any case.
    pub(super) fn named(name: &str) -> Self {
        static NAMES: Names<Member, 53> = Names::new([
            ("$id", Member::Id),
            ("$ref", Member::Reference),
            ("type", Member::Type),
            ("@odata.type", Member::Type),
            ("name", Member::Name),
            ("accountName", Member::Name),
            ("fileName", Member::Name),
            ("hostName", Member::HostName),
            ("netBiosName", Member::OtherHostName),
            ("deviceDnsName", Member::OtherHostName),
            ("fqdn", Member::OtherHostName),
            ("address", Member::Address),
            ("ipAddress", Member::Address),
            ("roles", Member::Roles),
            ("ntDomain", Member::NtDomain),
            ("upnSuffix", Member::UpnSuffix),
            ("userPrincipalName", Member::UserPrincipal),
            ("sid", Member::Sid),
            ("userSid", Member::Sid),
            ("onPremisesSecurityIdentifier", Member::Sid),
            ("aadUserId", Member::EntraId),
            ("azureAdUserId", Member::EntraId),
            ("account", Member::Account),
            ("userAccount", Member::Account),
            ("directory", Member::Directory),
            ("filePath", Member::Directory),
            ("path", Member::Directory),
            ("fileDetails", Member::FileDetails),
            ("fileHashes", Member::Hashes),
            ("fileHash", Member::Hashes),
            ("algorithm", Member::Algorithm),
            ("hashType", Member::Algorithm),
            ("value", Member::Value),
            ("hashValue", Member::Value),
            ("sha256", Member::Sha256),
            ("sha1", Member::Sha1),
            ("md5", Member::Md5),
            ("processId", Member::ProcessId),
            ("commandLine", Member::CommandLine),
            ("processCommandLine", Member::CommandLine),
            ("imageFile", Member::Image),
            ("parentProcess", Member::Parent),
            ("sourceAddress", Member::Source),
            ("destinationAddress", Member::Destination),
            ("sourcePort", Member::SourcePort),
            ("destinationPort", Member::DestinationPort),
            ("protocol", Member::Protocol),
            ("url", Member::Url),
            ("domainName", Member::Domain),
            ("hostIpAddress", Member::HostAddress),
            ("location", Member::Skipped),
            ("threatIntelligence", Member::Skipped),
            ("metadata", Member::Skipped),
        ]);
        NAMES.get(name).unwrap_or(Self::Other)
    }
}
