// What wakes somebody: one rule for each way in which the relay can stop doing its work. docs/operations.md explains each.
//
// Log rules ask Application Insights; their queries lie in queries/, where a test compares them with the program's real log lines.
// The window of a rule is at least twice its interval, since a line may arrive some minutes late: a rule that looked only at the
// time since its last run would miss it. Rules resolve by themselves once the condition has passed.

targetScope = 'resourceGroup'

@description('Region of the log alert rules.')
param location string

@description('Tags of every rule.')
param tags object = {}

@description('Name of the environment, in names and titles of the rules.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Resource id of the Application Insights component.')
param applicationInsightsId string

@description('Names of the Event Hubs namespaces in this resource group; the first has the hub of alerts.')
@minLength(1)
param namespaceNames array

@description('Name of the hub that continuous export writes to.')
param eventHubName string

@description('Resource ids of the action groups that are told.')
@maxLength(5)
param actionGroupIds array = []

@description('How often the log alert rules run, in minutes.')
@allowed([5, 10, 15])
param frequencyMinutes int = 15

@description('Events that may come to wait in the store within an hour, per destination.')
@minValue(0)
@maxValue(1000000)
param waitingGrowthThreshold int = 100

@description('How long an event may wait in the store, in minutes.')
@minValue(5)
@maxValue(10080)
param oldestWaitingMinutes int = 120

@description('How many of 30 minutes the circuit of a destination may be open.')
@minValue(1)
@maxValue(29)
param breakerOpenMinutes int = 10

@description('How long an event may lie in a hub before the relay takes it, in minutes.')
@minValue(1)
@maxValue(10080)
param hubLagMinutes int = 15

@description('Failed invocations of one function that are tolerated within 30 minutes.')
@minValue(0)
@maxValue(1000)
param failureThreshold int = 2

@description('Requests that Event Hubs may turn away within 15 minutes because the throughput is used up.')
@minValue(0)
@maxValue(1000000)
param throttledThreshold int = 10

@description('Messages that the hub of alerts may receive within 6 hours while nobody reads any.')
@minValue(0)
@maxValue(1000000)
param unreadThreshold int = 5

var perDestination = [{ name: 'destination', operator: 'Include', values: ['*'] }]
var perFunction = [{ name: 'function_name', operator: 'Include', values: ['*'] }]

var logRules = [
  {
    name: 'dead-letters'
    title: 'events became dead letters'
    description: 'Nothing sends a dead letter again by itself. Read the reasons in the workbook, mend the cause, then replay: docs/operations.md#replay-dead-letters.'
    severity: 1
    query: loadTextContent('queries/dead-letters.kql')
    windowSize: 'PT30M'
    timeAggregation: 'Total'
    measure: 'dead'
    dimensions: perDestination
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'parked-growing'
    title: 'more and more events wait for a destination'
    description: 'Events come faster than the destination takes them, or it takes none. They are safe until DELIVERY__MAX_AGE; then they become dead letters. See why: docs/troubleshooting.md#events-are-parked.'
    severity: 2
    query: loadTextContent('queries/parked-growing.kql')
    windowSize: 'PT1H'
    timeAggregation: 'Maximum'
    measure: 'growth'
    dimensions: perDestination
    operator: 'GreaterThan'
    threshold: waitingGrowthThreshold
  }
  {
    name: 'oldest-waiting'
    title: 'an event has waited long for a destination'
    description: 'The destination has not taken the event in all this time. After DELIVERY__MAX_AGE it becomes a dead letter. See why: docs/troubleshooting.md#events-are-parked.'
    severity: 2
    query: loadTextContent('queries/oldest-waiting.kql')
    windowSize: 'PT30M'
    timeAggregation: 'Maximum'
    measure: 'minutes'
    dimensions: perDestination
    operator: 'GreaterThan'
    threshold: oldestWaitingMinutes
  }
  {
    name: 'misconfigured'
    title: 'a destination refuses the credential, or its address is wrong'
    description: 'Only a human can end this. The log line names what to mend; events are parked meanwhile, however long that takes: docs/troubleshooting.md#events-are-parked.'
    severity: 1
    query: loadTextContent('queries/misconfigured.kql')
    windowSize: 'PT30M'
    timeAggregation: 'Count'
    measure: ''
    dimensions: perDestination
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'breaker-open'
    title: 'the circuit of a destination stays open'
    description: 'The destination is down or fails again and again, so it is asked only now and then. Events are parked and go out by themselves when it is well: docs/troubleshooting.md#events-are-parked.'
    severity: 2
    query: loadTextContent('queries/breaker-open.kql')
    windowSize: 'PT30M'
    timeAggregation: 'Maximum'
    measure: 'minutes'
    dimensions: perDestination
    operator: 'GreaterThan'
    threshold: breakerOpenMinutes
  }
  {
    name: 'invocation-failures'
    title: 'a function fails'
    description: 'The store cannot be reached, or a setting is faulty: the host repeats batches and the hub fills. Look for "invocation failed" and "configuration fault": docs/troubleshooting.md.'
    severity: 1
    query: loadTextContent('queries/invocation-failures.kql')
    windowSize: 'PT30M'
    timeAggregation: 'Total'
    measure: 'failures'
    dimensions: perFunction
    operator: 'GreaterThan'
    threshold: failureThreshold
  }
  {
    name: 'hub-backlog'
    title: 'the relay is behind the hub'
    description: 'Events lie in the hub for long before they are taken. More instances, more partitions or faster destinations help: docs/operations.md#alert-rules. Events leave the hub when its retention ends.'
    severity: 2
    query: loadTextContent('queries/hub-backlog.kql')
    windowSize: 'PT30M'
    timeAggregation: 'Maximum'
    measure: 'minutes'
    dimensions: perFunction
    operator: 'GreaterThan'
    threshold: hubLagMinutes
  }
  {
    name: 'nothing-delivered'
    title: 'events arrive, and none is delivered'
    description: 'For an hour no destination took anything that arrived. Most likely the way out is closed: network, DNS, firewall, or the settings. Run defender-relay check --connect: docs/troubleshooting.md.'
    severity: 1
    query: loadTextContent('queries/nothing-delivered.kql')
    windowSize: 'PT1H'
    timeAggregation: 'Maximum'
    measure: 'held'
    dimensions: []
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'silent'
    title: 'the relay is silent'
    description: 'The timer function redeliver runs each minute, and did not for 30. The app is stopped, was never published, or cannot start: docs/troubleshooting.md#the-host-says-that-it-cannot-start-the-handler. Until the first publishing this alert is right.'
    severity: 1
    query: loadTextContent('queries/silent.kql')
    windowSize: 'PT30M'
    timeAggregation: 'Count'
    measure: ''
    dimensions: []
    operator: 'LessThan'
    threshold: 1
  }
]

resource logRule 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in logRules: {
    name: 'relay-${environmentName}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Defender Relay ${environmentName}: ${rule.title}'
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [applicationInsightsId]
      evaluationFrequency: 'PT${frequencyMinutes}M'
      windowSize: rule.windowSize
      autoMitigate: true
      // The component has no tables yet when it is created together with its rules.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: rule.timeAggregation
            metricMeasureColumn: empty(rule.measure) ? null : rule.measure
            dimensions: rule.dimensions
            operator: rule.operator
            threshold: rule.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: actionGroupIds }
    }
  }
]

var metricActions = [for id in actionGroupIds: { actionGroupId: id }]

resource namespaces 'Microsoft.EventHub/namespaces@2024-01-01' existing = [for name in namespaceNames: { name: name }]

resource throttled 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for (name, index) in namespaceNames: {
    name: 'relay-${environmentName}-throttled-${name}'
    location: 'global'
    tags: tags
    properties: {
      description: 'Event Hubs turns requests to ${name} away because its throughput units are used up. Writers try again, but not for ever: raise the capacity, or let it grow by itself (auto-inflate).'
      severity: 2
      enabled: true
      scopes: [namespaces[index].id]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: 'throttled'
            criterionType: 'StaticThresholdCriterion'
            metricNamespace: 'Microsoft.EventHub/namespaces'
            metricName: 'ThrottledRequests'
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: throttledThreshold
          }
        ]
      }
      actions: metricActions
    }
  }
]

resource quotaExceeded 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for (name, index) in namespaceNames: {
    name: 'relay-${environmentName}-quota-${name}'
    location: 'global'
    tags: tags
    properties: {
      description: 'Requests to ${name} fail because a quota of Event Hubs is used up. What is written now may be lost before it reaches the hub: see the quotas of the tier, and choose a larger one.'
      severity: 1
      enabled: true
      scopes: [namespaces[index].id]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: 'quota'
            criterionType: 'StaticThresholdCriterion'
            metricNamespace: 'Microsoft.EventHub/namespaces'
            metricName: 'QuotaExceededErrors'
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: 0
          }
        ]
      }
      actions: metricActions
    }
  }
]

// The window is long and the interval too: a burst that came a moment before the rule looked is no fault yet. It asks the namespace, which has
// this one hub: asked for a hub by name, Azure Monitor may answer nothing instead of 0 where nothing happened (Azure/azure-libraries-for-java, issue
// 1409), and a rule does not fire on nothing.
resource unread 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'relay-${environmentName}-unread'
  location: 'global'
  tags: tags
  properties: {
    description: 'The hub ${eventHubName} receives messages, and nobody reads them. The app is stopped, or may not read: docs/troubleshooting.md#nothing-arrives-and-nothing-is-logged.'
    severity: 1
    enabled: true
    scopes: [namespaces[0].id]
    evaluationFrequency: 'PT1H'
    windowSize: 'PT6H'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'received'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.EventHub/namespaces'
          metricName: 'IncomingMessages'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: unreadThreshold
        }
        {
          name: 'read'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.EventHub/namespaces'
          metricName: 'OutgoingMessages'
          timeAggregation: 'Total'
          operator: 'LessThanOrEqual'
          threshold: 0
        }
      ]
    }
    actions: metricActions
  }
}
