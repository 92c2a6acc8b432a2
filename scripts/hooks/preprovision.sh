#!/bin/sh
# azd, before it provisions: what the templates cannot do themselves.
#
# 1. Registers the resource providers that they need.
# 2. Tells them what kind of principal deploys: azd gives its id to a .bicepparam file, but not its kind, and Azure refuses a role for the wrong kind.
# 3. Finds the principal as which Defender for Cloud writes to the event hub, and keeps its object id in the azd environment. Without its
#    role an export looks fine and writes nothing, so nobody gets past here without it.
#
#   DEFENDER_PRINCIPAL_ID   that object id, if you give it yourself: azd env set DEFENDER_PRINCIPAL_ID <object id>
#   AZURE_PRINCIPAL_ID      another principal than the one that is signed in, if you give it yourself; AZURE_PRINCIPAL_TYPE is yours to give too then
#   EXPORT_AUTH             connectionString: nobody needs the principal, unless PRIVATE_NETWORK is true: then only that principal may write
#   CONTINUOUS_EXPORT       false: only the policy of infra/policy needs it, so a missing one is said and no fault
#
# Uses the sign-in of the Azure CLI, in the tenant of the subscription.
set -eu

# "Windows Azure Security Resource Provider". Looked up by its application id: anybody may give an application that name.
DEFENDER=8edd93e1-2103-40b4-bd70-6e34e586362d

# Of the resources in infra/; Microsoft.App is who delegates the subnet of a private network.
PROVIDERS='Microsoft.App Microsoft.Authorization Microsoft.EventHub Microsoft.Insights Microsoft.KeyVault Microsoft.ManagedIdentity
Microsoft.Network Microsoft.OperationalInsights Microsoft.PolicyInsights Microsoft.Security Microsoft.SecurityInsights Microsoft.Storage
Microsoft.Web'

fail() {
    echo "preprovision: $*" >&2
    exit 1
}

azure() {
    az "$@" --only-show-errors --output tsv
}

# Keeps a value in the azd environment.
keep() {
    azd env set "$1" "$2" ${AZURE_ENV_NAME:+--environment "$AZURE_ENV_NAME"}
}

command -v az >/dev/null || fail "the Azure CLI is missing: https://aka.ms/azure-cli; then: az login"
here=$(azure account show --query tenantId) || fail "the Azure CLI is not signed in: az login"
# `azd up` has asked for the subscription by now; `azd provision` may not have.
subscription=${AZURE_SUBSCRIPTION_ID:-$(azure account show --query id)}
tenant=$(azure account show --subscription "$subscription" --query tenantId) ||
    fail "the Azure CLI does not see subscription $subscription: az login --tenant <its tenant>"
# The directory is asked in the tenant of the CLI's own default subscription.
[ "$tenant" = "$here" ] ||
    fail "the Azure CLI works in tenant $here, the subscription lies in $tenant: az account set --subscription $subscription"

if [ -z "${AZURE_PRINCIPAL_ID:-}" ]; then
    # A managed identity counts as a service principal here too.
    case $(azure account show --query user.type) in servicePrincipal) kind=ServicePrincipal ;; *) kind=User ;; esac
    [ "${AZURE_PRINCIPAL_TYPE:-User}" = "$kind" ] || keep AZURE_PRINCIPAL_TYPE "$kind"
fi

registered=$(azure provider list --subscription "$subscription" --query "[?registrationState=='Registered'].namespace")
for provider in $PROVIDERS; do
    if ! echo "$registered" | grep -qixF "$provider"; then
        echo "registering $provider"
        azure provider register --subscription "$subscription" --namespace "$provider" --wait ||
            fail "cannot register $provider: ask an owner of the subscription: az provider register --namespace $provider"
    fi
done

if [ "${EXPORT_AUTH:-trustedService}" != trustedService ] && [ "${PRIVATE_NETWORK:-false}" != true ]; then
    echo 'no role for Defender for Cloud: the export does not need one'
    exit 0
fi
if [ -n "${DEFENDER_PRINCIPAL_ID:-}" ]; then
    echo "Defender for Cloud writes as $DEFENDER_PRINCIPAL_ID (DEFENDER_PRINCIPAL_ID)"
    exit 0
fi

# Without an export of this subscription the role serves exports by policy, which may never come.
if [ "${CONTINUOUS_EXPORT:-true}" = false ]; then
    fail() {
        printf 'preprovision: no role for Defender for Cloud on the hub: %s\n' "$*" >&2
        exit 0
    }
fi
principal=$(azure ad sp list --filter "appId eq '$DEFENDER'" --query '[0].id') ||
    fail "you may not read the directory of tenant $tenant. Let somebody who may run
  az ad sp show --id $DEFENDER --query id --output tsv
and give the result to azd: azd env set DEFENDER_PRINCIPAL_ID <object id>"
case $principal in
    # The CLI writes the null of an empty list as nothing or as None.
    '' | None)
        fail "tenant $tenant has no service principal $DEFENDER (Windows Azure Security Resource Provider).
Open Defender for Cloud once in the portal, wait some minutes and try again. If that does not help, an Application Administrator runs
  az ad sp create --id $DEFENDER
In a cloud where it has another application id, take the object id from the portal: Microsoft Entra ID, Enterprise applications, Application
type Microsoft Applications; then: azd env set DEFENDER_PRINCIPAL_ID <object id>"
        ;;
esac
keep DEFENDER_PRINCIPAL_ID "$principal"
echo "Defender for Cloud writes as $principal"
