// The values that azd deploys with. Change this file, or set those that it reads from the environment: `azd env set ALERT_EMAIL soc@example.com`.
// infra/README.md has every parameter; what is not named here has the default of main.bicep.

using 'main.bicep'

// ---- azd and its hooks set these

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param principalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
// azd itself knows only the id; the hook finds out the kind.
param principalType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'User')
param defenderPrincipalId = readEnvironmentVariable('DEFENDER_PRINCIPAL_ID', '')

// ---- you may set these without touching the file

param continuousExport = bool(readEnvironmentVariable('CONTINUOUS_EXPORT', 'true'))
param exportAuth = readEnvironmentVariable('EXPORT_AUTH', 'trustedService')
param alertEmail = readEnvironmentVariable('ALERT_EMAIL', '')
param workspaceResourceId = readEnvironmentVariable('WORKSPACE_RESOURCE_ID', '')
param privateNetwork = bool(readEnvironmentVariable('PRIVATE_NETWORK', 'false'))
param recoverVault = bool(readEnvironmentVariable('RECOVER_VAULT', 'false'))

// ---- where alerts go

param destinations = 'sentinel'

// Settings, by their full names: { SPLUNK__URL: 'https://http-inputs-acme.splunkcloud.com' }
param destinationSettings = {}

// Secret settings, with the names of secrets in the vault: { SPLUNK__TOKEN: 'splunk-token' }
param destinationSecrets = {}
