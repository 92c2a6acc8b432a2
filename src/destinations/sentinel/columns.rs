//! The columns of the tables, which the data collection rule and the custom table declare too (`dcr.json`, `table.json`).
//!
//! Names follow [Azure Monitor's rules](https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview): a letter, then
//! letters, digits and underscores, 45 at most, none of the reserved names.

/// The column for what has no column of its own.
pub(super) const REST: &str = "AdditionalFields";

/// The column that names those that lost something.
pub(super) const TRUNCATED: &str = "TruncatedFields";

/// The columns of `DefenderForCloudAlerts_CL`, in the order in which a row has them, and the members of an alert's record that each carries,
/// whatever the shape. What no column carries goes to [`REST`].
pub(super) const ALERT_COLUMNS: &[(&str, &[&str])] = &[
    ("TimeGenerated", &[]),
    ("RecordKind", &[]),
    ("AlertKey", &["SystemAlertId", "providerAlertId", "id"]),
    ("AlertArmId", &["id"]),
    ("AlertName", &["name", "AlertName"]),
    ("AlertType", &["AlertType", "AlertName", "detectorId", "alertPolicyId", "category"]),
    ("AlertDisplayName", &["AlertDisplayName", "displayName", "friendlyName", "title", "AlertName"]),
    ("AlertDescription", &["Description"]),
    ("Severity", &["Severity", "AlertSeverity", "reportedSeverity"]),
    ("Status", &["Status", "state"]),
    ("Intent", &["Intent", "Tactics", "category", "categories"]),
    ("StartTimeUtc", &["StartTimeUtc", "StartTime", "firstActivityDateTime", "eventDateTime"]),
    ("EndTimeUtc", &["EndTimeUtc", "EndTime", "lastActivityDateTime"]),
    ("AlertTimeGeneratedUtc", &["TimeGenerated", "timeGeneratedUtc", "detectedTimeUtc", "createdDateTime"]),
    (
        "ProcessingEndTimeUtc",
        &["ProcessingEndTime", "processingEndTimeUtc", "reportedTimeUtc", "lastUpdateDateTime", "lastModifiedDateTime"],
    ),
    ("CompromisedEntity", &["CompromisedEntity"]),
    ("ProductName", &["ProductName", "ProviderName", "serviceSource"]),
    ("ProductComponentName", &["ProductComponentName", "detectionSource"]),
    ("VendorName", &["VendorName"]),
    ("SubscriptionIdStr", &["azureSubscriptionId", "azureResourceSubscriptionId"]),
    ("ResourceGroupName", &[]),
    ("AscLocation", &[]),
    ("AzureResourceId", &["AzureResourceId", "ResourceId", "associatedResource"]),
    ("AlertTenantId", &["tenantId"]),
    ("IsIncident", &["IsIncident"]),
    ("CorrelationKey", &["CorrelationKey"]),
    ("AlertUri", &["AlertUri", "AlertLink", "alertWebUrl"]),
    ("Techniques", &["Techniques", "mitreTechniques"]),
    ("SubTechniques", &["SubTechniques"]),
    ("RemediationSteps", &["RemediationSteps", "recommendedActions"]),
    ("ResourceIdentifiers", &["ResourceIdentifiers"]),
    ("Entities", &["Entities", "evidence"]),
    ("ExtendedProperties", &["ExtendedProperties", "additionalData", "customDetails"]),
    ("ExtendedLinks", &["ExtendedLinks"]),
    ("SupportingEvidence", &["SupportingEvidence"]),
    (REST, &[]),
    ("ForwarderEventId", &[]),
    ("ForwarderVersion", &[]),
    (TRUNCATED, &[]),
];

/// The columns of `ASimAlertEventLogs` that a row may have, in that order.
pub(super) const ASIM_COLUMNS: &[&str] = &[
    "TimeGenerated",
    "EventCount",
    "EventStartTime",
    "EventEndTime",
    "EventType",
    "EventSubType",
    "EventUid",
    "EventOriginalType",
    "EventMessage",
    "EventSeverity",
    "EventOriginalSeverity",
    "EventVendor",
    "EventProduct",
    "EventSchema",
    "EventSchemaVersion",
    "EventReportUrl",
    "AlertName",
    "AlertStatus",
    "AlertOriginalStatus",
    "AlertVerdict",
    "AttackTactics",
    "AttackTechniques",
    "AttackRemediationSteps",
    "DvcId",
    "DvcIdType",
    "DvcHostname",
    "DvcScopeId",
    "Username",
    "UsernameType",
    "UserId",
    "UserIdType",
    "ProcessId",
    "ProcessName",
    "ProcessCommandLine",
    "FileName",
    "FilePath",
    "FileSHA256",
    "FileSHA1",
    "FileMD5",
    "Url",
    REST,
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::Schema;
    use super::*;

    #[test]
    fn the_readme_explains_every_column() {
        let readme = include_str!("README.md");
        for name in ALERT_COLUMNS.iter().map(|(name, _)| name).chain(ASIM_COLUMNS) {
            assert!(readme.contains(&format!("`{name}`")), "{name}");
        }
    }

    /// Names and types of the columns in a list of the files for the other side.
    fn columns(list: &Value) -> Vec<(&str, &str)> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|column| (column["name"].as_str().unwrap(), column["type"].as_str().unwrap()))
            .collect()
    }

    #[test]
    fn the_files_for_the_other_side_declare_exactly_these_columns() {
        let rule: Value = serde_json::from_str(include_str!("dcr.json")).unwrap();
        let table: Value = serde_json::from_str(include_str!("table.json")).unwrap();
        let stream = |schema: Schema| columns(&rule["properties"]["streamDeclarations"][schema.stream()]["columns"]);
        let declared = stream(Schema::Alerts);
        let own: Vec<&str> = ALERT_COLUMNS.iter().map(|(name, _)| *name).collect();
        assert!(declared.iter().map(|(name, _)| *name).eq(own.iter().copied()), "{declared:?}");
        let asim = stream(Schema::Asim);
        assert!(asim.iter().map(|(name, _)| *name).eq(ASIM_COLUMNS.iter().copied()), "{asim:?}");

        // Rules say `datetime`, tables `dateTime`.
        let schema = &table["properties"]["schema"];
        let in_table = columns(&schema["columns"]);
        let in_rule: Vec<_> =
            declared.iter().map(|(name, kind)| (*name, if *kind == "datetime" { "dateTime" } else { *kind })).collect();
        assert_eq!(in_table, in_rule);

        let outputs: Vec<&str> = rule["properties"]["dataFlows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|flow| flow["outputStream"].as_str().unwrap())
            .collect();
        assert_eq!(outputs, [&*format!("Custom-{}", schema["name"].as_str().unwrap()), "Microsoft-ASimAlertEventLogs"]);

        let reserved = ["_ResourceId", "id", "_SubscriptionId", "TenantId", "Type", "UniqueId", "Title"];
        for name in own.iter().chain(ASIM_COLUMNS) {
            assert!(!reserved.iter().any(|word| word.eq_ignore_ascii_case(name)), "{name}");
            assert!(name.len() <= 45 && name.starts_with(|c: char| c.is_ascii_alphabetic()), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
        }
    }
}
