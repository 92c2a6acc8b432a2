// The resource group that holds everything else. `azd` finds it by its tag.

targetScope = 'subscription'

@description('Name of the resource group.')
@minLength(1)
@maxLength(90)
param name string

@description('Region of the resource group.')
param location string

@description('Tags of the resource group.')
param tags object = {}

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: name
  location: location
  tags: tags
}

@description('Name of the resource group.')
output name string = group.name
