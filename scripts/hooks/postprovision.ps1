# azd on Windows, after it provisioned: the same as postprovision.sh.
$ErrorActionPreference = 'Stop'

Write-Output @"
Defender Relay is provisioned in $env:AZURE_RESOURCE_GROUP.
  app      $env:FUNCTION_APP_NAME
  status   $env:STATUS_URL
"@

if ($env:KEY_VAULT_SECRET_NAMES) {
    Write-Output ''
    Write-Output 'Your destinations need these secrets. Write each that is new: put its value into a file without a line break, then delete the file.'
    foreach ($name in $env:KEY_VAULT_SECRET_NAMES -split ',') {
        Write-Output "  az keyvault secret set --vault-name $env:KEY_VAULT_NAME --name $name --encoding utf-8 --file <file>"
    }
    Write-Output 'Then, so that the app reads them now and not within 24 hours:'
    Write-Output "  az functionapp restart --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME"
}
Write-Output @'

When the package is published (azd deploy; azd up does it now), raise sample alerts: Defender for Cloud, Security alerts, Sample alerts.
Docs: docs/deploy.md
'@
