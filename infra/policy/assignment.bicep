// One policy that deploys exports, assigned to a management group: its identity, that identity's roles, and a remediation.
targetScope = 'managementGroup'

@description('Name of the assignment: at most 24 characters at a management group.')
@minLength(1)
@maxLength(24)
param name string

@description('Name that people see.')
@minLength(1)
@maxLength(128)
param displayName string

@description('Region of the assignment\'s identity.')
@minLength(1)
param location string

@description('Resource id of the definition.')
@minLength(1)
param policyDefinitionId string

@description('Values of the definition\'s parameters: name to { value }.')
param policyParameters object

@description('Resource ids of subscriptions and management groups that are left out.')
param excludedScopes array = []

@description('Default deploys; DoNotEnforce only reports.')
@allowed([
  'Default'
  'DoNotEnforce'
])
param enforcementMode string = 'Default'

@description('Resource id of the event hub that the exports write to.')
@minLength(1)
param eventHubResourceId string

@description('Whether the identity gets Contributor on the event hub.')
param grantOnHub bool = true

@description('Name of a remediation to run. Empty: none.')
param remediationName string = ''

// The definitions name this role: they make resource groups, and exports in them.
var contributor = 'b24988ac-6180-42a0-ab88-20f7382dd24c'

resource assignment 'Microsoft.Authorization/policyAssignments@2025-03-01' = {
  name: name
  location: location
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    displayName: displayName
    policyDefinitionId: policyDefinitionId
    parameters: policyParameters
    notScopes: excludedScopes
    enforcementMode: enforcementMode
    nonComplianceMessages: [
      {
        message: 'This subscription does not send its Defender for Cloud data to the event hub of Defender Relay.'
      }
    ]
  }
}

resource onGroup 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(managementGroup().id, name, contributor)
  properties: {
    description: 'The policy ${name} makes resource groups and continuous exports in the subscriptions below.'
    principalId: assignment.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: tenantResourceId('Microsoft.Authorization/roleDefinitions', contributor)
  }
}

module onHub 'hub-role.bicep' = if (grantOnHub) {
  name: '${name}-hub'
  scope: resourceGroup(split(eventHubResourceId, '/')[2], split(eventHubResourceId, '/')[4])
  params: {
    eventHubResourceId: eventHubResourceId
    assignmentId: assignment.id
    principalId: assignment.identity.principalId
    policyName: name
  }
}

// At a management group only what Azure Policy has found before can be remediated; ReEvaluateCompliance is refused here.
resource remediation 'Microsoft.PolicyInsights/remediations@2024-10-01' = if (!empty(remediationName)) {
  name: empty(remediationName) ? 'none' : remediationName
  properties: {
    policyAssignmentId: assignment.id
    resourceDiscoveryMode: 'ExistingNonCompliant'
    parallelDeployments: 10
    resourceCount: 50000
  }
  dependsOn: [
    onGroup
    onHub
  ]
}

@description('Resource id of the assignment.')
output assignmentId string = assignment.id
