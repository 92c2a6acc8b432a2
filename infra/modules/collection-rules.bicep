// Logs of machines for Microsoft Sentinel: Windows Security Events (table SecurityEvent) and Linux Syslog (table Syslog), by data collection
// rules and their associations with the machines that are named.
//
// It installs no agent. A machine needs the Azure Monitor Agent, and for it a managed identity:
//   az vm extension set --ids <machine> --publisher Microsoft.Azure.Monitor --name AzureMonitorWindowsAgent --enable-auto-upgrade true
//   (AzureMonitorLinuxAgent on Linux; `az connectedmachine extension create` on Azure Arc). At scale, Azure Policy installs agents and associates.
// The events go to the workspace, not through the relay, and are billed by volume there.
//
// SecurityEvent is a table of Sentinel's: switch Sentinel on first. Rules must be in the workspace's region; the machines can be anywhere, in any
// subscription of the tenant. The deployer needs Monitoring Contributor on the machines. An association belongs to its machine: take
// it away, before its rule, with `az monitor data-collection rule association delete --name <name> --resource <machine>`.
targetScope = 'resourceGroup'

@description('Resource id of the Log Analytics workspace.')
@minLength(1)
param workspaceResourceId string

@description('Region of the workspace.')
@minLength(1)
param workspaceLocation string

@description('Begin of the names of the rules.')
@minLength(1)
@maxLength(40)
param namePrefix string = 'defender-relay'

@description('Tags of the rules.')
param tags object = {}

@description('Windows Security Events to collect, as Microsoft\'s connector names the sets: none; minimal (breaches and important changes); common (a full audit trail of users); all; custom (windowsXPathQueries).')
@allowed([
  'none'
  'minimal'
  'common'
  'all'
  'custom'
])
param windowsEvents string = 'none'

@description('With custom: XPath queries, each <log>!<query> with at most 20 expressions: Security!*[System[(EventID=4624) or (EventID=4625)]]. Check one on a machine with Get-WinEvent -FilterXPath.')
param windowsXPathQueries array = []

@description('Resource ids of Windows machines that the rule is for: virtual machines, scale sets of them, machines of Azure Arc.')
param windowsMachines array = []

@description('Facilities of Linux Syslog to collect. Empty: no rule.')
@allowed([
  'alert'
  'audit'
  'auth'
  'authpriv'
  'clock'
  'cron'
  'daemon'
  'ftp'
  'kern'
  'local0'
  'local1'
  'local2'
  'local3'
  'local4'
  'local5'
  'local6'
  'local7'
  'lpr'
  'mail'
  'mark'
  'news'
  'nopri'
  'ntp'
  'syslog'
  'user'
  'uucp'
])
param syslogFacilities array = []

@description('Levels of Linux Syslog to collect.')
@minLength(1)
@allowed([
  'Debug'
  'Info'
  'Notice'
  'Warning'
  'Error'
  'Critical'
  'Alert'
  'Emergency'
])
param syslogLevels array = [
  'Warning'
  'Error'
  'Critical'
  'Alert'
  'Emergency'
]

@description('Resource ids of Linux machines that the rule is for: virtual machines, scale sets of them, machines of Azure Arc.')
param linuxMachines array = []

// The sets of the connector "Windows Security Events via AMA", as it writes them into its rules.
var eventSets = loadJsonContent('windows-security-events.json')
var xPathQueries = windowsEvents == 'custom' ? windowsXPathQueries : eventSets[windowsEvents]

resource windows 'Microsoft.Insights/dataCollectionRules@2023-03-11' = if (windowsEvents != 'none') {
  name: '${namePrefix}-windows-security-events'
  location: workspaceLocation
  tags: tags
  kind: 'Windows'
  properties: {
    description: 'Windows Security Events for Microsoft Sentinel: ${windowsEvents}'
    dataSources: {
      windowsEventLogs: [
        {
          name: 'security-events'
          // Not Microsoft-Event, which goes to the table Event, where Sentinel's rules do not look.
          #disable-next-line open-enum
          streams: ['Microsoft-SecurityEvent']
          xPathQueries: xPathQueries
        }
      ]
    }
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: workspaceResourceId
        }
      ]
    }
    dataFlows: [
      {
        #disable-next-line open-enum
        streams: ['Microsoft-SecurityEvent']
        destinations: ['workspace']
      }
    ]
  }
}

resource linux 'Microsoft.Insights/dataCollectionRules@2023-03-11' = if (!empty(syslogFacilities)) {
  name: '${namePrefix}-linux-syslog'
  location: workspaceLocation
  tags: tags
  kind: 'Linux'
  properties: {
    description: 'Syslog of Linux machines for Microsoft Sentinel'
    dataSources: {
      syslog: [
        {
          name: 'syslog'
          streams: ['Microsoft-Syslog']
          facilityNames: syslogFacilities
          logLevels: syslogLevels
        }
      ]
    }
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: workspaceResourceId
        }
      ]
    }
    dataFlows: [
      {
        streams: ['Microsoft-Syslog']
        destinations: ['workspace']
      }
    ]
  }
}

// An association is a resource of its machine, so it is deployed to the machine's group.
module windowsAssociations 'collection-rule-association.bicep' = [
  for machine in windowsMachines: if (windowsEvents != 'none') {
    name: 'windows-events-${uniqueString(machine)}'
    scope: resourceGroup(split(machine, '/')[2], split(machine, '/')[4])
    params: {
      machineId: machine
      ruleId: windows.id
      name: '${namePrefix}-windows-security-events'
    }
  }
]

module linuxAssociations 'collection-rule-association.bicep' = [
  for machine in linuxMachines: if (!empty(syslogFacilities)) {
    name: 'linux-syslog-${uniqueString(machine)}'
    scope: resourceGroup(split(machine, '/')[2], split(machine, '/')[4])
    params: {
      machineId: machine
      ruleId: linux.id
      name: '${namePrefix}-linux-syslog'
    }
  }
]

@description('Resource id of the rule for Windows Security Events. Empty without one.')
output windowsRuleId string = windowsEvents != 'none' ? windows.id : ''

@description('Resource id of the rule for Linux Syslog. Empty without one.')
output linuxRuleId string = !empty(syslogFacilities) ? linux.id : ''
