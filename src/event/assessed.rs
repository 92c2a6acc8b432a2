//! The resource that a recommendation or finding is about.

use std::borrow::Cow;

use super::bag::Bag;

/// `resourceDetails`: the resource that was assessed, in Azure or elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssessedResource<'a> {
    /// Where it is: `Azure`, `OnPremise`, `OnPremiseSql`, `Aws`, `Gcp`, `GitHub`, ...
    pub source: Option<Cow<'a, str>>,
    /// Its Azure resource id, as written; of a resource in another cloud, that of its security connector.
    pub id: Option<Cow<'a, str>>,
    /// Its id where it is: an ARN, a machine's name, ...
    pub native_id: Option<Cow<'a, str>>,
    /// Its name; of a resource outside Azure its database's, server's or machine's; else the last segment of its id.
    pub name: Option<Cow<'a, str>>,
    /// Its type without the provider, as `virtualMachines`.
    pub kind: Option<Cow<'a, str>>,
    /// The provider of its type, as `Microsoft.Compute`.
    pub provider: Option<Cow<'a, str>>,
    /// The Log Analytics workspace that a machine reports to.
    pub workspace_id: Option<Cow<'a, str>>,
}

impl<'a> AssessedResource<'a> {
    /// Reads the block; `record` is the id of the record, whose scope is the resource where the block says none.
    pub(super) fn read(details: &Bag<'a>, record: Option<&Cow<'a, str>>) -> Self {
        let own = details.first(&["id", "resourceId", "azureResourceId"]);
        let id = own.or_else(|| record.and_then(super::record::scope));
        Self {
            source: details.text("source"),
            native_id: details.first(&["nativeResourceId", "nativeCloudUniqueIdentifier", "hostingCloudResourceId"]),
            name: details
                .first(&["resourceName", "databaseName", "serverName", "machineName"])
                .or_else(|| id.as_ref().and_then(last_segment)),
            kind: details.text("resourceType"),
            provider: details.text("resourceProvider"),
            workspace_id: details.text("workspaceId"),
            id,
        }
    }

    /// Its type with the provider, as `Microsoft.Compute/virtualMachines`.
    #[must_use]
    pub fn full_type(&self) -> Option<Cow<'_, str>> {
        match (&self.provider, self.kind.as_deref()?) {
            (Some(provider), kind) if !kind.contains('/') => Some(Cow::Owned(format!("{provider}/{kind}"))),
            (_, kind) => Some(Cow::Borrowed(kind)),
        }
    }
}

/// The last segment of a resource id: the resource's own name, or that of its group or subscription.
pub(super) fn last_segment<'a>(id: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    let end = |id: &str| {
        let id = id.trim_end_matches('/');
        let start = id.rfind('/')? + 1;
        (start < id.len()).then_some(start..id.len())
    };
    let span = end(id)?;
    Some(match id {
        Cow::Borrowed(id) => Cow::Borrowed(&id[span]),
        Cow::Owned(id) => Cow::Owned(id[span].to_owned()),
    })
}
