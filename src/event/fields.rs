//! The members of one object that some rule asks for, found in one pass whatever the casing of the keys.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::decode::Texts;
use super::{json, parse_time};

macro_rules! keys {
    ($($key:ident = $folded:literal,)*) => {
        /// A key that some rule asks for.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Key { $($key),* }

        impl Key {
            const COUNT: usize = [$(Self::$key),*].len();

            /// The key of that lower-cased name.
            fn named(folded: &[u8]) -> Option<Self> {
                match folded {
                    $($folded => Some(Self::$key),)*
                    _ => None,
                }
            }
        }
    };
}

keys! {
    // Envelopes and identity.
    Records = b"records",
    Value = b"value",
    Id = b"id",
    Name = b"name",
    Type = b"type",
    Kind = b"kind",
    Properties = b"properties",
    ODataType = b"@odata.type",
    SchemaId = b"schemaid",
    Data = b"data",
    Essentials = b"essentials",
    LocalizedValue = b"localizedvalue",
    // Alerts: flat export, ARM, Log Analytics, Sentinel.
    SystemAlertId = b"systemalertid",
    ProviderAlertId = b"provideralertid",
    AlertType = b"alerttype",
    AlertDisplayName = b"alertdisplayname",
    DisplayName = b"displayname",
    AlertName = b"alertname",
    FriendlyName = b"friendlyname",
    Description = b"description",
    VendorName = b"vendorname",
    ProductName = b"productname",
    ProductComponentName = b"productcomponentname",
    ProviderName = b"providername",
    TenantId = b"tenantid",
    Severity = b"severity",
    AlertSeverity = b"alertseverity",
    ReportedSeverity = b"reportedseverity",
    Status = b"status",
    State = b"state",
    Intent = b"intent",
    Tactics = b"tactics",
    Techniques = b"techniques",
    SubTechniques = b"subtechniques",
    StartTimeUtc = b"starttimeutc",
    StartTime = b"starttime",
    EndTimeUtc = b"endtimeutc",
    EndTime = b"endtime",
    TimeGenerated = b"timegenerated",
    TimeGeneratedUtc = b"timegeneratedutc",
    ProcessingEndTime = b"processingendtime",
    ProcessingEndTimeUtc = b"processingendtimeutc",
    DetectedTimeUtc = b"detectedtimeutc",
    ReportedTimeUtc = b"reportedtimeutc",
    CompromisedEntity = b"compromisedentity",
    AzureResourceId = b"azureresourceid",
    AzureResourceSubscriptionId = b"azureresourcesubscriptionid",
    ResourceId = b"resourceid",
    AssociatedResource = b"associatedresource",
    ResourceIdentifiers = b"resourceidentifiers",
    AlertUri = b"alerturi",
    AlertLink = b"alertlink",
    CorrelationKey = b"correlationkey",
    IsIncident = b"isincident",
    WorkspaceId = b"workspaceid",
    RemediationSteps = b"remediationsteps",
    ExtendedProperties = b"extendedproperties",
    AdditionalData = b"additionaldata",
    Entities = b"entities",
    // Microsoft Graph.
    Title = b"title",
    DetectionSource = b"detectionsource",
    ServiceSource = b"servicesource",
    DetectorId = b"detectorid",
    AlertPolicyId = b"alertpolicyid",
    Category = b"category",
    Categories = b"categories",
    FirstActivityDateTime = b"firstactivitydatetime",
    LastActivityDateTime = b"lastactivitydatetime",
    CreatedDateTime = b"createddatetime",
    LastUpdateDateTime = b"lastupdatedatetime",
    LastModifiedDateTime = b"lastmodifieddatetime",
    EventDateTime = b"eventdatetime",
    AlertWebUrl = b"alertweburl",
    Evidence = b"evidence",
    MitreTechniques = b"mitretechniques",
    RecommendedActions = b"recommendedactions",
    CustomDetails = b"customdetails",
    VendorInformation = b"vendorinformation",
    VendorInformationProvider = b"vendorinformation_provider",
    VendorInformationVendor = b"vendorinformation_vendor",
    Provider = b"provider",
    Vendor = b"vendor",
    AzureSubscriptionId = b"azuresubscriptionid",
    SourceMaterials = b"sourcematerials",
    VmMetadata = b"vmmetadata",
    UserPrincipalName = b"userprincipalname",
    ConditionalAccessStatus = b"conditionalaccessstatus",
    // Posture records.
    ResourceDetails = b"resourcedetails",
    Metadata = b"metadata",
    Risk = b"risk",
    Level = b"level",
    RiskLevel = b"risklevel",
    PotentialImpact = b"potentialimpact",
    StatusChangeDate = b"statuschangedate",
    FirstEvaluationDate = b"firstevaluationdate",
    // Logs.
    Time = b"time",
    Timestamp = b"timestamp",
    EventTimestamp = b"eventtimestamp",
    OperationName = b"operationname",
    MetricName = b"metricname",
    EventDataId = b"eventdataid",
    CorrelationId = b"correlationid",
    ResourceUri = b"resourceuri",
    AlertId = b"alertid",
    // Azure Monitor's common alert schema, Sentinel incidents.
    AlertRule = b"alertrule",
    AlertTargetIds = b"alerttargetids",
    FiredDateTime = b"fireddatetime",
    CreatedTimeUtc = b"createdtimeutc",
    CreatedTimeUtcSnake = b"created_time_utc",
}

/// The members of one object that have a [`Key`], as JSON tokens. Of members with the same key the last one counts.
pub(super) struct Fields<'a> {
    tokens: [Option<&'a RawValue>; Key::COUNT],
    /// How many members the object has, of any name.
    pub(super) members: usize,
}

impl<'a> Fields<'a> {
    /// No members at all.
    pub(super) const NONE: Self = Self { tokens: [None; Key::COUNT], members: 0 };

    /// Reads an object; anything else has no members.
    pub(super) fn of(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or(Self::NONE)
    }

    /// The member's token, unless it is `null`.
    pub(super) fn token(&self, key: Key) -> Option<&'a RawValue> {
        self.tokens[key as usize].filter(|raw| raw.get() != "null")
    }

    /// Whether the member is there and not `null`.
    pub(super) fn has(&self, key: Key) -> bool {
        self.token(key).is_some()
    }

    /// The member as text (see [`json::scalar`]); of an object `{value, localizedValue}`, its value.
    pub(super) fn text(&self, key: Key) -> Option<Cow<'a, str>> {
        let raw = self.token(key)?;
        match raw.get().as_bytes() {
            [b'{', ..] => json::scalar(Self::of(raw.get()).token(Key::Value)?),
            _ => json::scalar(raw),
        }
    }

    /// The first of these members that has text.
    pub(super) fn first(&self, keys: &[Key]) -> Option<Cow<'a, str>> {
        keys.iter().find_map(|&key| self.text(key))
    }

    /// The first of these members that is a time.
    pub(super) fn time(&self, keys: &[Key]) -> Option<Timestamp> {
        keys.iter().find_map(|&key| parse_time(&self.text(key)?))
    }

    /// The member as a container, opened where it is JSON inside a string.
    pub(super) fn container(&self, key: Key, texts: &'a Texts) -> Option<&'a RawValue> {
        json::container(self.token(key)?, texts)
    }

    /// The members of an object that is a member of this one.
    pub(super) fn inner(&self, key: Key, texts: &'a Texts) -> Self {
        self.container(key, texts).map_or(Self::NONE, |raw| Self::of(raw.get()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::NONE;
                while let Some(Named(key)) = map.next_key()? {
                    fields.members += 1;
                    match key {
                        Some(key) => fields.tokens[key as usize] = Some(map.next_value()?),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A key as it is read.
struct Named(Option<Key>);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Named;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, name: &str) -> Result<Named, E> {
                Ok(Named(Key::named(json::fold(name, &mut [0; 32]))))
            }
        }

        deserializer.deserialize_str(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_in_any_case_and_the_last_duplicate_counts() {
        let fields = Fields::of(r#"{"SYSTEMALERTID":"a","other":{"id":[]},"systemAlertId":"b\n","SeVerItY":null}"#);
        assert_eq!(fields.text(Key::SystemAlertId).as_deref(), Some("b\n"));
        assert!(!fields.has(Key::Severity));
        assert_eq!(fields.members, 4);
    }

    #[test]
    fn texts_of_every_type() {
        let fields =
            Fields::of(r#"{"a":1,"Level":4,"Status":{"value":"Active"},"Title":"<null>","Id":true,"Name":" "}"#);
        assert_eq!(fields.text(Key::Level).as_deref(), Some("4"));
        assert_eq!(fields.text(Key::Status).as_deref(), Some("Active"));
        assert_eq!(fields.text(Key::Id).as_deref(), Some("true"));
        assert_eq!(fields.text(Key::Title), None);
        assert_eq!(fields.text(Key::Name), None);
        assert_eq!(Fields::of("[1]").members, 0);
    }
}
