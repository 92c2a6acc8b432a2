// What the relay's `sentinel` destination writes to: its tables in the workspace, and the data collection rule that takes its rows.
// Deploy it to the relay's resource group; the tables go to the workspace's, wherever that is, and stay when the relay's group is deleted.
//
// Streams and columns are those of src/destinations/sentinel/dcr.json: there is no second list. The rule must be in the workspace's region.
//
// The app's identity needs Monitoring Metrics Publisher on the rule (output ruleName; modules/access.bicep), and these settings:
//   SENTINEL__ENDPOINT = output endpoint, SENTINEL__RULE_ID = output ruleImmutableId
// A new role takes up to 30 minutes to work. The relay parks until then.
//
// Private link (privateEndpointOnly): a data collection endpoint without public access takes the place of the rule's own. It, and the workspace,
// must be in an Azure Monitor private link scope with a private endpoint and the zone privatelink.monitor.azure.com (modules/network.bicep;
// output collectionEndpointId), and the workspace must take ingestion from there.
targetScope = 'resourceGroup'

@description('Resource id of the Log Analytics workspace.')
@minLength(1)
param workspaceResourceId string

@description('Region of the workspace.')
@minLength(1)
param workspaceLocation string

@description('Name of the data collection rule, at most 30 characters for one with an endpoint of its own. The collection endpoint, where there is one, has it too.')
@minLength(3)
@maxLength(30)
param ruleName string = 'defender-relay'

@description('Tags of the rule.')
param tags object = {}

@description('Whether rows are posted to a data collection endpoint (true) or to the endpoint of the rule itself (false). Needed for private link, and where a region gives rules no endpoint of their own.')
param collectionEndpoint bool = false

@description('Whether the data collection endpoint can be reached by private link only. Without collectionEndpoint it means nothing.')
param privateEndpointOnly bool = false

@description('Whether the rule takes alerts in the ASIM schema too (SCHEMA=asim), for the table ASimAlertEventLogs. Only with Microsoft Sentinel on: without it there is no such table, and the rule is refused.')
param asim bool = false

@description('Whether rows that the rule drops are told of in the table DCRLogErrors: nothing else tells of them.')
param logErrors bool = true

@description('Days for which the tables can be queried: 4 to 730; -1 as the workspace.')
@minValue(-1)
@maxValue(730)
param retentionInDays int = -1

@description('Days for which rows are kept in all: 4 to 4383; -1 as retentionInDays.')
@minValue(-1)
@maxValue(4383)
param totalRetentionInDays int = -1

var rule = loadJsonContent('../../../src/destinations/sentinel/dcr.json').properties

// A rule cannot name a table that is not there, so the stream of ASIM, the last of the file, is taken in on its own. Each other stream
// `Custom-X` goes to the table `X_CL`.
var ownStreams = {
  'Custom-DefenderForCloudAlerts': rule.streamDeclarations['Custom-DefenderForCloudAlerts']
  'Custom-DefenderForCloudRecommendations': rule.streamDeclarations['Custom-DefenderForCloudRecommendations']
  'Custom-DefenderForCloudFindings': rule.streamDeclarations['Custom-DefenderForCloudFindings']
  'Custom-DefenderForCloudSecureScores': rule.streamDeclarations['Custom-DefenderForCloudSecureScores']
  'Custom-DefenderForCloudCompliance': rule.streamDeclarations['Custom-DefenderForCloudCompliance']
  'Custom-DefenderForCloudAttackPaths': rule.streamDeclarations['Custom-DefenderForCloudAttackPaths']
  'Custom-AzureLogs': rule.streamDeclarations['Custom-AzureLogs']
}

module tables 'tables.bicep' = {
  name: '${ruleName}-tables'
  scope: resourceGroup(split(workspaceResourceId, '/')[2], split(workspaceResourceId, '/')[4])
  params: {
    workspaceName: last(split(workspaceResourceId, '/'))
    retentionInDays: retentionInDays
    totalRetentionInDays: totalRetentionInDays
  }
}

resource collection 'Microsoft.Insights/dataCollectionEndpoints@2023-03-11' = if (collectionEndpoint) {
  name: ruleName
  location: workspaceLocation
  tags: tags
  properties: {
    description: 'Takes rows of Defender Relay.'
    networkAcls: {
      publicNetworkAccess: privateEndpointOnly ? 'Disabled' : 'Enabled'
    }
  }
}

resource dataCollectionRule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: ruleName
  location: workspaceLocation
  tags: tags
  // Gives the rule an endpoint of its own. A rule that is made without it never gets one, so it is there with a collection endpoint too.
  #disable-next-line open-enum
  kind: 'Direct'
  properties: {
    description: rule.description
    dataCollectionEndpointId: collectionEndpoint ? collection.id : null
    streamDeclarations: asim ? rule.streamDeclarations : ownStreams
    destinations: {
      logAnalytics: [
        {
          name: rule.destinations.logAnalytics[0].name
          workspaceResourceId: workspaceResourceId
        }
      ]
    }
    dataFlows: asim ? rule.dataFlows : take(rule.dataFlows, length(ownStreams))
  }
  dependsOn: [
    tables
  ]
}

resource errors 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (logErrors) {
  name: 'errors-to-workspace'
  scope: dataCollectionRule
  properties: {
    workspaceId: workspaceResourceId
    logs: [
      {
        category: 'LogErrors'
        enabled: true
      }
    ]
  }
}

@description('Where rows are posted: SENTINEL__ENDPOINT.')
output endpoint string = collectionEndpoint ? collection!.properties.logsIngestion.endpoint : dataCollectionRule.properties.endpoints.logsIngestion

@description('Immutable id of the rule: SENTINEL__RULE_ID.')
output ruleImmutableId string = dataCollectionRule.properties.immutableId

@description('Resource id of the rule, for the role Monitoring Metrics Publisher.')
output ruleId string = dataCollectionRule.id

@description('Name of the rule, in this resource group.')
output ruleName string = dataCollectionRule.name

@description('Resource id of the data collection endpoint, for the private link scope. Empty without one.')
output collectionEndpointId string = collectionEndpoint ? collection.id : ''
