// An Azure Monitor private link scope: rows and telemetry reach Azure Monitor over the virtual network. Open mode: what is not in the scope (an
// Azure Monitor resource of somebody else, reached from the same network) stays reachable as before. Its private endpoint is made with the others.

targetScope = 'resourceGroup'

@description('Name of the scope.')
@minLength(1)
@maxLength(255)
param name string

@description('Tags of the scope.')
param tags object = {}

@description('Resource ids of what belongs to the scope: workspace, Application Insights component, data collection endpoint.')
@minLength(1)
param resourceIds array

resource scope 'Microsoft.Insights/privateLinkScopes@2021-09-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    accessModeSettings: {
      exclusions: []
      ingestionAccessMode: 'Open'
      queryAccessMode: 'Open'
    }
  }
}

@batchSize(1)
resource member 'Microsoft.Insights/privateLinkScopes/scopedResources@2021-09-01' = [
  for (resourceId, i) in resourceIds: {
    parent: scope
    name: 'member-${i}'
    properties: {
      linkedResourceId: resourceId
    }
  }
]

@description('Resource id of the scope, once its members are in it.')
output id string = scope.id
