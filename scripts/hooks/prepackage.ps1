# azd on Windows, before it packages: puts a released zip where azd takes it from. A static Linux program cannot be built on Windows;
# build it in WSL with scripts/package --zip, or take a release.
#
#   RELAY_PACKAGE   path of the zip: azd env set RELAY_PACKAGE <path>
#                   <path>.sha256, from the same release, must lie beside it
$ErrorActionPreference = 'Stop'

function Fail([string] $text) {
    [Console]::Error.WriteLine("prepackage: $text")
    exit 1
}

$released = $env:RELAY_PACKAGE
if (-not $released) { Fail 'the relay cannot be built on Windows: download a release and say where it is: azd env set RELAY_PACKAGE <path of the zip>' }
if (-not (Test-Path -LiteralPath $released -PathType Leaf)) { Fail "RELAY_PACKAGE names no file: $released" }
if (-not (Test-Path -LiteralPath "$released.sha256" -PathType Leaf)) { Fail "$released.sha256 is missing: download it from the release too" }
$wanted = ((Get-Content -LiteralPath "$released.sha256" -TotalCount 1) -split '\s+')[0]
$found = (Get-FileHash -LiteralPath $released -Algorithm SHA256).Hash
# Hashes are compared without regard to case.
if ($found -ne $wanted) { Fail "$released is not what $released.sha256 says: download both again" }
Copy-Item -LiteralPath $released -Destination (Join-Path $PSScriptRoot '..\..\dist.zip') -Force
Write-Output "packaged $released"
