#!/bin/sh
# azd, after it provisioned: says what is left to do. Reads the outputs of the deployment, which azd hands over as variables.
set -eu

cat <<END
Defender Relay is provisioned in ${AZURE_RESOURCE_GROUP:?}.
  app      ${FUNCTION_APP_NAME:?}
  status   ${STATUS_URL:?}
END

if [ -n "${KEY_VAULT_SECRET_NAMES:-}" ]; then
    echo
    echo 'Your destinations need these secrets. Write each that is new; it asks for the value:'
    old=$IFS
    IFS=,
    for name in $KEY_VAULT_SECRET_NAMES; do
        echo "  scripts/write-secret ${KEY_VAULT_NAME:?} $name"
    done
    IFS=$old
    echo 'Then, so that the app reads them now and not within 24 hours:'
    echo "  az functionapp restart --resource-group $AZURE_RESOURCE_GROUP --name $FUNCTION_APP_NAME"
fi
cat <<'END'

When the package is published (azd deploy; azd up does it now), raise sample alerts: Defender for Cloud, Security alerts, Sample alerts.
Docs: docs/deploy.md
END
