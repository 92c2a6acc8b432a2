//! Entities as Graph's evidence: one table says which entity kind becomes which evidence type with which properties.
//!
//! Property names: [alertEvidence resource types](https://learn.microsoft.com/en-us/graph/api/resources/security-alertevidence).

use serde_json::{Map, Value};

use crate::event::{Alert, Entity};
use crate::format::json::{Object, write_text};

/// Nested entities (a container's pod's namespace's cluster) are followed this deep.
const DEPTH: usize = 6;

/// How one property of an evidence comes from an entity.
enum Property {
    /// A scalar, as it is: (property, member of the entity).
    Same(&'static str, &'static str),
    /// An integer, which the entity may write in decimal or `0x` hexadecimal text.
    Number(&'static str, &'static str),
    /// Two texts around an `@`, where there are both.
    Joined(&'static str, &'static str, &'static str),
    /// The digest of that algorithm in the entity's `FileHashes`.
    Hash(&'static str, &'static str),
    /// A nested object made of the entity's own members.
    Group(&'static str, &'static [Property]),
    /// A nested object made of the members of an entity inside this one.
    Of(&'static str, &'static str, &'static [Property]),
    /// An entity inside this one, as evidence of its own: (property, member, its kind where it does not say).
    Evidence(&'static str, &'static str, &'static str),
    /// An address, as an IP evidence.
    Address(&'static str, &'static str),
}

use Property::{Address, Evidence, Group, Hash, Joined, Number, Of, Same};

const FILE: &[Property] = &[
    Same("fileName", "Name"),
    Same("filePath", "Directory"),
    Hash("sha256", "SHA256"),
    Hash("sha1", "SHA1"),
    Hash("md5", "MD5"),
];

const ACCOUNT: &[Property] = &[
    Same("accountName", "Name"),
    Same("domainName", "NTDomain"),
    Same("userSid", "Sid"),
    Same("azureAdUserId", "AadUserId"),
    Joined("userPrincipalName", "Name", "UPNSuffix"),
    Same("displayName", "DisplayName"),
];

const NAMED_IN_NAMESPACE: &[Property] = &[Same("name", "Name"), Evidence("namespace", "Namespace", "k8s-namespace")];

/// Entity kind, evidence type without `#microsoft.graph.security.` and `Evidence`, properties.
const EVIDENCE: &[(&str, &str, &[Property])] = &[
    ("account", "user", &[Group("userAccount", ACCOUNT)]),
    (
        "amazon-resource",
        "amazonResource",
        &[
            Same("amazonAccountId", "AmazonAccountId"),
            Same("amazonResourceId", "AmazonResourceId"),
            Same("resourceName", "ResourceName"),
            Same("resourceType", "ResourceType"),
        ],
    ),
    (
        "azure-resource",
        "azureResource",
        &[Same("resourceId", "ResourceId"), Same("resourceName", "ResourceName"), Same("resourceType", "ResourceType")],
    ),
    (
        "blob",
        "blob",
        &[
            Same("name", "Name"),
            Same("url", "Url"),
            Same("etag", "Etag"),
            Evidence("blobContainer", "BlobContainer", "blob-container"),
        ],
    ),
    (
        "blob-container",
        "blobContainer",
        &[Same("name", "Name"), Same("url", "Url"), Evidence("storageResource", "StorageResource", "azure-resource")],
    ),
    (
        "cloud-application",
        "cloudApplication",
        &[Same("appId", "AppId"), Same("displayName", "Name"), Same("instanceName", "InstanceName")],
    ),
    (
        "container",
        "container",
        &[
            Same("containerId", "ContainerId"),
            Same("name", "Name"),
            Evidence("image", "Image", "container-image"),
            Evidence("pod", "Pod", "k8s-pod"),
        ],
    ),
    (
        "container-image",
        "containerImage",
        &[Same("imageId", "ImageId"), Evidence("registry", "Registry", "container-registry")],
    ),
    ("container-registry", "containerRegistry", &[Same("registry", "Registry")]),
    (
        "dns",
        "dns",
        &[
            Same("domainName", "DomainName"),
            Address("dnsServerIp", "DnsServerIp"),
            Address("hostIpAddress", "HostIpAddress"),
        ],
    ),
    ("file", "file", &[Group("fileDetails", FILE)]),
    ("filehash", "fileHash", &[Same("algorithm", "Algorithm"), Same("value", "Value")]),
    (
        "gcp-resource",
        "googleCloudResource",
        &[
            Same("projectId", "ProjectId"),
            Same("projectNumber", "ProjectNumber"),
            Same("resourceName", "ResourceName"),
            Same("resourceType", "ResourceType"),
            Same("location", "Location"),
            Same("locationType", "LocationType"),
        ],
    ),
    (
        "host",
        "device",
        &[
            Same("hostName", "HostName"),
            Same("ntDomain", "NTDomain"),
            Same("dnsDomain", "DnsDomain"),
            Same("osPlatform", "OSFamily"),
            Same("version", "OSVersion"),
            Group("vmMetadata", &[Same("resourceId", "AzureID")]),
        ],
    ),
    (
        "host-logon-session",
        "hostLogonSession",
        &[
            Same("sessionId", "SessionId"),
            Same("startUtcDateTime", "StartTimeUtc"),
            Same("endUtcDateTime", "EndTimeUtc"),
            Evidence("host", "Host", "host"),
            Evidence("account", "Account", "account"),
        ],
    ),
    ("ip", "ip", &[Same("ipAddress", "Address"), Of("", "Location", &[Same("countryLetterCode", "CountryCode")])]),
    (
        "k8s-cluster",
        "kubernetesCluster",
        &[Same("name", "Name"), Evidence("cloudResource", "CloudResource", "azure-resource")],
    ),
    ("k8s-namespace", "kubernetesNamespace", &[Same("name", "Name"), Evidence("cluster", "Cluster", "k8s-cluster")]),
    ("k8s-pod", "kubernetesPod", NAMED_IN_NAMESPACE),
    ("k8s-secret", "kubernetesSecret", NAMED_IN_NAMESPACE),
    ("k8s-service", "kubernetesService", NAMED_IN_NAMESPACE),
    ("k8s-service-account", "kubernetesServiceAccount", NAMED_IN_NAMESPACE),
    ("k8s-deployment", "kubernetesController", NAMED_IN_NAMESPACE),
    ("k8s-replicaset", "kubernetesController", NAMED_IN_NAMESPACE),
    ("k8s-daemonset", "kubernetesController", NAMED_IN_NAMESPACE),
    ("k8s-statefulset", "kubernetesController", NAMED_IN_NAMESPACE),
    ("mailbox", "mailbox", &[Same("primaryAddress", "MailboxPrimaryAddress"), Same("displayName", "DisplayName")]),
    ("malware", "malware", &[Same("name", "Name"), Same("category", "Category")]),
    (
        "network-connection",
        "networkConnection",
        &[
            Same("protocol", "Protocol"),
            Address("sourceAddress", "SourceAddress"),
            Number("sourcePort", "SourcePort"),
            Address("destinationAddress", "DestinationAddress"),
            Number("destinationPort", "DestinationPort"),
        ],
    ),
    (
        "process",
        "process",
        &[
            Number("processId", "ProcessId"),
            Same("processCommandLine", "CommandLine"),
            Same("processCreationDateTime", "CreationTimeUtc"),
            Of("imageFile", "ImageFile", FILE),
            Of(
                "",
                "ParentProcess",
                &[Number("parentProcessId", "ProcessId"), Of("parentProcessImageFile", "ImageFile", FILE)],
            ),
            Of("userAccount", "Account", ACCOUNT),
        ],
    ),
    ("registry-key", "registryKey", &[Same("registryHive", "Hive"), Same("registryKey", "Key")]),
    (
        "registry-value",
        "registryValue",
        &[
            Of("", "Key", &[Same("registryHive", "Hive"), Same("registryKey", "Key")]),
            Same("registryValueName", "Name"),
            Same("registryValue", "Value"),
            Same("registryValueType", "ValueType"),
        ],
    ),
    (
        "security-group",
        "securityGroup",
        &[Same("displayName", "DistinguishedName"), Same("securityGroupId", "ObjectGuid")],
    ),
    ("url", "url", &[Same("url", "Url")]),
];

/// Appends the list of evidence. `created` is the alert's creation, as the entities carry no time of their own.
///
/// Graph's alert has no resource id of its own; who reads Graph looks for it here. An alert whose entities do not name its resource gets one
/// evidence more.
pub(super) fn write(alert: &Alert<'_>, created: Option<&str>, out: &mut Vec<u8>) {
    let entities = &alert.entities().list;
    let own = resource(alert).filter(|_| entities.iter().all(|entity| entity.kind != RESOURCE));
    let list = entities.iter().map(|Entity { kind, fields }| (kind.as_str(), fields));
    out.push(b'[');
    for (place, (kind, fields)) in list.chain(own.iter().map(|fields| (RESOURCE, fields))).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        evidence(kind, fields, created, DEPTH, out);
    }
    out.push(b']');
}

const RESOURCE: &str = "azure-resource";

/// The alert's resource as the entity that it might have had.
fn resource(alert: &Alert<'_>) -> Option<Map<String, Value>> {
    let id = alert.resource_id.as_deref()?;
    let name = alert.resource_name().map(str::to_owned);
    let known = [("ResourceName", name), ("ResourceType", alert.resource_type())];
    let known = known.into_iter().filter_map(|(member, text)| Some((member.to_owned(), text?.into())));
    Some([("ResourceId".to_owned(), id.into())].into_iter().chain(known).collect())
}

/// One evidence. An entity of a kind that the table does not know travels whole in `additionalData`, with its kind as a tag.
fn evidence(kind: &str, fields: &Map<String, Value>, created: Option<&str>, depth: usize, out: &mut Vec<u8>) {
    let known = EVIDENCE.iter().find(|(entity, _, _)| entity.eq_ignore_ascii_case(kind));
    let mut object = Object::open(out);
    let name = known.map_or("alert", |(_, name, _)| name);
    object.text("@odata.type", &format!("#microsoft.graph.security.{name}Evidence"));
    object.optional("createdDateTime", created);
    object.text("verdict", "unknown");
    object.text("remediationStatus", "none");
    object.texts::<&str>("roles", &[]);
    match known {
        Some((_, _, list)) => {
            object.texts::<&str>("tags", &[]);
            properties(list, fields, created, depth, &mut object);
        }
        None => {
            object.texts("tags", &[kind]);
            object.group("additionalData", |all| fields.iter().for_each(|(name, field)| value(all, name, field)));
        }
    }
    object.close();
}

fn properties(
    list: &[Property],
    fields: &Map<String, Value>,
    created: Option<&str>,
    depth: usize,
    object: &mut Object<'_>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for property in list {
        match property {
            Same(name, member) => {
                if let Some(scalar) = get(fields, member).filter(|found| !found.is_object() && !found.is_array()) {
                    value(object, name, scalar);
                }
            }
            Number(name, member) => {
                if let Some(number) = get(fields, member).and_then(integer) {
                    object.json(name, itoa::Buffer::new().format(number));
                }
            }
            Joined(name, left, right) => {
                let text = |member| get(fields, member).and_then(Value::as_str);
                if let (Some(left), Some(right)) = (text(left), text(right)) {
                    object.text(name, &format!("{left}@{right}"));
                }
            }
            Hash(name, algorithm) => object.optional(name, digest(fields, algorithm)),
            Group(name, list) => object.group(name, |group| properties(list, fields, created, depth, group)),
            Of(name, member, list) => {
                let Some(Value::Object(inner)) = get(fields, member) else { continue };
                if name.is_empty() {
                    properties(list, inner, created, depth, object);
                } else {
                    object.group(name, |group| properties(list, inner, created, depth, group));
                }
            }
            Evidence(name, member, kind) => {
                let Some(Value::Object(inner)) = get(fields, member) else { continue };
                let kind = get(inner, "Type").and_then(Value::as_str).unwrap_or(kind);
                if depth > 0 {
                    evidence(kind, inner, created, depth, object.member(name));
                }
            }
            Address(name, member) => {
                if let Some(address) = get(fields, member).and_then(address) {
                    object.group(name, |ip| {
                        ip.text("@odata.type", "#microsoft.graph.security.ipEvidence");
                        ip.text("ipAddress", address);
                    });
                }
            }
        }
    }
}

/// The member of that name, without regard to case; `null` and the empty text are absent.
fn get<'f>(fields: &'f Map<String, Value>, name: &str) -> Option<&'f Value> {
    let found = fields
        .get(name)
        .or_else(|| fields.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value));
    found.filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// An address is a text, or an `ip` entity.
fn address(value: &Value) -> Option<&str> {
    match value {
        Value::Object(entity) => get(entity, "Address")?.as_str(),
        other => other.as_str(),
    }
}

fn integer(value: &Value) -> Option<u64> {
    let Value::String(text) = value else { return value.as_u64() };
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn digest<'f>(fields: &'f Map<String, Value>, algorithm: &str) -> Option<&'f str> {
    get(fields, "FileHashes")?.as_array()?.iter().filter_map(Value::as_object).find_map(|hash| {
        let same = get(hash, "Algorithm")?.as_str()?.eq_ignore_ascii_case(algorithm);
        get(hash, "Value")?.as_str().filter(|_| same)
    })
}

/// A member whose value is copied whole. Writing to memory does not fail, and a tree that was parsed can be written.
fn value(object: &mut Object<'_>, name: &str, value: &Value) {
    let out = object.member(name);
    match value {
        Value::String(text) => write_text(out, text),
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}
