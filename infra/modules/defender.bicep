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
    name: plan.key
    properties: {
      pricingTier: 'Standard'
      subPlan: empty(plan.value) ? null : plan.value
    }
  }
]

resource contact 'Microsoft.Security/securityContacts@2023-12-01-preview' = if (!empty(contactEmails)) {
  name: 'default'
  properties: {
    emails: contactEmails
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
