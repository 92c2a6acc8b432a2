//! What line formats and indexes want to know of an alert's entities.

use std::borrow::Cow;

/// The first value of each kind that an alert's entities hold; absent where none does.
///
/// Computed once per alert, on first use, in one pass over the entities' text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Facts<'a> {
    /// First valid address of an `ip` entity that is the attacker's by the alert type (the default role of `ip` entities).
    pub source_ip: Option<Cow<'a, str>>,
    /// First valid destination address: a network connection's, or the `ip` entity of an outbound alert type.
    pub destination_ip: Option<Cow<'a, str>>,
    /// Source port of the first network connection.
    pub source_port: Option<u16>,
    /// Destination port of the first network connection.
    pub destination_port: Option<u16>,
    /// Protocol of the first network connection, as written.
    pub protocol: Option<Cow<'a, str>>,
    /// First account: `DOMAIN\name`, `name@suffix`, `name`, else its Entra object id.
    pub user: Option<Cow<'a, str>>,
    /// Security identifier, else Entra object id, of that account.
    pub user_id: Option<Cow<'a, str>>,
    /// First host's name.
    pub host: Option<Cow<'a, str>>,
    /// First file's name.
    pub file_name: Option<Cow<'a, str>>,
    /// First file's directory.
    pub file_path: Option<Cow<'a, str>>,
    /// First file hash: SHA-256 before SHA-1 before MD5.
    pub file_hash: Option<Cow<'a, str>>,
    /// First process' image file name.
    pub process_name: Option<Cow<'a, str>>,
    /// First process' id, in decimal or `0x` hexadecimal in the source.
    pub process_id: Option<u64>,
    /// First process' command line, never empty.
    pub command_line: Option<Cow<'a, str>>,
    /// First `url` entity.
    pub url: Option<Cow<'a, str>>,
    /// First `dns` entity's domain name.
    pub domain_name: Option<Cow<'a, str>>,
}
