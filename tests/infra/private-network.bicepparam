// Everything behind private endpoints, with a fixed outbound address, raw logs and rows over the private network too. One pipeline may still publish
// and write secrets from outside.

using '../../infra/main.bicep'

param environmentName = 'private'
param location = 'northeurope'
param principalId = '22222222-3333-4444-8555-666666666666'
param principalType = 'ServicePrincipal'
param defenderPrincipalId = '11111111-2222-4333-8444-555555555555'

param privateNetwork = true
param deployerAddressRanges = ['198.51.100.7', '203.0.113.0/28']
param virtualNetworkAddressSpace = '10.80.4.0/24'
param outboundAddress = true
param privateDnsZones = true
param privateMonitor = true

param streamLogs = true
param deleteLocks = true

param destinations = 'sentinel, soc-syslog=syslog'
param destinationSettings = {
  SOC_SYSLOG__ADDRESS: 'tls://collector.corp.example:6514'
}
param destinationSecrets = {
  SOC_SYSLOG__CLIENT_KEY: 'syslog-client-key'
  SOC_SYSLOG__CLIENT_CERT: 'syslog-client-certificate'
}
