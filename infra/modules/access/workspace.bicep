// What the function `sync` may do to the incidents of a Microsoft Sentinel workspace, which may lie in another resource group.

targetScope = 'resourceGroup'

@description('Object id of the app\'s identity.')
@minLength(36)
@maxLength(36)
param appPrincipalId string

@description('Name of the workspace, in the resource group that this is deployed to.')
param workspaceName string

var roles = {
  'Microsoft Sentinel Responder': '3e150937-b8fe-4cfb-8069-0eaf05ecd056'
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource appChangesIncidents 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: workspace
  name: guid(workspace.id, appPrincipalId, roles['Microsoft Sentinel Responder'])
  properties: {
    description: 'Defender Relay reads incidents and changes their status (function sync)'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Microsoft Sentinel Responder'])
  }
}
