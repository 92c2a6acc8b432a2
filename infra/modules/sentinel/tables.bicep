// The relay's own tables in a Log Analytics workspace. Deploy it to the resource group of the workspace.
//
// Their columns are those of src/destinations/sentinel/tables, which the program's tests hold equal to what it writes: there is no second list.
// An empty table costs nothing. The deployer needs Log Analytics Contributor on the workspace.
targetScope = 'resourceGroup'

@description('Name of the Log Analytics workspace, in the resource group that this is deployed to.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Days for which the tables can be queried at no further charge than the retention of the workspace: 4 to 730; -1 as the workspace.')
@minValue(-1)
@maxValue(730)
param retentionInDays int = -1

@description('Days for which rows are kept in all, the rest of them in long-term retention: 4 to 4383; -1 as retentionInDays.')
@minValue(-1)
@maxValue(4383)
param totalRetentionInDays int = -1

var tables = [
  loadJsonContent('../../../src/destinations/sentinel/tables/DefenderForCloudAlerts_CL.json')
  loadJsonContent('../../../src/destinations/sentinel/tables/DefenderForCloudRecommendations_CL.json')
  loadJsonContent('../../../src/destinations/sentinel/tables/DefenderForCloudFindings_CL.json')
  loadJsonContent('../../../src/destinations/sentinel/tables/DefenderForCloudSecureScores_CL.json')
  loadJsonContent('../../../src/destinations/sentinel/tables/DefenderForCloudCompliance_CL.json')
  loadJsonContent('../../../src/destinations/sentinel/tables/DefenderForCloudAttackPaths_CL.json')
  loadJsonContent('../../../src/destinations/sentinel/tables/AzureLogs_CL.json')
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

// One after the other: changes of one workspace at the same time are answered with a conflict now and then.
@batchSize(1)
resource table 'Microsoft.OperationalInsights/workspaces/tables@2025-02-01' = [
  for definition in tables: {
    parent: workspace
    name: definition.properties.schema.name
    properties: {
      plan: definition.properties.plan
      retentionInDays: retentionInDays
      totalRetentionInDays: totalRetentionInDays
      schema: definition.properties.schema
    }
  }
]
