// Continuous export of Microsoft Defender for Cloud: what one subscription sends to the alerts hub.
//
// An export is a resource of a resource group, although it exports a whole subscription: the one that the group lies in. For many
// subscriptions use ../policy/main.bicep. Its name must not be `exportToEventHub`, which that policy owns: the two would overwrite each other.
//
// Deploy it after the role assignment `Azure Event Hubs Data Sender` of Defender for Cloud's own principal on the hub (modules/access.bicep).
// An export that may not write says so nowhere: not at deployment, and not in the hub.
//
// The deployer needs Security Admin or Owner on the resource group, and Microsoft.Security must be registered in the subscription.
// Rules are written as Microsoft's policy af9f6c70-eb74-4189-8d15-e4f11a7ebfd4 and the portal write them. Sets of rules are OR-ed, the rules
// of one set are AND-ed. Where every value is chosen there is no rule at all, so that a value that Microsoft adds later is exported too.
targetScope = 'resourceGroup'

@description('Name of the export.')
@minLength(1)
@maxLength(128)
param name string = 'defender-relay-export'

@description('Region of the export. It exports the subscription wherever this is.')
param location string = resourceGroup().location

@description('Tags of the export.')
param tags object = {}

@description('Resource id of the event hub: .../namespaces/<namespace>/eventhubs/<hub>.')
@minLength(1)
param eventHubResourceId string

@description('How Defender for Cloud writes to the hub: trustedService (its own principal with the role Azure Event Hubs Data Sender; the namespace may refuse keys and deny networks) or connectionString (a key of eventHubAuthorizationRuleId; the namespace must take keys and be reachable).')
@allowed([
  'trustedService'
  'connectionString'
])
param exportAuth string = 'trustedService'

@description('With connectionString: resource id of an authorization rule of the hub that has Send: .../eventhubs/<hub>/authorizationRules/<rule>. The key is read at deployment; deploy again after rotating it.')
param eventHubAuthorizationRuleId string = ''

@description('What is exported: changes as they happen, and (Snapshot) all that there is, once a week. SubAssessments are findings: choosing them brings the Assessments that they belong to. AttackPaths need the plan Defender CSPM.')
@minLength(1)
@allowed([
  'Alerts'
  'Assessments'
  'AssessmentsSnapshot'
  'SubAssessments'
  'SubAssessmentsSnapshot'
  'SecureScores'
  'SecureScoresSnapshot'
  'SecureScoreControls'
  'SecureScoreControlsSnapshot'
  'RegulatoryComplianceAssessment'
  'RegulatoryComplianceAssessmentSnapshot'
  'AttackPaths'
  'AttackPathsSnapshot'
])
param dataTypes array = [
  'Alerts'
]

@description('Severities of alerts that are exported.')
@minLength(1)
@allowed([
  'High'
  'Medium'
  'Low'
  'Informational'
])
param alertSeverities array = [
  'High'
  'Medium'
  'Low'
  'Informational'
]

@description('Severities of recommendations that are exported.')
@minLength(1)
@allowed([
  'High'
  'Medium'
  'Low'
])
param recommendationSeverities array = [
  'High'
  'Medium'
  'Low'
]

@description('Severities of findings that are exported.')
@minLength(1)
@allowed([
  'High'
  'Medium'
  'Low'
])
param findingSeverities array = [
  'High'
  'Medium'
  'Low'
]

@description('Risk levels of attack paths that are exported.')
@minLength(1)
@allowed([
  'Critical'
  'High'
  'Medium'
  'Low'
])
param attackPathRiskLevels array = [
  'Critical'
  'High'
  'Medium'
  'Low'
]

@description('Only these recommendations and their findings, by assessment key (a GUID, the name of the assessment). Empty: all.')
param recommendationNames array = []

@description('Only these secure score controls, by name (a GUID). Empty: all.')
param secureScoreControlNames array = []

@description('Only these regulatory compliance standards, by name: PCI-DSS-3.2. Empty: all.')
param complianceStandardNames array = []

@description('Resource id of a Log Analytics workspace that gets the same data too, in Microsoft\'s own tables (SecurityAlert, SecurityRecommendation, ...). Empty: none. Where Microsoft Sentinel\'s connector is on, SecurityAlert has the alerts already: they would be there twice.')
param workspaceResourceId string = ''

// Findings come with the recommendations that they belong to.
var selectedTypes = union(
  dataTypes,
  contains(dataTypes, 'SubAssessments') ? ['Assessments'] : [],
  contains(dataTypes, 'SubAssessmentsSnapshot') ? ['AssessmentsSnapshot'] : []
)

// Where every value is chosen there is nothing to choose.
var everyAlert = length(intersection(['High', 'Medium', 'Low', 'Informational'], alertSeverities)) == 4
var everyRecommendation = length(intersection(['High', 'Medium', 'Low'], recommendationSeverities)) == 3 && empty(recommendationNames)
var everyFinding = length(intersection(['High', 'Medium', 'Low'], findingSeverities)) == 3
var everyAttackPath = length(intersection(['Critical', 'High', 'Medium', 'Low'], attackPathRiskLevels)) == 4

// An alert's severity is compared in lower case, as the policy has it.
var alertRules = [
  for severity in alertSeverities: {
    rules: [
      {
        propertyJPath: 'Severity'
        propertyType: 'String'
        expectedValue: toLower(severity)
        operator: 'Equals'
      }
    ]
  }
]

// One set for each pair of a recommendation and a severity.
var recommendations = empty(recommendationNames) ? ['Microsoft.Security/assessments'] : recommendationNames
var recommendationRules = [
  for pair in range(0, length(recommendations) * length(recommendationSeverities)): {
    rules: [
      {
        propertyJPath: empty(recommendationNames) ? 'type' : 'name'
        propertyType: 'String'
        expectedValue: recommendations[pair / length(recommendationSeverities)]
        operator: 'Contains'
      }
      {
        propertyJPath: 'properties.metadata.severity'
        propertyType: 'String'
        expectedValue: recommendationSeverities[pair % length(recommendationSeverities)]
        operator: 'Equals'
      }
    ]
  }
]

// A finding has the key of its recommendation in its id, and a severity of its own in its status.
var findingNameRules = [
  for recommendation in recommendationNames: {
    propertyJPath: 'id'
    propertyType: 'String'
    expectedValue: '/assessments/${recommendation}/'
    operator: 'Contains'
  }
]
var findingSeverityRules = [
  for severity in findingSeverities: {
    propertyJPath: 'properties.status.severity'
    propertyType: 'String'
    expectedValue: severity
    operator: 'Equals'
  }
]
var findingNames = length(recommendationNames)
var findingLevels = everyFinding ? 1 : length(findingSeverities)
var findingRules = [
  for pair in range(0, max(findingNames, 1) * findingLevels): {
    rules: concat(take(skip(findingNameRules, pair / findingLevels), 1), everyFinding ? [] : take(skip(findingSeverityRules, pair % findingLevels), 1))
  }
]

var controlRules = [
  for control in secureScoreControlNames: {
    rules: [
      {
        propertyJPath: 'name'
        propertyType: 'String'
        expectedValue: control
        operator: 'Equals'
      }
    ]
  }
]

var complianceRules = [
  for standard in complianceStandardNames: {
    rules: [
      {
        propertyJPath: 'id'
        propertyType: 'String'
        expectedValue: standard
        operator: 'Contains'
      }
    ]
  }
]

// The policy knows no attack paths; this is what the portal writes.
var attackPathRules = [
  for level in attackPathRiskLevels: {
    rules: [
      {
        propertyJPath: 'attackPath.riskLevel'
        propertyType: 'String'
        expectedValue: level
        operator: 'Equals'
      }
    ]
  }
]

var ruleSets = {
  Alerts: everyAlert ? [] : alertRules
  Assessments: everyRecommendation ? [] : recommendationRules
  AssessmentsSnapshot: everyRecommendation ? [] : recommendationRules
  SubAssessments: everyFinding && empty(recommendationNames) ? [] : findingRules
  SubAssessmentsSnapshot: everyFinding && empty(recommendationNames) ? [] : findingRules
  SecureScores: []
  SecureScoresSnapshot: []
  SecureScoreControls: controlRules
  SecureScoreControlsSnapshot: controlRules
  RegulatoryComplianceAssessment: complianceRules
  RegulatoryComplianceAssessmentSnapshot: complianceRules
  AttackPaths: everyAttackPath ? [] : attackPathRules
  AttackPathsSnapshot: everyAttackPath ? [] : attackPathRules
}

// The key is read in the branch that needs it, and nowhere else.
var hubActions = [
  {
    actionType: 'EventHub'
    eventHubResourceId: eventHubResourceId
    isTrustedServiceEnabled: exportAuth == 'trustedService'
    connectionString: exportAuth == 'trustedService' ? null : listKeys(eventHubAuthorizationRuleId, '2024-01-01').primaryConnectionString
  }
]
var workspaceAction = {
  actionType: 'Workspace'
  workspaceResourceId: workspaceResourceId
}
var workspaceActions = empty(workspaceResourceId) ? [] : [workspaceAction]

resource export 'Microsoft.Security/automations@2023-12-01-preview' = {
  name: name
  location: location
  tags: tags
  properties: {
    description: 'Sends data of Microsoft Defender for Cloud to the event hub of Defender Relay.'
    isEnabled: true
    scopes: [
      {
        description: 'scope for subscription ${subscription().subscriptionId}'
        scopePath: subscription().id
      }
    ]
    sources: [
      for dataType in selectedTypes: {
        eventSource: dataType
        ruleSets: empty(ruleSets[dataType]) ? null : ruleSets[dataType]
      }
    ]
    actions: concat(hubActions, workspaceActions)
  }
}

@description('Resource id of the export.')
output exportId string = export.id
