// A storage account with blob containers. main.bicep makes two:
//
// - the host's: the Functions host keeps its keys, locks and checkpoints there, and the package of the app lies there. The host demands Storage
//   Blob Data Owner on the whole account.
// - the letters': parked and dead letters, which hold alerts. The app may write to that one container and nothing else.
//
// One account for both would be cheaper by nothing and worse in three ways. Who may write to the host's account can exchange the program; who may
// read letters sees alerts: two circles of people, so two places to give rights. Retention, recovery, replication and locks that suit letters do not
// suit blobs that the host rewrites every second. And the account of the letters can outlive the app.

targetScope = 'resourceGroup'

@description('Name of the account, unique in the cloud.')
@minLength(3)
@maxLength(24)
param name string

@description('Region of the account.')
param location string

@description('Tags of the account.')
param tags object = {}

@description('Replication of the account.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param replication string = 'Standard_LRS'

@description('Names of the containers.')
@minLength(1)
param containers array

@description('Days for which a deleted blob or container can be brought back.')
@minValue(1)
@maxValue(365)
param softDeleteDays int = 7

@description('What is deleted by age: `{ name, prefix, days }` with container and prefix as `letters/dead/`, and the days since a blob was written last. 0 days never delete.')
param expirations array = []

@description('Whether the public network has a way in at all. In a private network `Enabled` means: for `allowedAddressRanges`, and nobody else.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string = 'Enabled'

@description('Denies whoever is not in `allowedAddressRanges`. The app comes through a private endpoint.')
param privateNetwork bool = false

@description('Public IPv4 addresses or ranges that a private account still lets in. Azure takes no /31 and no /32 here: write a single address without a suffix.')
@maxLength(100)
param allowedAddressRanges array = []

@description('Protects the account from deletion.')
param lock bool = false

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  // checkov:skip=CKV_AZURE_35:A Flex Consumption app outside a virtual network has no fixed address to allow; the parameter privateNetwork denies
  // checkov:skip=CKV_AZURE_43:The name is a parameter, and its length is checked there
  // checkov:skip=CKV_AZURE_59:No blob is public; the parameter publicNetworkAccess closes the network
  // checkov:skip=CKV_AZURE_206:The parameter replication offers zones and a second region; not every region has them
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: replication
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateNetwork ? 'Deny' : 'Allow'
      ipRules: [
        for address in (privateNetwork ? allowedAddressRanges : []): {
          action: 'Allow'
          value: address
        }
      ]
    }
  }
}

// No versions: the host rewrites its blobs all the time, and a letter is written once and then deleted or moved, which soft delete covers.
resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    containerDeleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
    deleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for item in containers: {
    parent: blobs
    name: item
    properties: {
      publicAccess: 'None'
    }
  }
]

// A rule of 0 days is written all the same, switched off: a rule that is only left out of a later deployment would go on deleting.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = if (!empty(expirations)) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        for expiration in expirations: {
          name: expiration.name
          enabled: expiration.days > 0
          type: 'Lifecycle'
          definition: {
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: max(expiration.days, 1)
                }
              }
            }
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: [expiration.prefix]
            }
          }
        }
      ]
    }
  }
}

resource keep 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: account
  name: 'keep-letters'
  properties: {
    level: 'CanNotDelete'
    notes: 'Events that a destination has not taken yet are lost with the account.'
  }
}

@description('Resource id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Address of the blob service, with a slash at the end.')
output blobEndpoint string = account.properties.primaryEndpoints.blob
