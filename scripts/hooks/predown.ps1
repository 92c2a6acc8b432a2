# azd on Windows, before it deletes: the same as predown.sh, which says why.
$ErrorActionPreference = 'Stop'

function Fail([string] $text) {
    [Console]::Error.WriteLine("predown: $text")
    exit 1
}

$environment = $env:AZURE_ENV_NAME
$own = $env:AZURE_RESOURCE_GROUP
if (-not $own) { $own = "rg-$environment" }
if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    Fail "the Azure CLI is missing, so nobody can tell what azd would delete; delete the group yourself: $own"
}
$where = @()
if ($env:AZURE_SUBSCRIPTION_ID) { $where = @('--subscription', $env:AZURE_SUBSCRIPTION_ID) }

# As JSON: double quotes inside a query do not survive the way from PowerShell to az.cmd.
function Ask([string[]] $words) {
    $text = & az deployment sub @words @where --only-show-errors --output json
    if ($LASTEXITCODE -ne 0) { Fail 'the Azure CLI cannot read the deployments: az login' }
    return ($text -join "`n" | ConvertFrom-Json)
}

$groups = @(Ask @('list') |
        ForEach-Object { $_ } |
        Where-Object { $_.tags -and $_.tags.'azd-env-name' -eq $environment } |
        ForEach-Object { (Ask @('show', '--name', $_.name)).properties } |
        ForEach-Object { $_.outputResources; $_.dependencies; $_.dependencies.dependsOn } |
        ForEach-Object { if ($_.id -match '/resourceGroups/([^/]+)') { $Matches[1].ToLowerInvariant() } } |
        Sort-Object -Unique)
$others = @($groups | Where-Object { $_ -ne $own.ToLowerInvariant() })
if ($groups.Count -eq 0 -or $others.Count -gt 0) {
    $list = "  (the deployments of $environment do not say which)"
    if ($others.Count -gt 0) { $list = $others -join "`n" }
    Fail @"
azd may delete these resource groups with all that is in them:
$list
Delete only the relay's, and then what lies outside it (docs/deploy.md, Tear down):
  az group delete --name $own
"@
}
Write-Output "azd deletes the resource group $own"
