// The function app: a Flex Consumption plan, the site, and its app settings.
//
// What is not here on purpose: FUNCTIONS_WORKER_RUNTIME, FUNCTIONS_EXTENSION_VERSION, WEBSITE_RUN_FROM_PACKAGE, WEBSITE_CONTENT* and
// SCM_DO_BUILD_DURING_DEPLOYMENT. Flex Consumption refuses them: its runtime and its package are in `functionAppConfig`. It refuses properties of
// `siteConfig` as well (ARM error 51021): `ftpsState`, `alwaysOn`, `linuxFxVersion`, `functionAppScaleLimit`, ... It has no FTP to switch off.
//
// The functions `status` and `replay` answer over HTTPS with a key of the function. Whoever may reach the site may reach them; in a private
// network that is the virtual network and `allowedAddressRanges`. The same holds for publishing a package, which goes to the site's `scm` host.

targetScope = 'resourceGroup'

@description('Name of the site, unique in the cloud.')
@minLength(2)
@maxLength(60)
param name string

@description('Name of the plan. It holds this app alone.')
@minLength(1)
@maxLength(60)
param planName string

@description('Region of the app.')
param location string

@description('Tags of plan and site.')
param tags object = {}

@description('Name of the service in azure.yaml: azd finds the site by it.')
param serviceName string = 'relay'

@description('Resource id of the user-assigned identity.')
param identityId string

@description('Client id of that identity.')
param identityClientId string

@description('Address of the blob service of the host\'s storage account, with a slash at the end.')
param hostBlobEndpoint string

@description('Container of that account where the package lies.')
param packageContainer string

@description('Connection string of Application Insights. It opens nothing by itself: local authentication is off there.')
@secure()
param applicationInsightsConnectionString string

@description('Host of the namespace of the alerts hub.')
param eventHubNamespace string

@description('Name of the alerts hub.')
param eventHubName string

@description('The relay\'s consumer group on the alerts hub.')
param eventHubConsumerGroup string

@description('Host of the namespace of the hub of raw logs. Any host while `logsEnabled` is false: the host resolves bindings of disabled functions too.')
param logsEventHubNamespace string

@description('Name of the hub of raw logs.')
param logsEventHubName string

@description('The relay\'s consumer group on the hub of raw logs.')
param logsConsumerGroup string

@description('Address of the container of parked and dead letters.')
param stateUrl string

@description('Whether the function `logs` runs.')
param logsEnabled bool = false

@description('Whether the function `graph` runs.')
param graphEnabled bool = false

@description('Whether the function `sync` runs.')
param syncEnabled bool = false

@description('Settings of destinations and of the program: name to value. What this file says about the host, the triggers, the store and the identity wins over them.')
@secure()
param settings object = {}

@description('Memory of an instance, in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances of the app.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that always run the function `alerts`.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

@description('Spreads instances over availability zones.')
param zoneRedundant bool = false

@description('Whether the public network has a way in at all. In a private network `Enabled` means: for `allowedAddressRanges`, and nobody else.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string = 'Enabled'

@description('Puts the app into a virtual network, and denies whoever is not in `allowedAddressRanges`.')
param privateNetwork bool = false

@description('In a private network: resource id of the subnet from which the app reaches everything.')
param subnetId string = ''

@description('Public IPv4 addresses or ranges that a private site still lets in, to publish, to read the status and to replay.')
@maxLength(100)
param allowedAddressRanges array = []

var hostSettings = {
  // Blobs only: no function of the relay uses queues or tables. The address instead of `__accountName`, which fits the public cloud only.
  AzureWebJobsStorage__blobServiceUri: hostBlobEndpoint
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
}

// What function-triggers/*/function.json names: `connection` begins these settings, `%NAME%` is one of them.
var triggerSettings = {
  EventHub__fullyQualifiedNamespace: eventHubNamespace
  EventHub__credential: 'managedidentity'
  EventHub__clientId: identityClientId
  EVENT_HUB_NAME: eventHubName
  EVENT_HUB_CONSUMER_GROUP: eventHubConsumerGroup
  LogsEventHub__fullyQualifiedNamespace: logsEventHubNamespace
  LogsEventHub__credential: 'managedidentity'
  LogsEventHub__clientId: identityClientId
  LOGS_EVENT_HUB_NAME: logsEventHubName
  LOGS_CONSUMER_GROUP: logsConsumerGroup
}

// One spelling only: the host takes `AzureWebJobs_<name>_Disabled` as well, but the portal's switch writes this one, and a function is off while
// either says so.
var switches = {
  'AzureWebJobs.logs.Disabled': logsEnabled ? 'false' : 'true'
  'AzureWebJobs.graph.Disabled': graphEnabled ? 'false' : 'true'
  'AzureWebJobs.sync.Disabled': syncEnabled ? 'false' : 'true'
}

var relaySettings = {
  AZURE_CLIENT_ID: identityClientId
  AZURE_CLOUD: environment().name
  STATE__URL: stateUrl
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  // checkov:skip=CKV_AZURE_225:The parameter zoneRedundant spreads it; not every region has zones, and it keeps two instances of each function running
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource site 'Microsoft.Web/sites@2024-11-01' = {
  // checkov:skip=CKV_AZURE_17:The two HTTP functions ask for a key of the function; operators have no client certificates
  // checkov:skip=CKV_AZURE_78:Flex Consumption has no FTP, and refuses the property that would say so
  // checkov:skip=CKV_AZURE_212:Flex Consumption scales each function by its events, from zero
  // checkov:skip=CKV_AZURE_213:The host watches the program itself; a health check belongs to App Service plans
  // checkov:skip=CKV_AZURE_222:The parameter privateNetwork closes the site
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': serviceName })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: publicNetworkAccess
    virtualNetworkSubnetId: privateNetwork ? subnetId : null
    // What goes to the internet takes the way of the subnet too, so that destinations see the address of its gateway.
    outboundVnetRouting: privateNetwork ? { allTraffic: true } : null
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: privateNetwork ? 'Deny' : 'Allow'
      ipSecurityRestrictions: [
        for (address, i) in (privateNetwork ? allowedAddressRanges : []): {
          name: 'allowed-${i}'
          action: 'Allow'
          priority: 100 + i
          ipAddress: contains(address, '/') ? address : '${address}/32'
        }
      ]
      scmIpSecurityRestrictionsUseMain: true
    }
    functionAppConfig: {
      runtime: {
        name: 'custom'
        version: '1.0'
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostBlobEndpoint}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0 ? [] : [
          {
            name: 'function:alerts'
            instanceCount: alwaysReadyInstances
          }
        ]
      }
    }
  }
}

// Replaces all settings of the site: one that was added by hand is gone after the next deployment.
resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  // checkov:skip=CKV_AZURE_13:Meant for config/web; this is config/appsettings, a list of names and values
  // checkov:skip=CKV_AZURE_63:Meant for config/web; logs go to Application Insights
  // checkov:skip=CKV_AZURE_65:Meant for config/web; there are no error pages
  // checkov:skip=CKV_AZURE_66:Meant for config/web; logs go to Application Insights
  // checkov:skip=CKV_AZURE_80:Meant for config/web; the program is not .NET
  // checkov:skip=CKV_AZURE_88:Meant for config/web; Flex Consumption mounts no share unless asked to
  // checkov:skip=CKV_AZURE_222:Meant for the site, which says it
  parent: site
  name: 'appsettings'
  properties: union(settings, hostSettings, triggerSettings, switches, relaySettings)
}

// Publishing works by roles of Azure only, not by a user name and a password.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: site
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: site
  name: 'scm'
  properties: {
    allow: false
  }
}

@description('Resource id of the site.')
output id string = site.id

@description('Name of the site.')
output name string = site.name

@description('Address of the status page. It asks for a key of the function.')
output statusUrl string = 'https://${site.properties.defaultHostName}/api/status'
