// The virtual network of the private profile: one subnet for the app, one for private endpoints.

targetScope = 'resourceGroup'

@description('Name of the virtual network; what belongs to it is named after it.')
@minLength(2)
@maxLength(50)
param name string

@description('Region of the network.')
param location string

@description('Tags of the network.')
param tags object = {}

@description('Address space of the network.')
param addressSpace string

@description('The part of it that is the app\'s. Flex Consumption needs a /27 at least, for this app alone.')
param appAddressPrefix string

@description('The part of it that holds the private endpoints. That of Azure Monitor takes a dozen addresses.')
param endpointAddressPrefix string

@description('Sends what leaves the app through a NAT gateway with one fixed address.')
param outboundAddress bool = true

// Nobody calls in from the internet. What leaves is not restricted here: destinations are the user's, on any port (syslog is not web).
resource guard 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: '${name}-guard'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'deny-internet'
        properties: {
          description: 'Nothing comes in from the internet'
          access: 'Deny'
          direction: 'Inbound'
          priority: 4096
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource address 'Microsoft.Network/publicIPAddresses@2025-05-01' = if (outboundAddress) {
  name: '${name}-outbound'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
  }
}

resource gateway 'Microsoft.Network/natGateways@2025-05-01' = if (outboundAddress) {
  name: '${name}-nat'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    idleTimeoutInMinutes: 4
    publicIpAddresses: [
      {
        id: address.id
      }
    ]
  }
}

// Subnets are written inside the network: as children they would be taken away and made anew at each deployment.
resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressSpace]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: appAddressPrefix
          // Without a gateway the way out is Azure's default one, unless routes of your own lead elsewhere.
          defaultOutboundAccess: !outboundAddress
          // Flex Consumption: not Microsoft.Web/serverFarms, as other plans.
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
          natGateway: outboundAddress ? { id: gateway.id } : null
          networkSecurityGroup: {
            id: guard.id
          }
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointAddressPrefix
          defaultOutboundAccess: false
          networkSecurityGroup: {
            id: guard.id
          }
          // The security group is not asked for endpoints: from which addresses Flex Consumption comes to them is not documented, and one that
          // admits the network alone shut the publishing out (Azure/azure-functions-host, issue 10620). Each endpoint asks for a token all the same.
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }
}

@description('Resource id of the subnet of the app.')
output appSubnetId string = '${network.id}/subnets/app'

@description('Resource id of the subnet of private endpoints.')
output endpointSubnetId string = '${network.id}/subnets/endpoints'

@description('Address that destinations see; empty without a gateway.')
output outboundAddress string = outboundAddress ? address!.properties.ipAddress : ''
