// Lets Defender for Cloud write to the alerts hub as a trusted service. A file of its own, because without it the export would be made, would look
// healthy, and would write nothing: main.bicep makes the export only after this.

targetScope = 'resourceGroup'

@description('Name of the Event Hubs namespace.')
param eventHubNamespaceName string

@description('Name of the hub.')
param eventHubName string

// The deployment is refused at validation when the id is empty: that is meant. The name of the parameter is what the user reads then.
@description('Object id of the service principal "Windows Azure Security Resource Provider" in this tenant: az ad sp show --id 8edd93e1-2103-40b4-bd70-6e34e586362d --query id -o tsv')
@minLength(36)
@maxLength(36)
param defenderPrincipalId string

var roles = {
  'Azure Event Hubs Data Sender': '2b629674-e913-4c01-ae53-ef4638d8f975'
}

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  name: eventHubNamespaceName
}

resource hub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' existing = {
  parent: namespace
  name: eventHubName
}

resource defenderWritesAlerts 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hub
  name: guid(hub.id, defenderPrincipalId, roles['Azure Event Hubs Data Sender'])
  properties: {
    description: 'Defender for Cloud writes what it exports to this hub'
    principalId: defenderPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Azure Event Hubs Data Sender'])
  }
}
