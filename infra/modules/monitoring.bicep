// What watches the relay: a Log Analytics workspace, Application Insights, alert rules with an action group, and a workbook.
//
// The host sends what the relay logs to Application Insights, so the alert rules and the workbook ask that component
// (`traces`, `requests`), as docs/operations.md does: a workspace that is shared with others makes no difference to them.

targetScope = 'resourceGroup'

@description('Region of the resources.')
param location string

@description('Tags of every resource.')
param tags object = {}

@description('Name of the Log Analytics workspace that is created when `workspaceResourceId` is empty.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Resource id of an existing Log Analytics workspace to use. Empty creates one.')
param workspaceResourceId string = ''

@description('Days for which the created workspace keeps its tables.')
@minValue(30)
@maxValue(730)
param retentionInDays int = 90

@description('Most data that the created workspace takes in a day, in GB; -1 for no limit. After it the alert rules and the tables of Sentinel get nothing until the next day.')
@minValue(-1)
@maxValue(1000)
param dailyQuotaGb int = -1

@description('Name of the Application Insights component.')
@minLength(1)
@maxLength(255)
param applicationInsightsName string

@description('Whether telemetry may come over the public network. Without it, only what is in a private link scope of Azure Monitor can write. Queries come from the portal and stay public; Entra ID guards them.')
param publicIngestion bool = true

@description('Name of the environment, in the titles of alerts and of the workbook.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Name of the Event Hubs namespace of the alerts hub, in this resource group.')
@minLength(6)
@maxLength(50)
param eventHubNamespaceName string

@description('Name of the hub that continuous export writes to.')
@minLength(1)
@maxLength(256)
param eventHubName string

@description('Name of the Event Hubs namespace of the hub for raw logs, in this resource group: another one than that of the alerts hub. Empty when logs are not streamed.')
@maxLength(50)
param logsNamespaceName string = ''

@description('Whether the namespaces send their resource logs (operations, errors, connections) to the workspace. Their metrics need no such setting.')
param hubDiagnosticLogs bool = false

@description('Whether the alert rules are created.')
param alertsEnabled bool = true

@description('Address that alerts are mailed to. Empty creates no action group.')
@maxLength(254)
param alertEmail string = ''

@description('Resource ids of existing action groups that alerts go to as well.')
@maxLength(4)
param actionGroupIds array = []

@description('How often the log alert rules run, in minutes. Azure bills a rule by how often it runs.')
@allowed([5, 10, 15])
param alertFrequencyMinutes int = 15

@description('Events that may come to wait in the store within an hour before an alert is raised, per destination.')
@minValue(0)
@maxValue(1000000)
param waitingGrowthThreshold int = 100

@description('How long an event may wait in the store before an alert is raised, in minutes.')
@minValue(5)
@maxValue(10080)
param oldestWaitingMinutes int = 120

@description('How many of 30 minutes the circuit of a destination may be open before an alert is raised.')
@minValue(1)
@maxValue(29)
param breakerOpenMinutes int = 10

@description('How long an event may lie in a hub before the relay takes it, in minutes.')
@minValue(1)
@maxValue(10080)
param hubLagMinutes int = 15

@description('Failed invocations of one function that are tolerated within 30 minutes.')
@minValue(0)
@maxValue(1000)
param failureThreshold int = 2

@description('Requests that Event Hubs may turn away within 15 minutes because the throughput is used up.')
@minValue(0)
@maxValue(1000000)
param throttledThreshold int = 10

@description('Messages that the hub of alerts may receive within 6 hours while nobody reads any.')
@minValue(0)
@maxValue(1000000)
param unreadThreshold int = 5

var createsWorkspace = empty(workspaceResourceId)
var namespaceNames = empty(logsNamespaceName) ? [eventHubNamespaceName] : union([eventHubNamespaceName], [logsNamespaceName])

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = if (createsWorkspace) {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionInDays
    workspaceCapping: { dailyQuotaGb: dailyQuotaGb }
    features: {
      // Who may read the app may read its logs; nobody writes with the workspace's key.
      enableLogAccessUsingOnlyResourcePermissions: true
      disableLocalAuth: true
    }
    publicNetworkAccessForIngestion: publicIngestion ? 'Enabled' : 'Disabled'
    publicNetworkAccessForQuery: 'Enabled'
  }
}

var usedWorkspaceId = createsWorkspace ? workspace.id : workspaceResourceId

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: applicationInsightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: usedWorkspaceId
    IngestionMode: 'LogAnalytics'
    // The app writes with its identity (Monitoring Metrics Publisher); the key in the connection string opens nothing.
    DisableLocalAuth: true
    publicNetworkAccessForIngestion: publicIngestion ? 'Enabled' : 'Disabled'
    publicNetworkAccessForQuery: 'Enabled'
  }
}

resource namespaces 'Microsoft.EventHub/namespaces@2024-01-01' existing = [for name in namespaceNames: { name: name }]

resource namespaceLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = [
  for (name, index) in namespaceNames: if (hubDiagnosticLogs) {
    name: 'logs-to-workspace'
    scope: namespaces[index]
    properties: {
      workspaceId: usedWorkspaceId
      logs: [{ categoryGroup: 'allLogs', enabled: true }]
    }
  }
]

resource mail 'Microsoft.Insights/actionGroups@2023-01-01' = if (alertsEnabled && !empty(alertEmail)) {
  name: 'relay-${environmentName}-mail'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'relay'
    enabled: true
    emailReceivers: [{ name: 'operators', emailAddress: alertEmail, useCommonAlertSchema: true }]
  }
}

module alertRules 'alert-rules.bicep' = if (alertsEnabled) {
  name: 'alert-rules'
  params: {
    location: location
    tags: tags
    environmentName: environmentName
    applicationInsightsId: component.id
    namespaceNames: namespaceNames
    eventHubName: eventHubName
    actionGroupIds: empty(alertEmail) ? actionGroupIds : concat(actionGroupIds, [mail.id])
    frequencyMinutes: alertFrequencyMinutes
    waitingGrowthThreshold: waitingGrowthThreshold
    oldestWaitingMinutes: oldestWaitingMinutes
    breakerOpenMinutes: breakerOpenMinutes
    hubLagMinutes: hubLagMinutes
    failureThreshold: failureThreshold
    throttledThreshold: throttledThreshold
    unreadThreshold: unreadThreshold
  }
}

// Ids of the resources that the workbook shows stand in it as %COMPONENT% and %NAMESPACES%.
var otherNamespaces = length(namespaceNames) > 1 ? '","${namespaces[length(namespaceNames) - 1].id}' : ''
var workbookText = replace(loadTextContent('workbook.json'), '%COMPONENT%', component.id)

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(component.id, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    category: 'workbook'
    displayName: 'Defender Relay ${environmentName}'
    description: 'What the relay delivers, what waits and why, how far it is behind, and what fails.'
    sourceId: component.id
    serializedData: replace(workbookText, '%NAMESPACES%', '${namespaces[0].id}${otherNamespaces}')
  }
}

@description('Resource id of the workspace.')
output workspaceId string = usedWorkspaceId

@description('Name of the workspace.')
output workspaceName string = last(split(usedWorkspaceId, '/'))

@description('Resource id of the Application Insights component.')
output applicationInsightsId string = component.id

@description('Name of the Application Insights component: `access` gives the app the role to write to it.')
output applicationInsightsName string = component.name

@description('Where telemetry goes. Names the component and opens nothing: local authentication is off.')
output applicationInsightsConnectionString string = component.properties.ConnectionString

@description('Resource id of the workbook.')
output workbookId string = workbook.id
