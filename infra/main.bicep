// Everything that Defender Relay needs in Azure. Modules and outputs only; each module has one reason to change.
// `azd up` deploys this file with the values of main.bicepparam; without azd:
// `az deployment sub create --location <region> --template-file infra/main.bicep --parameters <your>.bicepparam`.
// infra/README.md is the map of the folder. Needs Bicep 0.34.1 or later: modules have no names of their own here.

targetScope = 'subscription'

metadata name = 'Defender Relay'
metadata description = 'Continuous export of Microsoft Defender for Cloud, an event hub, and the function app that relays it to your systems.'

// ---------------------------------------------------------------- Name and place

@description('Name of the environment. All names of resources follow from it, the region and the subscription; two environments do not touch each other.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region of every resource. It must offer the Flex Consumption plan.')
@minLength(1)
@metadata({ azd: { type: 'location' } })
param location string

@description('Name of the resource group. Empty makes `rg-<environmentName>`.')
@maxLength(90)
param resourceGroupName string = ''

@description('Tags of every resource, beside those that azd needs.')
param tags object = {}

@description('Object id of the person or pipeline that deploys. It gets the right to write secrets into the vault, and no other. Empty gives it nothing.')
@maxLength(36)
param principalId string = ''

@description('What kind of principal `principalId` is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

@description('Spreads plan, storage and event hubs over availability zones, where the region has them. The plan then keeps, and bills, at least two instances of each function. Set it from the beginning: not all of it can be changed later.')
param zoneRedundant bool = false

@description('Protects event hubs and letters from deletion. A lock makes `azd down` fail: remove it first.')
param deleteLocks bool = false

// ---------------------------------------------------------------- Destinations

@description('The app setting `DESTINATIONS`: comma-separated, each `name` or `name=kind`, such as `sentinel, splunk, soc-syslog=syslog`.')
@minLength(1)
param destinations string = 'sentinel'

@description('Settings of the destinations: full name of an app setting to its value, such as `{ SPLUNK__URL: \'https://...\' }`. Not for secrets.')
@secure()
param destinationSettings object = {}

// Names of secrets, no secrets: the linter knows only the word.
@description('Secret settings of the destinations: full name of an app setting to the name of a secret in the vault, such as `{ SPLUNK__TOKEN: \'splunk-token\' }`. You write the secrets yourself, after the first deployment; the app takes their newest version.')
#disable-next-line secure-secrets-in-params
param destinationSecrets object = {}

@description('Other settings of the program or of the host: name to value, such as `DELIVERY__MAX_AGE`, `LOG_LEVEL` or `AzureFunctionsJobHost__extensions__eventHubs__maxEventBatchSize`.')
param relaySettings object = {}

@description('Settings of the function `graph` (alerts of the whole tenant by Microsoft Graph): name to value; `{ GRAPH__ENABLED: \'true\' }` where the defaults do. Empty leaves the function off.')
param graphSettings object = {}

@description('Settings of the function `sync` (status of incidents and alerts): name to value. `{ SYNC__MODE: \'dry_run\' }`, which is also what any other setting alone means, only tells what it would change; `on` changes it. Empty leaves the function off.')
param syncSettings object = {}

@description('Gives the app what `sync` needs to change something: Security Admin on subscriptions, Microsoft Sentinel Responder on workspaces.')
param syncRoles bool = false

@description('Ids (GUIDs) of the subscriptions whose alerts `sync` reads and may change, and on which `syncRoles` gives it the role. Empty: the one that is deployed to.')
@maxLength(50)
param syncSubscriptionIds array = []

@description('Resource ids of the workspaces whose incidents `sync` reads and may change, and on which `syncRoles` gives it the role. Empty: the workspace of this deployment.')
@maxLength(50)
param syncWorkspaceIds array = []

// ---------------------------------------------------------------- Continuous export

@description('Exports this subscription to the event hub. For many subscriptions use infra/policy, and switch this off.')
param continuousExport bool = true

@description('How Defender for Cloud writes to the event hub: `trustedService`, by a role; or `connectionString`, by a shared key that the export keeps. A private network admits trusted services only.')
@allowed(['trustedService', 'connectionString'])
param exportAuth string = 'trustedService'

@description('Object id, in your tenant, of the service principal "Windows Azure Security Resource Provider". The deployment is refused without it, unless `exportAuth` is `connectionString` or nothing is exported. The azd hook finds it; else: `az ad sp show --id 8edd93e1-2103-40b4-bd70-6e34e586362d --query id -o tsv`.')
@maxLength(36)
param defenderPrincipalId string = ''

@description('What is exported: changes as they happen, and (`Snapshot`) everything once a week. SubAssessments are findings. Attack paths need the plan Defender CSPM.')
@minLength(1)
@allowed([
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
])
param exportDataTypes array = ['Alerts']

@description('Severities of alerts that are exported.')
@minLength(1)
@allowed(['High', 'Medium', 'Low', 'Informational'])
param alertSeverities array = ['High', 'Medium', 'Low', 'Informational']

@description('Severities of recommendations that are exported.')
@minLength(1)
@allowed(['High', 'Medium', 'Low'])
param recommendationSeverities array = ['High', 'Medium', 'Low']

@description('Severities of findings that are exported.')
@minLength(1)
@allowed(['High', 'Medium', 'Low'])
param findingSeverities array = ['High', 'Medium', 'Low']

@description('Risk levels of attack paths that are exported.')
@minLength(1)
@allowed(['Critical', 'High', 'Medium', 'Low'])
param attackPathRiskLevels array = ['Critical', 'High', 'Medium', 'Low']

@description('Only these recommendations and their findings, by assessment key (a GUID). Empty: all.')
param recommendationNames array = []

@description('Only these secure score controls, by name (a GUID). Empty: all.')
param secureScoreControlNames array = []

@description('Only these standards of regulatory compliance, by name, such as `PCI-DSS-3.2`. Empty: all.')
param complianceStandardNames array = []

@description('Exports the same to the workspace too, into the tables of Microsoft (`SecurityAlert`, `SecurityRecommendation`, ...).')
param exportToWorkspace bool = false

@description('Plans of Defender for Cloud to switch on: name to sub-plan, or to an empty text, such as `{ KeyVaults: \'PerKeyVault\' }`. They cost money. A plan that is not named stays as it is.')
param defenderPlans object = {}

@description('Addresses that Defender for Cloud itself mails, separated by semicolons. Empty leaves the contact of the subscription as it is; else it is replaced.')
param contactEmails string = ''

@description('Least severity of alerts that Defender for Cloud mails.')
@allowed(['High', 'Medium', 'Low'])
param contactMinimalSeverity string = 'High'

@description('Roles of the subscription whose holders Defender for Cloud mails too.')
@allowed(['AccountAdmin', 'ServiceAdmin', 'Owner', 'Contributor'])
param contactRoles array = ['Owner']

// ---------------------------------------------------------------- Event hubs

@description('Tier of the namespaces. Premium keeps events for 90 days and costs far more. Another tier means another namespace.')
@allowed(['Standard', 'Premium'])
param eventHubSku string = 'Standard'

@description('Throughput units (Standard), or processing units (Premium: 1, 2, 4, 8, 12 or 16). A throughput unit takes 1 MB or 1,000 events a second.')
@minValue(1)
@maxValue(40)
param eventHubCapacity int = 1

@description('Throughput units up to which a Standard namespace grows by itself. 0: it does not grow.')
@minValue(0)
@maxValue(40)
param eventHubMaximumThroughputUnits int = 4

@description('Partitions of each hub: how many instances can read it at once. The Standard tier cannot change it later.')
@minValue(1)
@maxValue(32)
param eventHubPartitions int = 4

@description('Hours for which a hub keeps events, and so for which the relay may be down without a loss. Standard takes 168 at most, Premium 2160.')
@minValue(1)
@maxValue(2160)
param eventHubRetentionHours int = 168

@description('More consumer groups on the hub of alerts, one for each other reader. The relay has its own.')
@maxLength(18)
param extraConsumerGroups array = []

@description('Makes a second namespace, with the hub `azure-logs`, and switches the function `logs` on. Diagnostic settings write with a shared key only, so that namespace takes one.')
param streamLogs bool = false

// ---------------------------------------------------------------- Function app

@description('Memory of an instance, in MB. On 512, lower `maxEventBatchSize` before you stream logs: docs/logs.md.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances of the app. A function reads a hub with at most one for each partition.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that always run the function `alerts`: no cold start on the way of an alert. They are billed all the time.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

// ---------------------------------------------------------------- Letters and secrets

@description('Replication of the letters. ZRS spreads them over zones, GRS and GZRS keep a copy in another region; not every region has these. Choose at the beginning: a change from or to zones is a migration.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param lettersReplication string = zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'

@description('Days after which a dead letter is deleted, counted from its burial; the alert rule has told of it on the first day. 0 never deletes one. What is parked is never deleted.')
@minValue(0)
@maxValue(3650)
param deadLetterRetentionDays int = 90

@description('Days after which a record of what `sync` changed is deleted. 0 never deletes one.')
@minValue(0)
@maxValue(3650)
param auditRetentionDays int = 0

@description('Days for which a deleted letter can be brought back.')
@minValue(1)
@maxValue(365)
param softDeleteDays int = 7

@description('Days for which the vault and its secrets can be brought back after they were deleted. Cannot be changed later, and nobody can shorten it.')
@minValue(7)
@maxValue(90)
param vaultSoftDeleteDays int = 90

@description('Brings back the vault that `azd down` of the same environment left as deleted. Set it once, when a deployment says that such a vault exists.')
param recoverVault bool = false

// ---------------------------------------------------------------- Monitoring

@description('Resource id of an existing Log Analytics workspace. Empty makes one.')
param workspaceResourceId string = ''

@description('Region of that workspace, if it is another one.')
param workspaceLocation string = location

@description('Days for which the workspace that is made keeps its tables.')
@minValue(30)
@maxValue(730)
param workspaceRetentionDays int = 90

@description('Most data that the workspace that is made takes in a day, in GB; -1 for no limit. After it the alert rules and the relay\'s tables get nothing until the next day.')
@minValue(-1)
@maxValue(1000)
param workspaceDailyQuotaGb int = -1

@description('Sends resource logs of the namespaces to the workspace. Their metrics need no such setting.')
param hubDiagnosticLogs bool = false

@description('Makes the alert rules.')
param alertRules bool = true

@description('Address that the alert rules mail. Empty mails nobody.')
@maxLength(254)
param alertEmail string = ''

@description('Resource ids of existing action groups that the alert rules call as well.')
@maxLength(4)
param actionGroupIds array = []

@description('How often the alert rules over logs run, in minutes. Azure bills a rule by how often it runs.')
@allowed([5, 10, 15])
param alertFrequencyMinutes int = 15

@description('Alert rule: events that may come to wait in the store within an hour, for each destination.')
@minValue(0)
@maxValue(1000000)
param waitingGrowthThreshold int = 100

@description('Alert rule: how long an event may wait in the store, in minutes.')
@minValue(5)
@maxValue(10080)
param oldestWaitingMinutes int = 120

@description('Alert rule: for how many of 30 minutes the circuit of a destination may be open.')
@minValue(1)
@maxValue(29)
param breakerOpenMinutes int = 10

@description('Alert rule: how long an event may lie in a hub before the relay takes it, in minutes.')
@minValue(1)
@maxValue(10080)
param hubLagMinutes int = 15

@description('Alert rule: failed invocations of one function that are tolerated within 30 minutes.')
@minValue(0)
@maxValue(1000)
param failureThreshold int = 2

@description('Alert rule: requests that Event Hubs may turn away within 15 minutes because the throughput is used up.')
@minValue(0)
@maxValue(1000000)
param throttledThreshold int = 10

@description('Alert rule: messages that the hub of alerts may receive within 6 hours while nobody reads any.')
@minValue(0)
@maxValue(1000000)
param unreadThreshold int = 5

// ---------------------------------------------------------------- Microsoft Sentinel and logs

@description('Makes the tables of the destination `sentinel` and the data collection rule that takes its rows, and sets the destination up with them. Without such a destination, nothing.')
param relayTables bool = true

@description('Lets that rule take alerts in the ASIM schema too (`SCHEMA=asim`). Only with Microsoft Sentinel on.')
param relayTablesAsim bool = false

@description('Posts rows to a data collection endpoint instead of the endpoint of the rule itself, as private link needs it, and some regions.')
param relayTablesEndpoint bool = false

@description('Days for which the relay\'s tables can be queried: 4 to 730; -1 as the workspace.')
@minValue(-1)
@maxValue(730)
param relayTablesRetentionDays int = -1

@description('Days for which the relay\'s tables are kept in all: 4 to 4383; -1 as `relayTablesRetentionDays`.')
@minValue(-1)
@maxValue(4383)
param relayTablesTotalRetentionDays int = -1

@description('Switches Microsoft Sentinel on for the workspace. It is billed by volume.')
param sentinelOnboarding bool = false

@description('Ids (GUIDs) of subscriptions whose alerts come by Sentinel\'s own connector, subscription-based. A person must deploy it.')
param sentinelConnectorSubscriptionIds array = []

@description('Lets Defender XDR bring the alerts and incidents of the whole tenant into Sentinel. Preview; a person with Security Administrator must deploy it.')
param sentinelDefenderXdr bool = false

@description('Sends the activity log of the subscription to the workspace.')
param activityLogToWorkspace bool = false

@description('Sends the activity log of the subscription to the hub `azure-logs`, and with it does all that `streamLogs` does.')
param activityLogToHub bool = false

@description('Categories of the activity log that are sent.')
@minLength(1)
@allowed(['Administrative', 'Security', 'ServiceHealth', 'Alert', 'Recommendation', 'Policy', 'Autoscale', 'ResourceHealth'])
param activityLogCategories array = ['Administrative', 'Security', 'Alert', 'Policy']

@description('Windows Security Events that are collected from `windowsMachines`, as Microsoft\'s connector names the sets.')
@allowed(['none', 'minimal', 'common', 'all', 'custom'])
param windowsEvents string = 'none'

@description('With `custom`: XPath queries, such as `Security!*[System[(EventID=4624) or (EventID=4625)]]`.')
param windowsXPathQueries array = []

@description('Resource ids of Windows machines (virtual machines, scale sets, Azure Arc) with the Azure Monitor Agent.')
param windowsMachines array = []

@description('Facilities of Linux Syslog that are collected from `linuxMachines`. Empty: none.')
@allowed([
  'alert', 'audit', 'auth', 'authpriv', 'clock', 'cron', 'daemon', 'ftp', 'kern', 'local0', 'local1', 'local2', 'local3', 'local4'
  'local5', 'local6', 'local7', 'lpr', 'mail', 'mark', 'news', 'nopri', 'ntp', 'syslog', 'user', 'uucp'
])
param syslogFacilities array = []

@description('Levels of Linux Syslog that are collected.')
@minLength(1)
@allowed(['Debug', 'Info', 'Notice', 'Warning', 'Error', 'Critical', 'Alert', 'Emergency'])
param syslogLevels array = ['Warning', 'Error', 'Critical', 'Alert', 'Emergency']

@description('Resource ids of Linux machines (virtual machines, scale sets, Azure Arc) with the Azure Monitor Agent.')
param linuxMachines array = []

// ---------------------------------------------------------------- Network

@description('Closes app, storage, vault and event hubs to the public network and puts the app into a virtual network. Defender for Cloud still reaches its hub, as a trusted service. Then publish, write secrets and read letters from within that network, or from `deployerAddressRanges`.')
param privateNetwork bool = false

@description('Public IPv4 addresses or ranges that a private network still lets in to publish the package, write secrets, read letters and ask for the status: your pipeline, your desk. Storage takes no /31 and no /32: write a single address without a suffix. Empty: nobody.')
@maxLength(100)
param deployerAddressRanges array = []

@description('Address space of the virtual network: a /24 or larger that no peered network uses.')
@minLength(9)
param virtualNetworkAddressSpace string = '10.70.0.0/24'

@description('Gives the app of a private network one fixed outbound address (NAT gateway) that your destinations can allow. Without it you provide the way out.')
param outboundAddress bool = true

@description('Resource id of an existing subnet for the app of a private network: delegated to Microsoft.App/environments, /27 or larger, empty. Together with `endpointSubnetId` it takes the place of a virtual network of this template.')
param appSubnetId string = ''

@description('Resource id of an existing subnet for private endpoints, in the same virtual network.')
param endpointSubnetId string = ''

@description('Makes private DNS zones and links them to the network. Switch it off where the network has them already, or a policy of your organisation registers private endpoints in central zones.')
param privateDnsZones bool = true

@description('Takes telemetry and rows to Azure Monitor over the private network too (private link scope), and closes the other way in: agents of machines outside can no longer write to the workspace that is made. It changes the names of Azure Monitor for everything in that virtual network.')
param privateMonitor bool = false

// ---------------------------------------------------------------- Names

var token = uniqueString(subscription().id, environmentName, location)
var allTags = union(tags, { 'azd-env-name': environmentName })

var alertsHubName = 'defender-alerts'
var logsHubName = 'azure-logs'
var consumerGroup = 'defender-relay'
var lettersContainer = 'letters'
var packageContainer = 'packages'

var names = {
  group: empty(resourceGroupName) ? 'rg-${environmentName}' : resourceGroupName
  identity: 'id-${token}'
  alertsNamespace: 'evhns-${token}'
  logsNamespace: 'evhns-logs-${token}'
  hostStorage: 'sthost${token}'
  lettersStorage: 'stletters${token}'
  vault: 'kv-${token}'
  plan: 'plan-${token}'
  app: 'func-${token}'
  workspace: 'log-${token}'
  applicationInsights: 'appi-${token}'
  collectionRule: 'dcr-${token}'
  network: 'vnet-${token}'
  privateLinkScope: 'ampls-${token}'
}

// Resource ids that modules need before anything exists: which resource group a module goes to, how many endpoints there are.
var groupId = '${subscription().id}/resourceGroups/${names.group}'
var workspaceId = empty(workspaceResourceId)
  ? '${groupId}/providers/Microsoft.OperationalInsights/workspaces/${names.workspace}'
  : workspaceResourceId
var workspaceParts = split(workspaceId, '/')

var logs = streamLogs || activityLogToHub
var trusted = exportAuth == 'trustedService' || privateNetwork
// In a private network, the addresses of deployers are the only way in from outside; without any, there is none.
var publicNetworkAccess = privateNetwork && empty(deployerAddressRanges) ? 'Disabled' : 'Enabled'
// Without the zones, what the app tells Azure Monitor would get lost: the public way is closed then.
var monitorPrivately = !(privateNetwork && privateMonitor)
  ? false
  : empty(cloudZones.monitor) ? fail('privateMonitor: Microsoft lists no private DNS zones of Azure Monitor for this cloud') : true
// One subnet alone would leave the app, or the endpoints, without a network.
var existingNetwork = empty(appSubnetId) == empty(endpointSubnetId)
  ? !empty(appSubnetId)
  : fail('appSubnetId and endpointSubnetId: give both or neither')

// ---------------------------------------------------------------- Settings of the program

// Destinations of the kind `sentinel`, as their settings begin: `sentinel, eu-soc=sentinel` makes SENTINEL and EU_SOC. Each is set up for the rule of
// this deployment, unless `destinationSettings` says otherwise.
var sentinelNames = map(
  filter(map(split(destinations, ','), item => map(split(item, '='), part => trim(part))), item => last(item) == 'sentinel'),
  item => toUpper(replace(first(item), '-', '_'))
)

// Tables that nobody writes to would only be in the way.
var ownTables = relayTables && !empty(sentinelNames)

// A function that is given settings is on for the program too, unless they say otherwise. `sync` begins with telling what it would change, and
// may touch what it has roles for.
var syncSubscriptions = empty(syncSubscriptionIds) ? [subscription().subscriptionId] : syncSubscriptionIds
var syncWorkspaces = empty(syncWorkspaceIds) ? [workspaceId] : syncWorkspaceIds
var graphDefaults = {
  GRAPH__ENABLED: 'true'
}
var syncDefaults = {
  SYNC__MODE: 'dry_run'
  SYNC__SUBSCRIPTIONS: join(syncSubscriptions, ',')
  SYNC__WORKSPACES: join(syncWorkspaces, ',')
}
var functionSettings = union(
  empty(graphSettings) ? {} : union(graphDefaults, graphSettings),
  empty(syncSettings) ? {} : union(syncDefaults, syncSettings)
)

var secretSettings = toObject(
  items(destinationSecrets),
  setting => setting.key,
  setting => '@Microsoft.KeyVault(SecretUri=https://${names.vault}${environment().suffixes.keyvaultDns}/secrets/${setting.value})'
)

// ---------------------------------------------------------------- Private names and endpoints

// Zones of what has no name in environment(), as Microsoft's list has them (azure-docs, articles/private-link/private-endpoint-dns.md). It has none of
// Azure Monitor for China.
var privateZones = {
  AzureCloud: {
    sites: 'privatelink.azurewebsites.net'
    monitor: [
      'privatelink.monitor.azure.com'
      'privatelink.oms.opinsights.azure.com'
      'privatelink.ods.opinsights.azure.com'
      'privatelink.agentsvc.azure-automation.net'
    ]
  }
  AzureUSGovernment: {
    sites: 'privatelink.azurewebsites.us'
    monitor: [
      'privatelink.monitor.azure.us'
      'privatelink.oms.opinsights.azure.us'
      'privatelink.ods.opinsights.azure.us'
      'privatelink.agentsvc.azure-automation.us'
    ]
  }
  AzureChinaCloud: {
    sites: 'privatelink.chinacloudsites.cn'
    monitor: []
  }
}
var blobZone = 'privatelink.blob.${environment().suffixes.storage}'
var vaultZone = 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
// Namespaces end as storage does, but for its `core`.
var namespaceZone = 'privatelink.servicebus.${replace(environment().suffixes.storage, 'core.', '')}'
var cloudZones = privateZones[?environment().name] ?? privateZones.AzureCloud
var sitesZone = cloudZones.sites
var monitorZones = monitorPrivately ? cloudZones.monitor : []

var endpoints = concat(
  [
    { name: names.hostStorage, type: 'Microsoft.Storage/storageAccounts', part: 'blob', zones: [blobZone] }
    { name: names.lettersStorage, type: 'Microsoft.Storage/storageAccounts', part: 'blob', zones: [blobZone] }
    { name: names.vault, type: 'Microsoft.KeyVault/vaults', part: 'vault', zones: [vaultZone] }
    { name: names.alertsNamespace, type: 'Microsoft.EventHub/namespaces', part: 'namespace', zones: [namespaceZone] }
  ],
  logs
    ? [{ name: names.logsNamespace, type: 'Microsoft.EventHub/namespaces', part: 'namespace', zones: [namespaceZone] }]
    : [],
  monitorPrivately
    ? [{ name: names.privateLinkScope, type: 'Microsoft.Insights/privateLinkScopes', part: 'azuremonitor', zones: concat(monitorZones, [blobZone]) }]
    : []
)

// ---------------------------------------------------------------- Modules

module group 'modules/resource-group.bicep' = {
  params: {
    name: names.group
    location: location
    tags: allTags
  }
}

module identity 'modules/identity.bicep' = {
  scope: resourceGroup(names.group)
  params: {
    name: names.identity
    location: location
    tags: allTags
  }
  dependsOn: [group]
}

module alertsHub 'modules/event-hub.bicep' = {
  scope: resourceGroup(names.group)
  params: {
    name: names.alertsNamespace
    location: location
    tags: allTags
    sku: eventHubSku
    capacity: eventHubCapacity
    maximumThroughputUnits: eventHubMaximumThroughputUnits
    zoneRedundant: zoneRedundant
    hubName: alertsHubName
    partitions: eventHubPartitions
    retentionHours: eventHubRetentionHours
    consumerGroups: union([consumerGroup], extraConsumerGroups)
    // Also without an export of this subscription: exports by policy write to the same hub.
    hubSendRule: trusted ? '' : 'defender-for-cloud'
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    lock: deleteLocks
  }
  dependsOn: [group]
}

module logsHub 'modules/event-hub.bicep' = if (logs) {
  scope: resourceGroup(names.group)
  params: {
    name: names.logsNamespace
    location: location
    tags: allTags
    sku: eventHubSku
    capacity: eventHubCapacity
    maximumThroughputUnits: eventHubMaximumThroughputUnits
    zoneRedundant: zoneRedundant
    hubName: logsHubName
    partitions: eventHubPartitions
    retentionHours: eventHubRetentionHours
    consumerGroups: [consumerGroup]
    namespaceSendRule: 'diagnostic-settings'
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    lock: deleteLocks
  }
  dependsOn: [group]
}

module hostStorage 'modules/storage.bicep' = {
  scope: resourceGroup(names.group)
  params: {
    name: names.hostStorage
    location: location
    tags: allTags
    replication: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
    containers: [packageContainer]
    publicNetworkAccess: publicNetworkAccess
    privateNetwork: privateNetwork
    allowedAddressRanges: deployerAddressRanges
  }
  dependsOn: [group]
}

module letters 'modules/storage.bicep' = {
  scope: resourceGroup(names.group)
  params: {
    name: names.lettersStorage
    location: location
    tags: allTags
    replication: lettersReplication
    containers: [lettersContainer]
    softDeleteDays: softDeleteDays
    // Never `parked/`, whose letters are under way, nor `cursors/`, without which functions begin anew.
    expirations: [
      { name: 'dead-letters', prefix: '${lettersContainer}/dead/', days: deadLetterRetentionDays }
      { name: 'audit', prefix: '${lettersContainer}/audit/', days: auditRetentionDays }
      // Marks of alerts that come both ways (GRAPH__PREFER): they serve for the time by which one way may be later than the other.
      { name: 'seen', prefix: '${lettersContainer}/seen/', days: 14 }
    ]
    publicNetworkAccess: publicNetworkAccess
    privateNetwork: privateNetwork
    allowedAddressRanges: deployerAddressRanges
    lock: deleteLocks
  }
  dependsOn: [group]
}

module vault 'modules/key-vault.bicep' = {
  scope: resourceGroup(names.group)
  params: {
    name: names.vault
    location: location
    tags: allTags
    softDeleteDays: vaultSoftDeleteDays
    recover: recoverVault
    publicNetworkAccess: publicNetworkAccess
    privateNetwork: privateNetwork
    allowedAddressRanges: deployerAddressRanges
  }
  dependsOn: [group]
}

module monitoring 'modules/monitoring.bicep' = {
  scope: resourceGroup(names.group)
  params: {
    location: location
    tags: allTags
    environmentName: environmentName
    workspaceName: names.workspace
    workspaceResourceId: workspaceResourceId
    retentionInDays: workspaceRetentionDays
    dailyQuotaGb: workspaceDailyQuotaGb
    applicationInsightsName: names.applicationInsights
    publicIngestion: !monitorPrivately
    eventHubNamespaceName: alertsHub.outputs.namespaceName
    eventHubName: alertsHub.outputs.hubName
    logsNamespaceName: logs ? logsHub!.outputs.namespaceName : ''
    hubDiagnosticLogs: hubDiagnosticLogs
    alertsEnabled: alertRules
    alertEmail: alertEmail
    actionGroupIds: actionGroupIds
    alertFrequencyMinutes: alertFrequencyMinutes
    waitingGrowthThreshold: waitingGrowthThreshold
    oldestWaitingMinutes: oldestWaitingMinutes
    breakerOpenMinutes: breakerOpenMinutes
    hubLagMinutes: hubLagMinutes
    failureThreshold: failureThreshold
    throttledThreshold: throttledThreshold
    unreadThreshold: unreadThreshold
  }
}

module sentinel 'modules/sentinel/onboarding.bicep' = if (sentinelOnboarding) {
  scope: resourceGroup(workspaceParts[2], workspaceParts[4])
  params: {
    workspaceName: last(workspaceParts)
  }
  dependsOn: [monitoring]
}

module connectors 'modules/sentinel/connectors.bicep' = if (!empty(sentinelConnectorSubscriptionIds) || sentinelDefenderXdr) {
  scope: resourceGroup(workspaceParts[2], workspaceParts[4])
  params: {
    workspaceName: last(workspaceParts)
    subscriptionIds: sentinelConnectorSubscriptionIds
    defenderXdr: sentinelDefenderXdr
  }
  dependsOn: [monitoring, sentinel]
}

module tables 'modules/sentinel/relay-tables.bicep' = if (ownTables) {
  scope: resourceGroup(names.group)
  params: {
    workspaceResourceId: workspaceId
    workspaceLocation: workspaceLocation
    ruleName: names.collectionRule
    tags: allTags
    collectionEndpoint: relayTablesEndpoint || monitorPrivately
    privateEndpointOnly: monitorPrivately
    asim: relayTablesAsim
    retentionInDays: relayTablesRetentionDays
    totalRetentionInDays: relayTablesTotalRetentionDays
  }
  dependsOn: [monitoring, sentinel]
}

module collectionRules 'modules/collection-rules.bicep' = if (windowsEvents != 'none' || !empty(syslogFacilities)) {
  scope: resourceGroup(names.group)
  params: {
    workspaceResourceId: workspaceId
    workspaceLocation: workspaceLocation
    namePrefix: 'dcr-${token}'
    tags: allTags
    windowsEvents: windowsEvents
    windowsXPathQueries: windowsXPathQueries
    windowsMachines: windowsMachines
    syslogFacilities: syslogFacilities
    syslogLevels: syslogLevels
    linuxMachines: linuxMachines
  }
  dependsOn: [monitoring, sentinel]
}

module activityLog 'modules/activity-log.bicep' = if (activityLogToWorkspace || activityLogToHub) {
  params: {
    name: 'defender-relay-${environmentName}'
    workspaceResourceId: activityLogToWorkspace ? monitoring.outputs.workspaceId : ''
    eventHubAuthorizationRuleId: activityLogToHub ? logsHub!.outputs.namespaceSendRuleId : ''
    eventHubName: logsHubName
    categories: activityLogCategories
  }
}

module access 'modules/access.bicep' = {
  scope: resourceGroup(names.group)
  params: {
    appPrincipalId: identity.outputs.principalId
    eventHubNamespaceName: alertsHub.outputs.namespaceName
    eventHubName: alertsHub.outputs.hubName
    logsNamespaceName: logs ? logsHub!.outputs.namespaceName : ''
    logsEventHubName: logs ? logsHub!.outputs.hubName : ''
    hostStorageName: hostStorage.outputs.name
    lettersStorageName: letters.outputs.name
    lettersContainerName: lettersContainer
    keyVaultName: vault.outputs.name
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    collectionRuleName: ownTables ? tables!.outputs.ruleName : ''
    deployerPrincipalId: principalId
    deployerPrincipalType: principalType
  }
}

// Also without an export of this subscription, if the principal is known: exports by policy write to the same hub.
module defenderAccess 'modules/access/defender.bicep' = if (trusted && (continuousExport || !empty(defenderPrincipalId))) {
  scope: resourceGroup(names.group)
  params: {
    eventHubNamespaceName: alertsHub.outputs.namespaceName
    eventHubName: alertsHub.outputs.hubName
    defenderPrincipalId: defenderPrincipalId
  }
}

module alertAccess 'modules/access/subscription.bicep' = [
  for id in syncSubscriptions: if (syncRoles) {
    scope: subscription(id)
    params: {
      appPrincipalId: identity.outputs.principalId
    }
  }
]

module incidentAccess 'modules/access/workspace.bicep' = [
  for id in syncWorkspaces: if (syncRoles) {
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: {
      appPrincipalId: identity.outputs.principalId
      workspaceName: last(split(id, '/'))
    }
    dependsOn: [monitoring]
  }
]

module network 'modules/network.bicep' = if (privateNetwork && !existingNetwork) {
  scope: resourceGroup(names.group)
  params: {
    name: names.network
    location: location
    tags: allTags
    addressSpace: virtualNetworkAddressSpace
    appAddressPrefix: cidrSubnet(virtualNetworkAddressSpace, 26, 0)
    endpointAddressPrefix: cidrSubnet(virtualNetworkAddressSpace, 26, 1)
    outboundAddress: outboundAddress
  }
  dependsOn: [group]
}

module dns 'modules/private-dns.bicep' = if (privateNetwork && privateDnsZones) {
  scope: resourceGroup(names.group)
  params: {
    zones: union([blobZone, vaultZone, namespaceZone, sitesZone], monitorZones)
    virtualNetworkId: split(existingNetwork ? endpointSubnetId : network!.outputs.endpointSubnetId, '/subnets/')[0]
    tags: allTags
  }
  dependsOn: [group]
}

module privateLinkScope 'modules/monitor-private-link.bicep' = if (monitorPrivately) {
  scope: resourceGroup(names.group)
  params: {
    name: names.privateLinkScope
    tags: allTags
    resourceIds: concat(
      [monitoring.outputs.workspaceId, monitoring.outputs.applicationInsightsId],
      ownTables ? [tables!.outputs.collectionEndpointId] : []
    )
  }
}

// One after the other: two changes of one subnet at a time are refused.
@batchSize(1)
module privateEndpoints 'modules/private-endpoint.bicep' = [
  for endpoint in endpoints: if (privateNetwork) {
    scope: resourceGroup(names.group)
    params: {
      name: 'pe-${endpoint.name}'
      location: location
      tags: allTags
      subnetId: existingNetwork ? endpointSubnetId : network!.outputs.endpointSubnetId
      resourceId: '${groupId}/providers/${endpoint.type}/${endpoint.name}'
      part: endpoint.part
      zoneIds: map(privateDnsZones ? endpoint.zones : [], zone => '${groupId}/providers/Microsoft.Network/privateDnsZones/${zone}')
    }
    dependsOn: [dns, hostStorage, letters, vault, alertsHub, logsHub, privateLinkScope]
  }
]

// Last: at its first start everything that it opens is there, and may be opened.
module app 'modules/function-app.bicep' = {
  scope: resourceGroup(names.group)
  params: {
    name: names.app
    planName: names.plan
    location: location
    tags: allTags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    hostBlobEndpoint: hostStorage.outputs.blobEndpoint
    packageContainer: packageContainer
    applicationInsightsConnectionString: monitoring.outputs.applicationInsightsConnectionString
    eventHubNamespace: alertsHub.outputs.fullyQualifiedNamespace
    eventHubName: alertsHub.outputs.hubName
    eventHubConsumerGroup: consumerGroup
    logsEventHubNamespace: logs ? logsHub!.outputs.fullyQualifiedNamespace : alertsHub.outputs.fullyQualifiedNamespace
    logsEventHubName: logsHubName
    logsConsumerGroup: consumerGroup
    stateUrl: '${letters.outputs.blobEndpoint}${lettersContainer}'
    logsEnabled: logs
    graphEnabled: !empty(graphSettings)
    syncEnabled: !empty(syncSettings)
    // The later one wins: what the user writes beats what the template works out.
    settings: union(
      { DESTINATIONS: destinations },
      ownTables ? toObject(sentinelNames, name => '${name}__ENDPOINT', name => tables!.outputs.endpoint) : {},
      ownTables ? toObject(sentinelNames, name => '${name}__RULE_ID', name => tables!.outputs.ruleImmutableId) : {},
      relaySettings,
      functionSettings,
      destinationSettings,
      secretSettings
    )
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    zoneRedundant: zoneRedundant
    subnetId: !privateNetwork ? '' : existingNetwork ? appSubnetId : network!.outputs.appSubnetId
    publicNetworkAccess: publicNetworkAccess
    privateNetwork: privateNetwork
    allowedAddressRanges: deployerAddressRanges
  }
  dependsOn: [access, privateEndpoints, vault]
}

module appEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {
  scope: resourceGroup(names.group)
  params: {
    name: 'pe-${names.app}'
    location: location
    tags: allTags
    subnetId: existingNetwork ? endpointSubnetId : network!.outputs.endpointSubnetId
    resourceId: app.outputs.id
    part: 'sites'
    zoneIds: privateDnsZones ? ['${groupId}/providers/Microsoft.Network/privateDnsZones/${sitesZone}'] : []
  }
  dependsOn: [dns]
}

// After the role of Defender for Cloud, without which the export would write nothing and say nothing; and after the app, which then takes what comes.
module export 'modules/continuous-export.bicep' = if (continuousExport) {
  scope: resourceGroup(names.group)
  params: {
    name: 'defender-relay-${environmentName}'
    location: location
    tags: allTags
    eventHubResourceId: alertsHub.outputs.hubId
    exportAuth: trusted ? 'trustedService' : 'connectionString'
    eventHubAuthorizationRuleId: alertsHub.outputs.hubSendRuleId
    dataTypes: exportDataTypes
    alertSeverities: alertSeverities
    recommendationSeverities: recommendationSeverities
    findingSeverities: findingSeverities
    attackPathRiskLevels: attackPathRiskLevels
    recommendationNames: recommendationNames
    secureScoreControlNames: secureScoreControlNames
    complianceStandardNames: complianceStandardNames
    workspaceResourceId: exportToWorkspace ? monitoring.outputs.workspaceId : ''
  }
  dependsOn: [defenderAccess, app]
}

module defender 'modules/defender.bicep' = if (!empty(defenderPlans) || !empty(contactEmails)) {
  params: {
    defenderPlans: defenderPlans
    contactEmails: contactEmails
    contactMinimalSeverity: contactMinimalSeverity
    contactRoles: contactRoles
  }
}

// ---------------------------------------------------------------- Outputs (azd keeps them as variables of the environment)

@description('Region of the deployment.')
output AZURE_LOCATION string = location

@description('Resource group of the deployment.')
output AZURE_RESOURCE_GROUP string = group.outputs.name

@description('Name of the function app: what you publish to.')
output FUNCTION_APP_NAME string = app.outputs.name

@description('Address of the status page. It asks for a key of the function `status`.')
output STATUS_URL string = app.outputs.statusUrl

@description('Object id of the app\'s identity: whom you give rights in other services (Power BI, Fabric, Microsoft Graph).')
output APP_PRINCIPAL_ID string = identity.outputs.principalId

@description('Client id of the app\'s identity.')
output APP_CLIENT_ID string = identity.outputs.clientId

@description('Host of the namespace of the hub of alerts.')
output EVENT_HUB_NAMESPACE string = alertsHub.outputs.fullyQualifiedNamespace

@description('Name of the hub of alerts.')
output EVENT_HUB_NAME string = alertsHub.outputs.hubName

@description('Resource id of the hub of alerts: where exports of other subscriptions write to (infra/policy).')
output EVENT_HUB_ID string = alertsHub.outputs.hubId

@description('Resource id of the rule by whose key an export writes, for the policy; empty with `trustedService`.')
output EVENT_HUB_SEND_RULE_ID string = alertsHub.outputs.hubSendRuleId

@description('Resource id of the rule by which diagnostic settings write raw logs to the hub `azure-logs`; empty without `streamLogs`.')
output LOGS_AUTHORIZATION_RULE_ID string = logs ? logsHub!.outputs.namespaceSendRuleId : ''

@description('Name of the vault.')
output KEY_VAULT_NAME string = vault.outputs.name

@description('Names of the secrets that the destinations want, separated by commas. Write them into the vault.')
output KEY_VAULT_SECRET_NAMES string = join(map(items(destinationSecrets), setting => string(setting.value)), ',')

@description('Address of the container of parked and dead letters.')
output LETTERS_URL string = '${letters.outputs.blobEndpoint}${lettersContainer}'

@description('Resource id of the workspace.')
output LOG_ANALYTICS_WORKSPACE_ID string = monitoring.outputs.workspaceId

@description('Resource id of the Application Insights component that holds the log.')
output APPLICATION_INSIGHTS_ID string = monitoring.outputs.applicationInsightsId

@description('Where rows of the destination `sentinel` are posted; empty without tables of the relay.')
output COLLECTION_ENDPOINT string = ownTables ? tables!.outputs.endpoint : ''

@description('Immutable id of the rule that takes them; empty without tables of the relay.')
output COLLECTION_RULE_ID string = ownTables ? tables!.outputs.ruleImmutableId : ''

@description('Address that destinations see; empty without a NAT gateway of this template.')
output OUTBOUND_ADDRESS string = privateNetwork && !existingNetwork ? network!.outputs.outboundAddress : ''
