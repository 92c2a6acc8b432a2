// Every switch on, but for the private network, which private-network.bicepparam shows. The network parameters show that an existing network means
// nothing while privateNetwork is off.

using '../../infra/main.bicep'

param environmentName = 'everything'
param location = 'swedencentral'
param resourceGroupName = 'rg-soc-relay'
param tags = {
  owner: 'soc'
  costCentre: '4711'
}
param principalId = '22222222-3333-4444-8555-666666666666'
param principalType = 'ServicePrincipal'
param zoneRedundant = true
param deleteLocks = true

// ---- Destinations: seven, of five kinds, two of them twice

param destinations = 'sentinel, splunk, splunk-lab=splunk, soc-syslog=syslog, noc-syslog=syslog, servicenow, webhook'
param destinationSettings = {
  SENTINEL__EVENTS: '*'
  SPLUNK__URL: 'https://http-inputs-acme.splunkcloud.com'
  SPLUNK__MIN_SEVERITY: 'medium'
  SPLUNK_LAB__URL: 'https://splunk.lab.example:8088'
  SPLUNK_LAB__INDEX: 'lab'
  SOC_SYSLOG__ADDRESS: 'tls://collector.example:6514'
  SOC_SYSLOG__EVENTS: 'alert, entra_log'
  NOC_SYSLOG__ADDRESS: 'tls://noc.example:6514'
  NOC_SYSLOG__FORMAT: 'cef'
  SERVICENOW__URL: 'https://acme.service-now.com'
  SERVICENOW__CLIENT_ID: '0123456789abcdef0123456789abcdef'
  WEBHOOK__URL: 'https://hooks.example/defender'
}
param destinationSecrets = {
  SPLUNK__TOKEN: 'splunk-token'
  SPLUNK_LAB__TOKEN: 'splunk-lab-token'
  SERVICENOW__CLIENT_SECRET: 'servicenow-client'
  WEBHOOK__SECRET: 'webhook-signing'
}
param relaySettings = {
  DELIVERY__MAX_AGE: '72h'
  LOG_LEVEL: 'info'
  AzureFunctionsJobHost__extensions__eventHubs__maxEventBatchSize: '50'
}
param graphSettings = {
  GRAPH__SERVICE_SOURCES: '*'
}
param syncSettings = {
  SYNC__MODE: 'on'
  SYNC__MAX_CHANGES_PER_HOUR: '30'
}
param syncRoles = true
param syncSubscriptionIds = [
  '33333333-4444-4555-8666-777777777777'
  '44444444-5555-4666-8777-888888888888'
]
param syncWorkspaceIds = [
  '/subscriptions/33333333-4444-4555-8666-777777777777/resourceGroups/rg-sentinel/providers/Microsoft.OperationalInsights/workspaces/log-sentinel'
]

// ---- Continuous export: every kind of data

param defenderPrincipalId = '11111111-2222-4333-8444-555555555555'
param exportDataTypes = [
  'Alerts'
  'Assessments'
  'AssessmentsSnapshot'
  'SubAssessments'
  'SubAssessmentsSnapshot'
  'SecureScores'
  'SecureScoresSnapshot'
  'SecureScoreControls'
  'SecureScoreControlsSnapshot'
  'RegulatoryComplianceAssessment'
  'RegulatoryComplianceAssessmentSnapshot'
  'AttackPaths'
  'AttackPathsSnapshot'
]
param alertSeverities = ['High', 'Medium', 'Low']
param recommendationSeverities = ['High', 'Medium']
param findingSeverities = ['High']
param attackPathRiskLevels = ['Critical', 'High']
param recommendationNames = ['805651bc-6ecd-4c73-9b55-97a19d0582d0']
param secureScoreControlNames = ['a9909064-42b4-4d34-8143-275477afe18b']
param complianceStandardNames = ['PCI-DSS-3.2']
param exportToWorkspace = true
param defenderPlans = {
  CloudPosture: ''
  VirtualMachines: 'P2'
  StorageAccounts: 'DefenderForStorageV2'
  KeyVaults: 'PerKeyVault'
}
param contactEmails = 'soc@example.com;lead@example.com'
param contactMinimalSeverity = 'Medium'
param contactRoles = ['Owner', 'Contributor']

// ---- Event hubs and app

param eventHubCapacity = 2
param eventHubMaximumThroughputUnits = 10
param eventHubPartitions = 8
param eventHubRetentionHours = 72
param extraConsumerGroups = ['stream-analytics', 'archive']
param streamLogs = true
param instanceMemoryMB = 4096
param maximumInstanceCount = 100
param alwaysReadyInstances = 2

// ---- Letters and secrets

param lettersReplication = 'Standard_GZRS'
param deadLetterRetentionDays = 365
param auditRetentionDays = 730
param softDeleteDays = 30
param vaultSoftDeleteDays = 30

// ---- Monitoring

param workspaceRetentionDays = 180
param workspaceDailyQuotaGb = 10
param hubDiagnosticLogs = true
param alertEmail = 'soc@example.com'
param actionGroupIds = [
  '/subscriptions/33333333-4444-4555-8666-777777777777/resourceGroups/rg-oncall/providers/Microsoft.Insights/actionGroups/oncall'
]
param alertFrequencyMinutes = 5
param waitingGrowthThreshold = 50
param oldestWaitingMinutes = 60
param breakerOpenMinutes = 15
param hubLagMinutes = 10
param failureThreshold = 0
param throttledThreshold = 0
param unreadThreshold = 1

// ---- Microsoft Sentinel and logs

param relayTables = true
param relayTablesAsim = true
param relayTablesEndpoint = true
param relayTablesRetentionDays = 180
param relayTablesTotalRetentionDays = 730
param sentinelOnboarding = true
param sentinelConnectorSubscriptionIds = ['33333333-4444-4555-8666-777777777777']
param sentinelDefenderXdr = true
param activityLogToWorkspace = true
param activityLogToHub = true
param activityLogCategories = ['Administrative', 'Security', 'ServiceHealth', 'Alert', 'Recommendation', 'Policy', 'Autoscale', 'ResourceHealth']
param windowsEvents = 'custom'
param windowsXPathQueries = ['Security!*[System[(EventID=4624) or (EventID=4625)]]']
param windowsMachines = [
  '/subscriptions/33333333-4444-4555-8666-777777777777/resourceGroups/rg-servers/providers/Microsoft.Compute/virtualMachines/win01'
]
param syslogFacilities = ['auth', 'authpriv', 'cron', 'daemon']
param syslogLevels = ['Notice', 'Warning', 'Error', 'Critical', 'Alert', 'Emergency']
param linuxMachines = [
  '/subscriptions/33333333-4444-4555-8666-777777777777/resourceGroups/rg-servers/providers/Microsoft.HybridCompute/machines/web01'
]

// ---- Network: off

param privateNetwork = false
param appSubnetId = ''
param endpointSubnetId = ''
