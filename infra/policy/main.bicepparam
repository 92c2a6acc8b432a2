// Example values: copy it, put yours in, and see the head of main.bicep for the commands.
using 'main.bicep'

param eventHubResourceId = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-defender-relay/providers/Microsoft.EventHub/namespaces/evhns-alerts/eventhubs/defender-alerts'

param exportedDataTypes = [
  'Security alerts'
]

// Attack paths are no data type of Microsoft's definition. They need the plan Defender CSPM.
param ownExportTypes = [
  'AttackPaths'
]

// True at the second deployment, an hour later.
param remediate = false
