#!/bin/sh
# azd, before it deletes: refuses where it would delete more than the relay.
#
# `azd down` deletes every resource group that the deployment touched, whole (https://github.com/Azure/azure-dev/issues/2916). Ours touches
# others when you gave it an existing workspace, or machines to collect logs from.
set -eu

fail() {
    echo "predown: $*" >&2
    exit 1
}

environment=${AZURE_ENV_NAME:?}
own=${AZURE_RESOURCE_GROUP:-rg-$environment}
command -v az >/dev/null || fail "the Azure CLI is missing, so nobody can tell what azd would delete; delete the group yourself: $own"
azure() {
    az deployment sub "$@" ${AZURE_SUBSCRIPTION_ID:+--subscription "$AZURE_SUBSCRIPTION_ID"} --only-show-errors --output tsv ||
        fail 'the Azure CLI cannot read the deployments: az login'
}

# azd goes by what the last deployment put out, or, if it failed, by what it depends on. Here all deployments of the environment count, and both;
# and each is asked for itself, since a list need not tell all.
names=$(azure list --query "[?tags.\"azd-env-name\"=='$environment'].name")
touched=''
for name in $names; do
    touched="$touched
$(azure show --name "$name" --query 'properties.[outputResources[].id, dependencies[].id, dependencies[].dependsOn[].id][]')"
done
groups=$(echo "$touched" | sed -n 's|.*/[Rr]esource[Gg]roups/\([^/]*\).*|\1|p' | tr '[:upper:]' '[:lower:]' | sort -u)
mine=$(echo "$own" | tr '[:upper:]' '[:lower:]')
others=$(echo "$groups" | grep -vxF "$mine" || true)
if [ -z "$groups" ] || [ -n "$others" ]; then
    fail "azd may delete these resource groups with all that is in them:
${others:-  (the deployments of $environment do not say which)}
Delete only the relay's, and then what lies outside it (docs/deploy.md, Tear down):
  az group delete --name $own"
fi
echo "azd deletes the resource group $own"
