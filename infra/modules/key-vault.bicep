// The vault for the secrets of destinations. The template writes no secret: app settings refer to secrets by name, without a version, so that a
// new version is taken up by itself. Whoever holds Key Vault Secrets Officer writes them, after the first deployment.

targetScope = 'resourceGroup'

@description('Name of the vault, unique in the cloud.')
@minLength(3)
@maxLength(24)
param name string

@description('Region of the vault.')
param location string

@description('Tags of the vault.')
param tags object = {}

@description('Days for which a deleted vault or secret can be brought back. Cannot be changed later.')
@minValue(7)
@maxValue(90)
param softDeleteDays int = 90

@description('Brings the deleted vault of this name back instead of making a new one. Only while there is one.')
param recover bool = false

@description('Whether the public network has a way in at all. In a private network `Enabled` means: for `allowedAddressRanges`, and nobody else.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string = 'Enabled'

@description('Denies whoever is not in `allowedAddressRanges`. The app resolves its references through a private endpoint.')
param privateNetwork bool = false

@description('Public IPv4 addresses or ranges from which secrets may still be written to a private vault.')
@maxLength(100)
param allowedAddressRanges array = []

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  // checkov:skip=CKV_AZURE_109:A Flex Consumption app outside a virtual network has no fixed address to allow; the parameter privateNetwork denies
  // checkov:skip=CKV_AZURE_189:The parameter privateNetwork closes the vault
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    createMode: recover ? 'recover' : 'default'
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: softDeleteDays
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateNetwork ? 'Deny' : 'Allow'
      ipRules: [
        for address in (privateNetwork ? allowedAddressRanges : []): {
          value: address
        }
      ]
    }
  }
}

@description('Resource id of the vault.')
output id string = vault.id

@description('Name of the vault.')
output name string = vault.name

@description('Address of the vault, with a slash at the end.')
output uri string = vault.properties.vaultUri
