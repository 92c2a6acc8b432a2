// What the function `sync` may do to the alerts of one subscription. Azure has no narrower built-in role that may change the state of an alert:
// Security Admin may also change security policies. Where that is too much, leave `syncRoles` off and give the identity (output APP_PRINCIPAL_ID) a role
// of your own with Microsoft.Security/alerts/read and Microsoft.Security/locations/alerts/{read, dismiss/action, resolve/action, activate/action}.
//
// The assignment stays when the resource group is deleted: remove it by hand.

targetScope = 'subscription'

@description('Object id of the app\'s identity.')
@minLength(36)
@maxLength(36)
param appPrincipalId string

var roles = {
  'Security Admin': 'fb1c8493-542b-48eb-b624-b4c8fea62acd'
}

resource appChangesAlerts 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, appPrincipalId, roles['Security Admin'])
  properties: {
    description: 'Defender Relay dismisses, resolves and re-opens alerts as their incidents change (function sync)'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Security Admin'])
  }
}
