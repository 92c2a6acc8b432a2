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

@description('Most data that the created workspace takes in a day, in GB; -1 for no limit. What comes above it is lost to the alert rules until the next day.')
@minValue(-1)
@maxValue(1000)
param dailyQuotaGb int = -1

@description('Name of the Application Insights component.')
@minLength(1)
@maxLength(255)
param applicationInsightsName string

@description('Whether telemetry and queries may come over the public network. `Disabled` needs an Azure Monitor private link scope, which this template does not create.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string = 'Enabled'

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

@description('Name of the Event Hubs namespace of the hub for raw logs, in this resource group; may be the same. Empty when logs are not streamed.')
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

@description('Events that may wait in the store more than an hour ago before an alert is raised, per destination.')
@minValue(0)
@maxValue(1000000)
param waitingGrowthThreshold int = 100

@description('Age of the oldest event that waits in the store at which an alert is raised, in minutes.')
@minValue(5)
@maxValue(10080)
param oldestWaitingMinutes int = 120

@description('Age of an event at which the hub is behind, in minutes: from when the hub took it to when the relay did.')
@minValue(1)
@maxValue(10080)
param hubLagMinutes int = 15

@description('Failed invocations of one function that are tolerated within 30 minutes.')
@minValue(0)
@maxValue(1000)
param failureThreshold int = 0

@description('Requests that Event Hubs may turn away within 15 minutes because a throughput unit is used up.')
@minValue(0)
@maxValue(1000000)
param throttledThreshold int = 10

@description('Resource id of the workspace.')
output workspaceId string = ''

@description('Name of the workspace.')
output workspaceName string = ''

@description('Resource id of the Application Insights component.')
output applicationInsightsId string = ''

@description('Name of the Application Insights component: `access` gives the app the role to write to it.')
output applicationInsightsName string = applicationInsightsName

@description('Where telemetry goes. Names the component and opens nothing: local authentication is off.')
output applicationInsightsConnectionString string = ''

@description('Resource id of the workbook.')
output workbookId string = ''
