// Switches Microsoft Sentinel on for a Log Analytics workspace. From then on its data is billed for Sentinel too.
//
// Deploy it to the resource group of the workspace. Everything else in Sentinel comes after it. Not together with the older solution
// `SecurityInsights(<workspace>)`: one of the two. The deployer needs Microsoft Sentinel Contributor on the resource group.
// Taking this deployment away leaves Sentinel on: remove it in the settings of Sentinel.
targetScope = 'resourceGroup'

@description('Name of the Log Analytics workspace, in the resource group that this is deployed to.')
@minLength(4)
@maxLength(63)
param workspaceName string

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource onboarding 'Microsoft.SecurityInsights/onboardingStates@2025-09-01' = {
  name: 'default'
  scope: workspace
  properties: {}
}

@description('Resource id of the workspace: who takes it from here waits until Sentinel is on.')
output workspaceResourceId string = workspace.id
