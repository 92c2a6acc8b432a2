# azd on Windows, before it provisions: the same as preprovision.sh, which says why.
$ErrorActionPreference = 'Stop'

$defender = '8edd93e1-2103-40b4-bd70-6e34e586362d'
$providers = @(
    'Microsoft.App', 'Microsoft.Authorization', 'Microsoft.EventHub', 'Microsoft.Insights', 'Microsoft.KeyVault', 'Microsoft.ManagedIdentity',
    'Microsoft.Network', 'Microsoft.OperationalInsights', 'Microsoft.PolicyInsights', 'Microsoft.Security', 'Microsoft.SecurityInsights',
    'Microsoft.Storage', 'Microsoft.Web'
)

# What a fault ends with; nothing else than 0 lets azd go on.
$code = 1

function Fail([string] $text) {
    [Console]::Error.WriteLine("preprovision: $text")
    exit $code
}

# Runs az and gives its lines; fails with that text when az does.
function Ask([string] $orElse, [string[]] $words) {
    $lines = & az @words --only-show-errors --output tsv
    if ($LASTEXITCODE -ne 0) { Fail $orElse }
    return $lines
}

if (-not (Get-Command az -ErrorAction SilentlyContinue)) { Fail 'the Azure CLI is missing: https://aka.ms/azure-cli; then: az login' }
$here = Ask 'the Azure CLI is not signed in: az login' @('account', 'show', '--query', 'tenantId')
$subscription = $env:AZURE_SUBSCRIPTION_ID
if (-not $subscription) { $subscription = Ask 'the Azure CLI has no subscription: az login' @('account', 'show', '--query', 'id') }
$tenant = Ask "the Azure CLI does not see subscription ${subscription}: az login --tenant <its tenant>" @(
    'account', 'show', '--subscription', $subscription, '--query', 'tenantId')
if ($tenant -ne $here) {
    Fail "the Azure CLI works in tenant $here, the subscription lies in ${tenant}: az account set --subscription $subscription"
}

# Keeps a value in the azd environment.
function Keep([string] $name, [string] $value) {
    $environment = @()
    if ($env:AZURE_ENV_NAME) { $environment = @('--environment', $env:AZURE_ENV_NAME) }
    & azd env set $name $value @environment
    if ($LASTEXITCODE -ne 0) { Fail "azd did not keep $name" }
}

if (-not $env:AZURE_PRINCIPAL_ID) {
    $kind = 'User'
    $signedIn = Ask 'the Azure CLI is not signed in: az login' @('account', 'show', '--query', 'user.type')
    if ($signedIn -eq 'servicePrincipal') { $kind = 'ServicePrincipal' }
    $told = $env:AZURE_PRINCIPAL_TYPE
    if (-not $told) { $told = 'User' }
    if ($told -ne $kind) { Keep 'AZURE_PRINCIPAL_TYPE' $kind }
}

$registered = @(Ask "cannot list the resource providers of $subscription" @(
        'provider', 'list', '--subscription', $subscription, '--query', "[?registrationState=='Registered'].namespace"))
foreach ($provider in $providers) {
    if ($registered -notcontains $provider) {
        Write-Output "registering $provider"
        Ask "cannot register ${provider}: ask an owner of the subscription: az provider register --namespace $provider" @(
            'provider', 'register', '--subscription', $subscription, '--namespace', $provider, '--wait') | Out-Null
    }
}

if ($env:EXPORT_AUTH -and $env:EXPORT_AUTH -ne 'trustedService' -and $env:PRIVATE_NETWORK -ne 'true') {
    Write-Output 'no role for Defender for Cloud: the export does not need one'
    exit 0
}
if ($env:DEFENDER_PRINCIPAL_ID) {
    Write-Output "Defender for Cloud writes as $env:DEFENDER_PRINCIPAL_ID (DEFENDER_PRINCIPAL_ID)"
    exit 0
}

# Without an export of this subscription the role serves exports by policy, which may never come.
if ($env:CONTINUOUS_EXPORT -eq 'false') { $code = 0 }
$principal = Ask @"
you may not read the directory of tenant $tenant. Let somebody who may run
  az ad sp show --id $defender --query id --output tsv
and give the result to azd: azd env set DEFENDER_PRINCIPAL_ID <object id>
"@ @('ad', 'sp', 'list', '--filter', "appId eq '$defender'", '--query', '[0].id')
if (-not $principal -or $principal -eq 'None') {
    Fail @"
tenant $tenant has no service principal $defender (Windows Azure Security Resource Provider).
Open Defender for Cloud once in the portal, wait some minutes and try again. If that does not help, an Application Administrator runs
  az ad sp create --id $defender
In a cloud where it has another application id, take the object id from the portal: Microsoft Entra ID, Enterprise applications, Application
type Microsoft Applications; then: azd env set DEFENDER_PRINCIPAL_ID <object id>
"@
}
$code = 1
Keep 'DEFENDER_PRINCIPAL_ID' $principal
Write-Output "Defender for Cloud writes as $principal"
