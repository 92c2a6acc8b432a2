//! The columns of the tables, which the data collection rule and the custom table declare too (`dcr.json`, `tables/`);
//! those of the tables that hold no alerts are [`crate::format::table`]'s, between the time and the last four of these.
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

    use super::super::{Schema, stream, typed};
    use super::*;
    use crate::format::table::{Column, Table};

    /// Every table, and the text of the file that makes it.
    const FILES: [(Table, &str); 7] = [
        (Table::Alerts, include_str!("tables/DefenderForCloudAlerts_CL.json")),
        (Table::Recommendations, include_str!("tables/DefenderForCloudRecommendations_CL.json")),
        (Table::Findings, include_str!("tables/DefenderForCloudFindings_CL.json")),
        (Table::SecureScores, include_str!("tables/DefenderForCloudSecureScores_CL.json")),
        (Table::Compliance, include_str!("tables/DefenderForCloudCompliance_CL.json")),
        (Table::AttackPaths, include_str!("tables/DefenderForCloudAttackPaths_CL.json")),
        (Table::Logs, include_str!("tables/AzureLogs_CL.json")),
    ];

    #[test]
    fn the_readme_explains_every_column() {
        let readme = include_str!("README.md");
        for name in ALERT_COLUMNS.iter().map(|(name, _)| name).chain(ASIM_COLUMNS) {
            assert!(readme.contains(&format!("`{name}`")), "{name}");
        }
        for table in &Table::ALL[1..] {
            let of = |column: &Column| {
                let kind = typed::kind(column.cell);
                format!("| `{}` | {kind} | {} |\n", column.name, column.about)
            };
            let rows: Vec<String> = table.columns().map(of).collect();
            let missing: Vec<&String> = rows.iter().filter(|row| !readme.contains(*row)).collect();
            assert!(missing.is_empty(), "{table:?} lacks\n{missing:?}");
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
        let rule = &rule["properties"];
        let asim = columns(&rule["streamDeclarations"][Schema::Asim.stream()]["columns"]);
        assert!(asim.iter().map(|(name, _)| *name).eq(ASIM_COLUMNS.iter().copied()), "{asim:?}");
        let mut names: Vec<&str> = ASIM_COLUMNS.to_vec();
        let mut flows = Vec::new();
        for (table, file) in FILES {
            let declared = columns(&rule["streamDeclarations"][stream(table)]["columns"]);
            if table == Table::Alerts {
                assert!(declared.iter().map(|(name, _)| *name).eq(ALERT_COLUMNS.iter().map(|(name, _)| *name)));
            } else {
                assert_eq!(declared, typed::columns(table), "{table:?}");
            }
            names.extend(declared.iter().map(|(name, _)| *name));
            // Rules say `datetime`, tables `dateTime`.
            let in_rule =
                declared.iter().map(|(name, kind)| (*name, if *kind == "datetime" { "dateTime" } else { *kind }));
            let file: Value = serde_json::from_str(file).unwrap();
            let schema = &file["properties"]["schema"];
            assert!(columns(&schema["columns"]).into_iter().eq(in_rule), "{table:?}");
            assert_eq!(schema["name"], format!("{}_CL", stream(table).strip_prefix("Custom-").unwrap()));
            flows.push((stream(table).to_owned(), format!("Custom-{}", schema["name"].as_str().unwrap())));
        }
        flows.push((Schema::Asim.stream().to_owned(), "Microsoft-ASimAlertEventLogs".to_owned()));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let declared = rule["dataFlows"].as_array().unwrap().iter();
        let declared: Vec<_> = declared.map(|flow| (text(&flow["streams"][0]), text(&flow["outputStream"]))).collect();
        assert_eq!(declared, flows);
        assert_eq!(rule["streamDeclarations"].as_object().unwrap().len(), flows.len());

        let reserved = ["_ResourceId", "id", "_SubscriptionId", "TenantId", "Type", "UniqueId", "Title"];
        for name in names {
            assert!(!reserved.iter().any(|word| word.eq_ignore_ascii_case(name)), "{name}");
            assert!(name.len() <= 45 && name.starts_with(|c: char| c.is_ascii_alphabetic()), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
        }
    }
}
