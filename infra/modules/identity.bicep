// The app's identity. It is user-assigned: roles can be given before the app exists, so its first start already works, and they outlive it.

targetScope = 'resourceGroup'

@description('Name of the identity.')
@minLength(3)
@maxLength(128)
param name string

@description('Region of the identity.')
param location string

@description('Tags of the identity.')
param tags object = {}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id of the identity.')
output id string = identity.id

@description('Name of the identity.')
output name string = identity.name

@description('Object id of the identity: whom roles are given to.')
output principalId string = identity.properties.principalId

@description('Client id of the identity: how the app names it when it asks for a token.')
output clientId string = identity.properties.clientId
