// Private DNS zones, each linked to one virtual network: they turn the public names of services into addresses of private endpoints.

targetScope = 'resourceGroup'

@description('Names of the zones.')
@minLength(1)
param zones array

@description('Resource id of the virtual network.')
param virtualNetworkId string

@description('Tags of the zones.')
param tags object = {}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for name in zones: {
    name: name
    location: 'global'
    tags: tags
  }
]

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (name, i) in zones: {
    parent: zone[i]
    name: 'relay'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: virtualNetworkId
      }
    }
  }
]
