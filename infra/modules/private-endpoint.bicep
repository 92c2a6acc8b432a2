// A private endpoint of one resource, with its names in private DNS zones.

targetScope = 'resourceGroup'

@description('Name of the endpoint.')
@minLength(2)
@maxLength(64)
param name string

@description('Region of the endpoint: that of its virtual network.')
param location string

@description('Tags of the endpoint.')
param tags object = {}

@description('Resource id of the subnet.')
@minLength(1)
param subnetId string

@description('Resource id of what is reached through it.')
param resourceId string

@description('Which part of the resource: `blob`, `vault`, `namespace`, `sites` or `azuremonitor`.')
@allowed(['blob', 'vault', 'namespace', 'sites', 'azuremonitor'])
param part string

@description('Resource ids of the zones that get its names. Empty where a policy of the organisation writes them.')
param zoneIds array = []

resource endpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: name
        properties: {
          privateLinkServiceId: resourceId
          groupIds: [part]
        }
      }
    ]
  }
}

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = if (!empty(zoneIds)) {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      for (zone, i) in zoneIds: {
        name: 'zone-${i}'
        properties: {
          privateDnsZoneId: zone
        }
      }
    ]
  }
}
