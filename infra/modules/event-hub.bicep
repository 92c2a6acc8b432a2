// An Event Hubs namespace with one hub. main.bicep uses it twice: for alerts, and for raw logs.
//
// Local authentication is off unless a rule with a shared key is asked for. Two writers cannot do without one: diagnostic settings of Azure
// Monitor (hence a namespace of their own), and continuous export in the mode `connectionString`.

targetScope = 'resourceGroup'

@description('Name of the namespace, unique in the cloud.')
@minLength(6)
@maxLength(50)
param name string

@description('Region of the namespace.')
param location string

@description('Tags of the namespace.')
param tags object = {}

@description('Tier. Basic is not offered: it has one consumer group and keeps events for a day.')
@allowed(['Standard', 'Premium'])
param sku string = 'Standard'

@description('Throughput units (Standard) or processing units (Premium: 1, 2, 4, 8, 12 or 16).')
@minValue(1)
@maxValue(40)
param capacity int = 1

@description('Throughput units up to which a Standard namespace grows by itself; 0 never grows. Premium has no such thing.')
@minValue(0)
@maxValue(40)
param maximumThroughputUnits int = 0

@description('Spreads the namespace over availability zones. Cannot be changed later.')
param zoneRedundant bool = false

@description('Name of the hub.')
@minLength(1)
@maxLength(256)
param hubName string

@description('Partitions of the hub.')
@minValue(1)
@maxValue(32)
param partitions int = 4

@description('Hours for which the hub keeps events.')
@minValue(1)
@maxValue(2160)
param retentionHours int = 168

@description('Consumer groups of the hub. Each independent reader needs its own.')
@minLength(1)
@maxLength(19)
param consumerGroups array

@description('Name of a rule of the hub with a shared key that may send. Empty makes none.')
param hubSendRule string = ''

@description('Name of a rule of the namespace with a shared key that may send. Empty makes none.')
param namespaceSendRule string = ''

@description('Whether the public network has a way in. Services that Azure trusts, such as Defender for Cloud, come in either way.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string = 'Enabled'

@description('Protects the namespace from deletion.')
param lock bool = false

var growing = sku == 'Standard' && maximumThroughputUnits > capacity

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
    tier: sku
    capacity: capacity
  }
  properties: {
    disableLocalAuth: empty(hubSendRule) && empty(namespaceSendRule)
    isAutoInflateEnabled: growing
    maximumThroughputUnits: growing ? maximumThroughputUnits : 0
    minimumTlsVersion: '1.2'
    publicNetworkAccess: publicNetworkAccess
    zoneRedundant: zoneRedundant
  }
}

// A rule set that denies everybody but names no address lets everybody in (Microsoft's page on the IP firewall of Event Hubs). So a private
// namespace has no public access at all, here and on the namespace, which must agree; the trusted services pass all the same.
resource firewall 'Microsoft.EventHub/namespaces/networkRuleSets@2024-01-01' = {
  parent: namespace
  name: 'default'
  properties: {
    defaultAction: publicNetworkAccess == 'Disabled' ? 'Deny' : 'Allow'
    publicNetworkAccess: publicNetworkAccess
    trustedServiceAccessEnabled: true
    ipRules: []
    virtualNetworkRules: []
  }
}

// Capture stays off: it would leave a copy of every alert in a storage account.
resource hub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
  parent: namespace
  name: hubName
  properties: {
    partitionCount: partitions
    retentionDescription: {
      cleanupPolicy: 'Delete'
      retentionTimeInHours: retentionHours
    }
  }
}

@batchSize(1)
resource groups 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = [
  for group in consumerGroups: {
    parent: hub
    name: group
    properties: {}
  }
]

resource hubSender 'Microsoft.EventHub/namespaces/eventhubs/authorizationRules@2024-01-01' = if (!empty(hubSendRule)) {
  parent: hub
  name: empty(hubSendRule) ? 'none' : hubSendRule
  properties: {
    rights: ['Send']
  }
}

// Azure asks for Manage and Listen only where a diagnostic setting names no event hub, so that it must make one (its own error text, in
// https://github.com/Azure/azure-cli/issues/24425). Ours name one.
resource namespaceSender 'Microsoft.EventHub/namespaces/authorizationRules@2024-01-01' = if (!empty(namespaceSendRule)) {
  parent: namespace
  name: empty(namespaceSendRule) ? 'none' : namespaceSendRule
  properties: {
    rights: ['Send']
  }
}

resource keep 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: namespace
  name: 'keep-events'
  properties: {
    level: 'CanNotDelete'
    notes: 'Events that the relay has not read yet are lost with the namespace.'
  }
}

@description('Resource id of the namespace.')
output namespaceId string = namespace.id

@description('Name of the namespace.')
output namespaceName string = namespace.name

@description('Host of the namespace, as `<name>.servicebus.windows.net`; every cloud has its own ending.')
output fullyQualifiedNamespace string = split(split(namespace.properties.serviceBusEndpoint, '//')[1], ':')[0]

@description('Resource id of the hub.')
output hubId string = hub.id

@description('Name of the hub.')
output hubName string = hub.name

@description('Resource id of the rule of the hub that may send; empty if there is none.')
output hubSendRuleId string = empty(hubSendRule) ? '' : hubSender.id

@description('Resource id of the rule of the namespace that may send; empty if there is none.')
output namespaceSendRuleId string = empty(namespaceSendRule) ? '' : namespaceSender.id
