// Settings of Microsoft Defender for Cloud for the whole subscription: plans, and whom it mails. All optional, all off by default.
//
// Plans are what makes Defender for Cloud raise alerts, and they cost money by resource or by use. Export itself needs none.
// A plan that is on stays on when this deployment is taken away: set it to Free by hand.
//
// The deployer needs Security Admin or Owner on the subscription.
targetScope = 'subscription'

@description('Plans to switch on: name of the plan -> its sub-plan, or an empty text where it has none: { CloudPosture: \'\', VirtualMachines: \'P2\', StorageAccounts: \'DefenderForStorageV2\', Containers: \'\', KeyVaults: \'PerKeyVault\', Arm: \'PerSubscription\', AppServices: \'\', SqlServers: \'\', Api: \'P1\' }. A plan that is not named stays as it is.')
param defenderPlans object = {}

@description('Addresses that Defender for Cloud itself mails, beside what the relay delivers; separated by semicolons. Empty leaves the contact of the subscription as it is; otherwise it is replaced.')
param contactEmails string = ''

@description('Telephone number of the contact, with country code. Only with contactEmails.')
param contactPhone string = ''

@description('Least severity of alerts that are mailed.')
@allowed([
  'High'
  'Medium'
  'Low'
])
param contactMinimalSeverity string = 'High'

@description('Roles of the subscription whose holders are mailed too. Not those who have a role by a group.')
@allowed([
  'AccountAdmin'
  'ServiceAdmin'
  'Owner'
  'Contributor'
])
param contactRoles array = [
  'Owner'
]

// One after the other: the service answers a second change in the meantime with a conflict.
@batchSize(1)
resource plans 'Microsoft.Security/pricings@2024-01-01' = [
  for plan in items(defenderPlans): {
    // checkov:skip=CKV_AZURE_87:The name comes from a parameter, so the check cannot see which plan it is
    name: plan.key
    properties: {
      pricingTier: 'Standard'
      subPlan: empty(plan.value) ? null : plan.value
    }
  }
]

resource contact 'Microsoft.Security/securityContacts@2023-12-01-preview' = if (!empty(contactEmails)) {
  // checkov:skip=CKV_AZURE_20:A telephone number is the user's choice, contactPhone
  // checkov:skip=CKV_AZURE_21:It looks for alertNotifications of the older version; notificationsSources says the same
  // checkov:skip=CKV_AZURE_22:It looks for notificationsByRole in the older form; the state is On unless there are no roles
  name: 'default'
  properties: {
    emails: contactEmails
    phone: contactPhone
    isEnabled: true
    notificationsByRole: {
      state: empty(contactRoles) ? 'Off' : 'On'
      roles: contactRoles
    }
    notificationsSources: [
      {
        sourceType: 'Alert'
        minimalSeverity: contactMinimalSeverity
      }
    ]
  }
}
