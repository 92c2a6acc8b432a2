// The least that can be deployed: a name, a place, and the principal that azd's hook would find. Everything else is the default.

using '../../infra/main.bicep'

param environmentName = 'minimal'
param location = 'westeurope'
param defenderPrincipalId = '11111111-2222-4333-8444-555555555555'
