// Continuous export for every subscription below a management group, present and future, by Azure Policy. Deploy it once, after infra/main.bicep
// (with `continuousExport` off there, or the subscription of the hub exports twice):
//
//   (put your values into infra/policy/main.bicepparam)
//   az deployment mg create --management-group-id <group> --location <region> --name defender-relay --parameters infra/policy/main.bicepparam
//
// New subscriptions get the export by themselves. Those that exist need a remediation, which acts on what Azure Policy has found already: so not
// at once. After an hour, or `az policy state trigger-scan --subscription <id>`, deploy again with `remediate` true, or
//
//   az policy remediation create --management-group <group> --name export-1 --policy-assignment <assignment> --resource-discovery-mode ExistingNonCompliant
//
// What it makes: assignments with an identity each, their roles, and at most one definition of our own.
// - exportPolicy: Microsoft's definitions af9f6c70-eb74-4189-8d15-e4f11a7ebfd4 (trustedService) and cdfcce10-4578-4ecd-9703-530938e4abcb
//   (connectionString). They know ten kinds of data. Both make an automation `exportToEventHub` in a resource group of each subscription.
// - ownExportTypes: our definition (definition.json), for all thirteen kinds: attack paths, which Microsoft's do not know, and the rest too.
//   It makes an automation `exportToDefenderRelay` beside the other one. Trusted service only. Do not name a kind in both: it would come twice.
//   It is also the way out if Microsoft's fails: one published text of af9f6c70 has an inner template that uses variables which only the outer
//   one has, and such a remediation ends with an error that names `scopeDescription`.
//
// What it does not do: the role Azure Event Hubs Data Sender of Defender for Cloud's principal on the hub. It is given once for the tenant, by
// infra/main.bicep (`defenderPrincipalId`). Without it every export is there and none can write.
//
// You need Resource Policy Contributor and Role Based Access Control Administrator (or Owner) on the management group, and the second on the hub.
// To take it away: delete the assignments, their role assignments (they show as unknown identities), the definition, and the automations that
// were made in the subscriptions; deleting an assignment leaves those.
//
// Not verified: that both of Microsoft's definitions exist in US Government and China, and our definition against the service.
targetScope = 'managementGroup'

@description('Region of the assignments\' identities, and of what the policy makes.')
@minLength(1)
param location string = deployment().location

@description('Which of Microsoft\'s definitions is assigned: trustedService, connectionString (for a namespace that takes keys), or none.')
@allowed([
  'trustedService'
  'connectionString'
  'none'
])
param exportPolicy string = 'trustedService'

@description('Resource id of the event hub: output EVENT_HUB_ID of infra/main.bicep.')
@minLength(1)
param eventHubResourceId string

@description('With connectionString: resource id of an authorization rule of the hub that has Send.')
param eventHubAuthorizationRuleId string = ''

@description('Whether the assignments\' identities get Contributor on the hub too. Needed where the hub\'s subscription is not below this management group: who makes an export must be able to write to its target.')
param grantOnHub bool = true

@description('Resource group of the exports, the same name in every subscription. A group has one export to a hub at most.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-defender-relay-export'

@description('Whether the group is made. Where it exists already it is deployed again, and loses its tags: then false.')
param createResourceGroup bool = true

@description('What Microsoft\'s definition exports. Snapshots are all that there is, once a week.')
@minLength(1)
@allowed([
  'Security alerts'
  'Security recommendations'
  'Overall secure score'
  'Secure score controls'
  'Regulatory compliance'
  'Security recommendations - snapshot'
  'Security findings - snapshot'
  'Overall secure score - snapshot'
  'Secure score controls - snapshot'
  'Regulatory compliance - snapshot'
])
param exportedDataTypes array = [
  'Security alerts'
]

@description('Severities of alerts that are exported. Microsoft\'s definition never exports informational alerts, nor does it take the value.')
@minLength(1)
@allowed([
  'High'
  'Medium'
  'Low'
])
param alertSeverities array = [
  'High'
  'Medium'
  'Low'
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

@description('Only these recommendations, by assessment key (a GUID). Empty: all.')
param recommendationNames array = []

@description('Whether findings (results of vulnerability scans) are exported as they come. They are many; they go with Security recommendations.')
param securityFindings bool = false

@description('Only these secure score controls, by name (a GUID). Empty: all.')
param secureScoreControlNames array = []

@description('Only these regulatory compliance standards, by name. Empty: all.')
param complianceStandardNames array = []

@description('What our own definition exports, of every severity. Empty: it is neither made nor assigned. Name Assessments beside SubAssessments, which belong to them.')
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
param ownExportTypes array = []

@description('Subscriptions or management groups below that are left out: resource ids.')
param excludedScopes array = []

@description('Effect of the definitions. Disabled also stops what DoNotEnforce of enforcementMode leaves: the report. Microsoft\'s definition for connectionString has no such parameter.')
@allowed([
  'DeployIfNotExists'
  'Disabled'
])
param effect string = 'DeployIfNotExists'

@description('Default deploys; DoNotEnforce only reports what lacks an export.')
@allowed([
  'Default'
  'DoNotEnforce'
])
param enforcementMode string = 'Default'

@description('Whether the subscriptions that are known to lack the export get it now. Not at the first deployment: nothing is known then.')
param remediate bool = false

@description('Name of the remediation, a new one each time.')
@minLength(1)
@maxLength(200)
param remediationName string = 'defender-relay-${utcNow('yyyyMMddHHmmss')}'

var builtInIds = {
  trustedService: 'af9f6c70-eb74-4189-8d15-e4f11a7ebfd4'
  connectionString: 'cdfcce10-4578-4ecd-9703-530938e4abcb'
  none: ''
}

var ownDefinition = json(replace(loadTextContent('definition.json'), '<region>', location))

resource definition 'Microsoft.Authorization/policyDefinitions@2025-03-01' = if (!empty(ownExportTypes)) {
  name: 'defender-relay-export'
  properties: {
    policyType: 'Custom'
    mode: 'All'
    displayName: ownDefinition.displayName
    description: ownDefinition.description
    metadata: ownDefinition.metadata
    parameters: ownDefinition.parameters
    policyRule: ownDefinition.policyRule
  }
}

var builtInParameters = {
  resourceGroupName: {
    value: resourceGroupName
  }
  resourceGroupLocation: {
    value: location
  }
  createResourceGroup: {
    value: createResourceGroup
  }
  exportedDataTypes: {
    value: exportedDataTypes
  }
  alertSeverities: {
    value: alertSeverities
  }
  recommendationSeverities: {
    value: recommendationSeverities
  }
  recommendationNames: {
    value: recommendationNames
  }
  isSecurityFindingsEnabled: {
    value: securityFindings
  }
  secureScoreControlsNames: {
    value: secureScoreControlNames
  }
  regulatoryComplianceStandardsNames: {
    value: complianceStandardNames
  }
  eventHubDetails: {
    value: exportPolicy == 'connectionString' ? eventHubAuthorizationRuleId : eventHubResourceId
  }
}
var effectParameter = {
  effect: {
    value: effect
  }
}

module builtIn 'assignment.bicep' = if (exportPolicy != 'none') {
  name: 'defender-relay-export'
  params: {
    name: 'defender-relay-export'
    displayName: 'Defender Relay: continuous export to the event hub'
    location: location
    policyDefinitionId: tenantResourceId('Microsoft.Authorization/policyDefinitions', builtInIds[exportPolicy])
    policyParameters: exportPolicy == 'trustedService' ? union(builtInParameters, effectParameter) : builtInParameters
    excludedScopes: excludedScopes
    enforcementMode: enforcementMode
    eventHubResourceId: eventHubResourceId
    grantOnHub: grantOnHub
    remediationName: remediate ? remediationName : ''
  }
}

module own 'assignment.bicep' = if (!empty(ownExportTypes)) {
  name: 'defender-relay-own'
  params: {
    name: 'defender-relay-own'
    displayName: 'Defender Relay: continuous export to the event hub, own definition'
    location: location
    policyDefinitionId: definition.id
    policyParameters: {
      effect: {
        value: effect
      }
      resourceGroupName: {
        value: resourceGroupName
      }
      resourceGroupLocation: {
        value: location
      }
      createResourceGroup: {
        value: createResourceGroup
      }
      dataTypes: {
        value: ownExportTypes
      }
      eventHubResourceId: {
        value: eventHubResourceId
      }
    }
    excludedScopes: excludedScopes
    enforcementMode: enforcementMode
    eventHubResourceId: eventHubResourceId
    grantOnHub: grantOnHub
    remediationName: remediate ? '${remediationName}-own' : ''
  }
}

@description('Resource id of the assignment of Microsoft\'s definition. Empty without one.')
output builtInAssignmentId string = exportPolicy != 'none' ? builtIn!.outputs.assignmentId : ''

@description('Resource id of the assignment of our definition. Empty without one.')
output ownAssignmentId string = !empty(ownExportTypes) ? own!.outputs.assignmentId : ''
