// Associates one machine with one data collection rule. Deploy it to the resource group of the machine.
targetScope = 'resourceGroup'

@description('Resource id of the machine: of Microsoft.Compute/virtualMachines, Microsoft.Compute/virtualMachineScaleSets or Microsoft.HybridCompute/machines.')
@minLength(1)
param machineId string

@description('Resource id of the data collection rule.')
@minLength(1)
param ruleId string

@description('Name of the association; one machine can have many.')
@minLength(1)
@maxLength(64)
param name string

var machineType = toLower('${split(machineId, '/')[6]}/${split(machineId, '/')[7]}')
var machineName = last(split(machineId, '/'))
var properties = {
  description: 'Made by the deployment of Defender Relay.'
  dataCollectionRuleId: ruleId
}

resource virtualMachine 'Microsoft.Compute/virtualMachines@2024-07-01' existing = {
  name: machineName
}

resource scaleSet 'Microsoft.Compute/virtualMachineScaleSets@2024-07-01' existing = {
  name: machineName
}

resource arcMachine 'Microsoft.HybridCompute/machines@2024-07-10' existing = {
  name: machineName
}

resource ofVirtualMachine 'Microsoft.Insights/dataCollectionRuleAssociations@2023-03-11' = if (machineType == 'microsoft.compute/virtualmachines') {
  name: name
  scope: virtualMachine
  properties: properties
}

resource ofScaleSet 'Microsoft.Insights/dataCollectionRuleAssociations@2023-03-11' = if (machineType == 'microsoft.compute/virtualmachinescalesets') {
  name: name
  scope: scaleSet
  properties: properties
}

resource ofArcMachine 'Microsoft.Insights/dataCollectionRuleAssociations@2023-03-11' = if (machineType == 'microsoft.hybridcompute/machines') {
  name: name
  scope: arcMachine
  properties: properties
}
