//! The names of members that some rule asks for.

use super::names::Names;

macro_rules! keys {
    ($($key:ident = $name:literal,)*) => {
        /// A key that some rule asks for.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Key { $($key),* }

        impl Key {
            /// How many keys there are.
            pub(super) const COUNT: usize = [$(Self::$key),*].len();

            /// The key of that name, in any case.
            pub(super) fn named(name: &str) -> Option<Self> {
                static NAMES: Names<Key, { Key::COUNT }> = Names::new([$(($name, Key::$key)),*]);
                NAMES.get(name)
            }
        }
    };
}

keys! {
    // Envelopes and identity.
    Records = "records",
    Value = "value",
    Id = "id",
    Name = "name",
    Type = "type",
    Kind = "kind",
    Properties = "properties",
    ODataType = "@odata.type",
    SchemaId = "schemaid",
    Data = "data",
    Essentials = "essentials",
    LocalizedValue = "localizedvalue",
    // Alerts: flat export, ARM, Log Analytics, Sentinel.
    SystemAlertId = "systemalertid",
    ProviderAlertId = "provideralertid",
    AlertType = "alerttype",
    AlertDisplayName = "alertdisplayname",
    DisplayName = "displayname",
    AlertName = "alertname",
    FriendlyName = "friendlyname",
    Description = "description",
    VendorName = "vendorname",
    ProductName = "productname",
    ProductComponentName = "productcomponentname",
    ProviderName = "providername",
    TenantId = "tenantid",
    Severity = "severity",
    AlertSeverity = "alertseverity",
    ReportedSeverity = "reportedseverity",
    Status = "status",
    State = "state",
    Intent = "intent",
    Tactics = "tactics",
    Techniques = "techniques",
    SubTechniques = "subtechniques",
    StartTimeUtc = "starttimeutc",
    StartTime = "starttime",
    EndTimeUtc = "endtimeutc",
    EndTime = "endtime",
    TimeGenerated = "timegenerated",
    TimeGeneratedUtc = "timegeneratedutc",
    ProcessingEndTime = "processingendtime",
    ProcessingEndTimeUtc = "processingendtimeutc",
    DetectedTimeUtc = "detectedtimeutc",
    ReportedTimeUtc = "reportedtimeutc",
    CompromisedEntity = "compromisedentity",
    AzureResourceId = "azureresourceid",
    AzureResourceSubscriptionId = "azureresourcesubscriptionid",
    ResourceId = "resourceid",
    AssociatedResource = "associatedresource",
    ResourceIdentifiers = "resourceidentifiers",
    AlertUri = "alerturi",
    AlertLink = "alertlink",
    Correlation = "correlationkey",
    IsIncident = "isincident",
    WorkspaceId = "workspaceid",
    RemediationSteps = "remediationsteps",
    ExtendedProperties = "extendedproperties",
    AdditionalData = "additionaldata",
    Entities = "entities",
    // Microsoft Graph.
    Title = "title",
    DetectionSource = "detectionsource",
    ServiceSource = "servicesource",
    DetectorId = "detectorid",
    AlertPolicyId = "alertpolicyid",
    Category = "category",
    Categories = "categories",
    FirstActivityDateTime = "firstactivitydatetime",
    LastActivityDateTime = "lastactivitydatetime",
    CreatedDateTime = "createddatetime",
    LastUpdateDateTime = "lastupdatedatetime",
    LastModifiedDateTime = "lastmodifieddatetime",
    EventDateTime = "eventdatetime",
    AlertWebUrl = "alertweburl",
    Evidence = "evidence",
    MitreTechniques = "mitretechniques",
    RecommendedActions = "recommendedactions",
    CustomDetails = "customdetails",
    VendorInformation = "vendorinformation",
    VendorInformationProvider = "vendorinformation_provider",
    VendorInformationVendor = "vendorinformation_vendor",
    Provider = "provider",
    Vendor = "vendor",
    AzureSubscriptionId = "azuresubscriptionid",
    SourceMaterials = "sourcematerials",
    VmMetadata = "vmmetadata",
    UserPrincipalName = "userprincipalname",
    ConditionalAccessStatus = "conditionalaccessstatus",
    // Posture records.
    ResourceDetails = "resourcedetails",
    Metadata = "metadata",
    Risk = "risk",
    Level = "level",
    RiskLevel = "risklevel",
    PotentialImpact = "potentialimpact",
    StatusChangeDate = "statuschangedate",
    FirstEvaluationDate = "firstevaluationdate",
    // Logs.
    Time = "time",
    Timestamp = "timestamp",
    EventTimestamp = "eventtimestamp",
    OperationName = "operationname",
    MetricName = "metricname",
    EventDataId = "eventdataid",
    CorrelationId = "correlationid",
    ResourceUri = "resourceuri",
    AlertId = "alertid",
    // Azure Monitor's common alert schema, Sentinel incidents.
    AlertRule = "alertrule",
    AlertTargetIds = "alerttargetids",
    FiredDateTime = "fireddatetime",
    CreatedTimeUtc = "createdtimeutc",
    CreatedTimeUtcSnake = "created_time_utc",
}
