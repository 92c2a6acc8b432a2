// Everything that Defender Relay needs in Azure. Modules and outputs only; each module has one reason to change.
// `azd up` deploys this file with the values of main.bicepparam; without azd:
// `az deployment sub create --location <region> --template-file infra/main.bicep --parameters <your>.bicepparam`.
// infra/README.md is the map of the folder.

targetScope = 'subscription'

metadata name = 'Defender Relay'
metadata description = 'Continuous export of Microsoft Defender for Cloud, an event hub, and the function app that relays it to your systems.'

// ---------------------------------------------------------------- Name and place

@description('Name of the environment. Part of every resource name; two environments of one subscription do not touch each other.')
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

@description('Object id of the person or pipeline that deploys. Gets the right to write secrets into the vault and to read and write letters. Empty gives nobody these rights.')
@maxLength(36)
param principalId string = ''

@description('What kind of principal `principalId` is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

@description('Spreads plan, storage and (Premium) event hubs over availability zones. The region must have zones; a namespace and a plan cannot change it later.')
param zoneRedundant bool = false

@description('Protects the event hubs and the letters from deletion with locks. A lock makes `azd down` fail: remove it first.')
param deleteLocks bool = false

// ---------------------------------------------------------------- Destinations

@description('The app setting `DESTINATIONS`: comma-separated names, each `name` or `name=kind`, such as `sentinel, splunk, soc-syslog=syslog`.')
@minLength(1)
param destinations string = 'sentinel'

@description('Settings of the destinations: full name of an app setting to its value, such as `{ SPLUNK__URL: \'https://...\' }`. Not for secrets: everybody who may read the deployment sees it.')
param destinationSettings object = {}

@description('Secret settings of the destinations: full name of an app setting to the name of a secret in the vault, such as `{ SPLUNK__TOKEN: \'splunk-token\' }`. Write the secrets yourself, after the first deployment; the app reads their newest version.')
param destinationSecrets object = {}

@description('Other settings of the program or of the host, such as `DELIVERY__MAX_AGE`, `LOG_LEVEL` or `AzureFunctionsJobHost__extensions__eventHubs__maxEventBatchSize`: name to value.')
param relaySettings object = {}

@description('Settings of the function `graph` (alerts of the whole tenant by Microsoft Graph): name to value. Empty leaves the function off.')
param graphSettings object = {}

@description('Settings of the function `sync` (status of incidents and alerts): name to value. Empty leaves the function off.')
param syncSettings object = {}

@description('Gives the app what `sync` needs to change something: Security Admin on the subscriptions and Microsoft Sentinel Responder on the workspace. Without it, `sync` can only fail or run dry.')
param syncRoles bool = false

@description('Ids of the subscriptions whose alerts `sync` may change. Empty means the one that is deployed to. Used only with `syncRoles`.')
@maxLength(50)
param syncSubscriptionIds array = []

// ---------------------------------------------------------------- Continuous export

@description('Switches continuous export of this subscription to the event hub on. For many subscriptions use infra/policy and switch this off.')
param continuousExport bool = true

@description('How Defender for Cloud writes to the event hub: as a trusted service with a role, or with a shared key that Azure keeps in the export.')
@allowed(['trustedService', 'connectionString'])
param exportAuth string = 'trustedService'

@description('Object id, in your tenant, of the service principal "Windows Azure Security Resource Provider" (application id 8edd93e1-2103-40b4-bd70-6e34e586362d). Needed with `trustedService`; the deployment fails without it. The azd hook finds it; else: `az ad sp show --id 8edd93e1-2103-40b4-bd70-6e34e586362d --query id -o tsv`.')
@maxLength(36)
param defenderPrincipalId string = ''

// ---------------------------------------------------------------- Event hubs

@description('Tier of the namespaces. Premium keeps events up to 90 days and takes larger ones, and costs far more. Changing it later means a new namespace.')
@allowed(['Standard', 'Premium'])
param eventHubSku string = 'Standard'

@description('Throughput units (Standard) or processing units (Premium: 1, 2, 4, 8, 12 or 16). One unit takes 1 MB or 1,000 events a second.')
@minValue(1)
@maxValue(40)
param eventHubCapacity int = 1

@description('Throughput units up to which a Standard namespace grows by itself. 0 never grows.')
@minValue(0)
@maxValue(40)
param eventHubMaximumThroughputUnits int = 4

@description('Partitions of each hub: how many instances can read it at once. The Standard tier cannot change it later.')
@minValue(1)
@maxValue(32)
param eventHubPartitions int = 4

@description('Hours for which a hub keeps events: how long the relay can be down without a loss. 168 at most on Standard.')
@minValue(1)
@maxValue(2160)
param eventHubRetentionHours int = 168

@description('More consumer groups on the hub of alerts, one for each other reader. The relay has its own.')
@maxLength(18)
param extraConsumerGroups array = []

@description('Makes a second namespace with the hub `azure-logs` for raw Azure logs and switches the function `logs` on. Diagnostic settings write with a shared key only, so that namespace allows one.')
param streamLogs bool = false

// ---------------------------------------------------------------- Function app

@description('Memory of an instance, in MB. 512 is enough for alerts; streamed logs want 2048.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances of the app. Each event hub function uses at most one per partition.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that always run the function `alerts`: no cold start on the way of an alert. They cost money all the time.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

// ---------------------------------------------------------------- Storage and vault

@description('Replication of the letters. `Standard_ZRS` needs a region with zones; `Standard_GZRS` and `Standard_GRS` keep a copy in another region.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param lettersReplication string = 'Standard_ZRS'

@description('Days after which a dead letter is deleted, replayed or not. 0 never deletes one. What is parked is never deleted.')
@minValue(0)
@maxValue(3650)
param deadLetterRetentionDays int = 90

@description('Days for which a deleted letter can be brought back.')
@minValue(1)
@maxValue(365)
param softDeleteDays int = 7

@description('Keeps the vault of an earlier deployment of the same name: set it once if the deployment says that a deleted vault has this name.')
param recoverKeyVault bool = false

// ---------------------------------------------------------------- Monitoring

// (wired when modules/monitoring.bicep is final)

// ---------------------------------------------------------------- Sentinel

// (wired when the modules are final)

// ---------------------------------------------------------------- Network

@description('Closes storage, vault and event hubs to the public network and puts the app into a virtual network. Defender for Cloud still reaches its hub, as a trusted service.')
param privateNetwork bool = false

@description('Public IPv4 addresses or ranges that may still publish the package, write secrets and read letters in a private network: your pipeline, your desk. Empty leaves only the virtual network.')
@maxLength(100)
param deployerAddressRanges array = []

@description('Address space of the virtual network: a /24 or larger.')
param virtualNetworkAddressSpace string = '10.70.0.0/24'

@description('Gives the app one fixed outbound address (NAT gateway), which your destinations can allow. Only in a private network.')
param outboundAddress bool = true

@description('Resource id of an existing subnet for the app, delegated to Microsoft.App/environments, /27 or larger. With `endpointSubnetId` it replaces the virtual network of this template.')
param appSubnetId string = ''

@description('Resource id of an existing subnet for the private endpoints.')
param endpointSubnetId string = ''

@description('Makes the private DNS zones. Switch it off where a policy of your organisation registers private endpoints centrally.')
param privateDnsZones bool = true
