// Lets a policy's identity make exports that write to the hub: who names a target must be able to write to it, and to read its key where the
// export uses one. Deploy it to the resource group of the hub's namespace.
targetScope = 'resourceGroup'

@description('Resource id of the event hub.')
@minLength(1)
param eventHubResourceId string

@description('Resource id of the policy assignment.')
@minLength(1)
param assignmentId string

@description('Object id of the assignment\'s identity.')
@minLength(36)
@maxLength(36)
param principalId string

@description('Name of the policy assignment, for the description.')
@minLength(1)
param policyName string

var contributor = 'b24988ac-6180-42a0-ab88-20f7382dd24c'

resource eventHub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' existing = {
  name: '${split(eventHubResourceId, '/')[8]}/${split(eventHubResourceId, '/')[10]}'
}

resource onHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(eventHub.id, assignmentId, contributor)
  scope: eventHub
  properties: {
    description: 'The policy ${policyName} makes continuous exports that write to this hub.'
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', contributor)
  }
}
