// Who may do what. Every role that the product gives in its own resource group is here, as narrow as Azure allows; access/subscription.bicep and
// access/workspace.bicep hold the few that lie outside it.
//
// The name of an assignment contains the principal: a new identity of the same name gets assignments of its own, instead of the error that an
// assignment cannot change its principal. Each role that may be missing in a deployment has its condition beside it.

targetScope = 'resourceGroup'

@description('Object id of the app\'s identity.')
@minLength(36)
@maxLength(36)
param appPrincipalId string

@description('Name of the Event Hubs namespace of alerts.')
param eventHubNamespaceName string

@description('Name of the alerts hub.')
param eventHubName string

@description('Name of the Event Hubs namespace of raw logs. Empty: there is none.')
param logsNamespaceName string = ''

@description('Name of the hub of raw logs.')
param logsEventHubName string = ''

@description('Name of the host\'s storage account.')
param hostStorageName string

@description('Name of the storage account of the letters.')
param lettersStorageName string

@description('Name of the container of the letters.')
param lettersContainerName string

@description('Name of the vault.')
param keyVaultName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Name of the data collection rule of the destination `sentinel`. Empty: there is none.')
param collectionRuleName string = ''

@description('Object id of the principal that deploys. Empty: it gets nothing.')
param deployerPrincipalId string = ''

@description('What kind of principal that is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param deployerPrincipalType string = 'User'

var roles = {
  'Azure Event Hubs Data Receiver': 'a638d3c7-ab3a-418d-83e6-5f17a39d4fde'
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6'
  'Key Vault Secrets Officer': 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
}

resource alertsNamespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  name: eventHubNamespaceName
}

resource alertsHub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' existing = {
  parent: alertsNamespace
  name: eventHubName
}

resource logsNamespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  name: empty(logsNamespaceName) ? eventHubNamespaceName : logsNamespaceName
}

resource logsHub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' existing = {
  parent: logsNamespace
  name: empty(logsEventHubName) ? eventHubName : logsEventHubName
}

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: hostStorageName
}

resource lettersStorage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: lettersStorageName
}

resource lettersBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' existing = {
  parent: lettersStorage
  name: 'default'
}

resource letters 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = {
  parent: lettersBlobs
  name: lettersContainerName
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: keyVaultName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource collectionRule 'Microsoft.Insights/dataCollectionRules@2023-03-11' existing = {
  name: empty(collectionRuleName) ? 'none' : collectionRuleName
}

// On the hub: the trigger reads properties of the hub too, so its own consumer group would be too narrow (azure-functions-eventhubs-extension, issue
// 125).
resource appReadsAlerts 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: alertsHub
  name: guid(alertsHub.id, appPrincipalId, roles['Azure Event Hubs Data Receiver'])
  properties: {
    description: 'Defender Relay reads alerts from its hub'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Azure Event Hubs Data Receiver'])
  }
}

resource appReadsLogs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(logsNamespaceName)) {
  scope: logsHub
  name: guid(logsHub.id, appPrincipalId, roles['Azure Event Hubs Data Receiver'])
  properties: {
    description: 'Defender Relay reads raw logs from their hub'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Azure Event Hubs Data Receiver'])
  }
}

resource hostOwnsItsStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostStorage
  name: guid(hostStorage.id, appPrincipalId, roles['Storage Blob Data Owner'])
  properties: {
    description: 'The Functions host makes containers in its own account for keys, locks and checkpoints, and fetches the package there'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Owner'])
  }
}

resource appKeepsLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: letters
  name: guid(letters.id, appPrincipalId, roles['Storage Blob Data Contributor'])
  properties: {
    description: 'Defender Relay writes, reads and deletes parked and dead letters in its container'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Contributor'])
  }
}

// On the vault, not on each secret: a secret that is not written yet cannot carry an assignment, and the vault holds nothing else.
resource appReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, appPrincipalId, roles['Key Vault Secrets User'])
  properties: {
    description: 'App settings of Defender Relay refer to secrets of this vault'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets User'])
  }
}

resource appSendsTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: applicationInsights
  name: guid(applicationInsights.id, appPrincipalId, roles['Monitoring Metrics Publisher'])
  properties: {
    description: 'The Functions host writes the log of Defender Relay, which has no other key here'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Monitoring Metrics Publisher'])
  }
}

resource appSendsRows 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(collectionRuleName)) {
  scope: collectionRule
  name: guid(collectionRule.id, appPrincipalId, roles['Monitoring Metrics Publisher'])
  properties: {
    description: 'Defender Relay sends rows through this rule to its tables (destination sentinel)'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Monitoring Metrics Publisher'])
  }
}

resource deployerWritesSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployerPrincipalId)) {
  scope: vault
  name: guid(vault.id, deployerPrincipalId, roles['Key Vault Secrets Officer'])
  properties: {
    description: 'Whoever deployed Defender Relay writes the secrets of its destinations'
    principalId: deployerPrincipalId
    principalType: deployerPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets Officer'])
  }
}
