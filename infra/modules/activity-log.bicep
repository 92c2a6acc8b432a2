// The activity log of the subscription, to a Log Analytics workspace (table AzureActivity, which Microsoft Sentinel takes at no charge)
// and to the hub of raw logs, whose function `logs` streams it to the destinations.
//
// - A subscription has at most five diagnostic settings, and the same category may go to one workspace by one setting only.
// - Azure Monitor writes to an event hub with a key: the namespace must not refuse local authentication, and must let trusted services
//   through where it denies networks. It is never the namespace of alerts.
// - The setting is made once for a subscription; it names no region. Retention is the workspace's matter.
// - The deployer needs Monitoring Contributor on the subscription, and ListKeys on the authorization rule.
// - It survives the resource group: `azd down` leaves it, and it then points at nothing. Delete it with
//   `az monitor diagnostic-settings subscription delete --name <name>`.
targetScope = 'subscription'

@description('Name of the diagnostic setting.')
@minLength(1)
@maxLength(260)
param name string = 'defender-relay'

@description('Resource id of the Log Analytics workspace that gets the activity log. Empty: none.')
param workspaceResourceId string = ''

@description('Resource id of an authorization rule of the namespace (not of the hub) that has Send: .../namespaces/<namespace>/authorizationRules/<rule>. Empty: no event hub.')
param eventHubAuthorizationRuleId string = ''

@description('Name of the hub of raw logs. With an empty name Azure Monitor makes a hub of its own, insights-activity-logs.')
param eventHubName string = 'azure-logs'

@description('Categories that are sent.')
@minLength(1)
@allowed([
  'Administrative'
  'Security'
  'ServiceHealth'
  'Alert'
  'Recommendation'
  'Policy'
  'Autoscale'
  'ResourceHealth'
])
param categories array = [
  'Administrative'
  'Security'
  'Alert'
  'Policy'
]

var toHub = !empty(eventHubAuthorizationRuleId)

// A setting without a target is refused, so there is none then.
resource setting 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (toHub || !empty(workspaceResourceId)) {
  name: name
  properties: {
    workspaceId: empty(workspaceResourceId) ? null : workspaceResourceId
    eventHubAuthorizationRuleId: toHub ? eventHubAuthorizationRuleId : null
    eventHubName: toHub ? eventHubName : null
    logs: [
      for category in categories: {
        category: category
        enabled: true
      }
    ]
  }
}
