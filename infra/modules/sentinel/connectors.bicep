// Microsoft Sentinel's own connectors that bring alerts of Defender for Cloud into the table SecurityAlert. Sentinel must be on before.
// Deploy it to the resource group of the workspace.
//
// Where a connector is on, do not feed analytics rules from the relay's `sentinel` destination as well: each alert would count twice.
//
// What can be deployed:
// - Subscription-based Microsoft Defender for Cloud (Legacy): kind AzureSecurityCenter, one for each subscription.
// - Microsoft Defender XDR: kind MicrosoftThreatProtection, by a preview version of the API. It carries the alerts and incidents of Defender
//   for Cloud of the whole tenant, but no informational alerts. Where Sentinel is in the Defender portal it is on already.
// What cannot: the connector "Tenant-based Microsoft Defender for Cloud". No kind for it is published. Install the solution Microsoft Defender
// for Cloud from Sentinel's Content hub, open the connector's page and press Connect, once.
//
// Rights: Microsoft Sentinel Contributor on the resource group; Security Reader on each subscription, and Security Administrator of the tenant
// for Defender XDR. They must be a person's: with a service principal the service often answers `InvalidLicense`, `Missing consent`
// (github.com/Azure/SimuLand/issues/23, github.com/Azure/Azure-Sentinel/issues/5007). Then connect in the portal instead.
//
// Two-way synchronisation of status is no property of the published API: switch it on in the connector's page (not in Azure Government), or use
// the relay's function `sync`.
targetScope = 'resourceGroup'

@description('Name of the Log Analytics workspace, in the resource group that this is deployed to.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Subscriptions (GUIDs) whose alerts come by the subscription-based connector. Empty: none.')
param subscriptionIds array = []

@description('Whether Defender XDR brings the alerts and incidents of the whole tenant. Preview API; needs a person with Security Administrator.')
param defenderXdr bool = false

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource defenderForCloud 'Microsoft.SecurityInsights/dataConnectors@2025-09-01' = [
  for subscriptionId in subscriptionIds: {
    name: guid(workspace.id, 'AzureSecurityCenter', subscriptionId)
    scope: workspace
    kind: 'AzureSecurityCenter'
    properties: {
      subscriptionId: subscriptionId
      dataTypes: {
        alerts: {
          state: 'Enabled'
        }
      }
    }
  }
]

resource xdr 'Microsoft.SecurityInsights/dataConnectors@2025-10-01-preview' = if (defenderXdr) {
  name: guid(workspace.id, 'MicrosoftThreatProtection')
  scope: workspace
  kind: 'MicrosoftThreatProtection'
  properties: {
    tenantId: tenant().tenantId
    dataTypes: {
      incidents: {
        state: 'Enabled'
      }
      alerts: {
        state: 'Enabled'
      }
    }
  }
}
