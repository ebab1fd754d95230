// IRBot on Azure Container Apps: the bot (single tenant), its identity, its database and its secrets.
//   az deployment group create -g irbot -f deploy/azure/main.bicep -p name=irbot image=… botAppId=… \
//     databasePassword=… dataKey=… responderGroups=… approverGroups=…
// Afterwards: trust the identity in the app registration (output federatedCredential), grant rights (app.py grant),
// look whether all is there (app.py doctor), and upload the Teams app (app.py pack).

@description('A short name; every resource carries it.')
@minLength(3)
@maxLength(16)
param name string

param location string = resourceGroup().location

@description('The container image, built from the Dockerfile.')
param image string

@description('The application (client) id of IRBot\'s app registration.')
param botAppId string

@description('The password of the database\'s administrator.')
@secure()
param databasePassword string

@description('A Fernet key for what is encrypted at rest: python -c "from cryptography.fernet import Fernet as F; print(F.generate_key().decode())"')
@secure()
param dataKey string

@description('Object ids of Entra groups, with commas between them.')
param responderGroups string
param approverGroups string
param communicatorGroups string = ''
param administratorGroups string = ''

@description('Object ids of emergency accounts, with commas between them.')
param breakGlassUsers string = ''

@minValue(1)
@maxValue(3)
param replicas int = 2

var databaseName = 'irbot'
var databaseUser = 'irbot'
var secretsUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
}

resource logs 'Microsoft.OperationalInsights/workspaces@2022-10-01' = {
  name: name
  location: location
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: 90
  }
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: '${name}-${uniqueString(resourceGroup().id)}'
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
  }
}

resource mayReadSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, identity.id)
  scope: vault
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: secretsUser
  }
}

resource database 'Microsoft.DBforPostgreSQL/flexibleServers@2023-06-01-preview' = {
  name: '${name}-${uniqueString(resourceGroup().id)}'
  location: location
  sku: {
    name: 'Standard_B1ms'
    tier: 'Burstable'
  }
  properties: {
    version: '16'
    administratorLogin: databaseUser
    administratorLoginPassword: databasePassword
    storage: {
      storageSizeGB: 32
    }
    backup: {
      backupRetentionDays: 14
      geoRedundantBackup: 'Disabled'
    }
  }
}

resource databaseOfIRBot 'Microsoft.DBforPostgreSQL/flexibleServers/databases@2023-06-01-preview' = {
  parent: database
  name: databaseName
}

// Container Apps have no fixed address; this lets in what runs in Azure, and the password decides.
resource fromAzure 'Microsoft.DBforPostgreSQL/flexibleServers/firewallRules@2023-06-01-preview' = {
  parent: database
  name: 'azure'
  properties: {
    startIpAddress: '0.0.0.0'
    endIpAddress: '0.0.0.0'
  }
}

resource databaseUrl 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: vault
  name: 'database-url'
  properties: {
    value: 'postgresql://${databaseUser}:${uriComponent(databasePassword)}@${database.properties.fullyQualifiedDomainName}/${databaseName}?sslmode=require'
  }
}

resource dataKeys 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: vault
  name: 'data-keys'
  properties: {
    value: dataKey
  }
}

resource environment 'Microsoft.App/managedEnvironments@2024-03-01' = {
  name: name
  location: location
  properties: {
    appLogsConfiguration: {
      destination: 'log-analytics'
      logAnalyticsConfiguration: {
        customerId: logs.properties.customerId
        sharedKey: logs.listKeys().primarySharedKey
      }
    }
  }
}

resource app 'Microsoft.App/containerApps@2024-03-01' = {
  name: name
  location: location
  dependsOn: [
    mayReadSecrets
    databaseOfIRBot
    fromAzure
  ]
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    managedEnvironmentId: environment.id
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: true
        targetPort: 3978
        transport: 'http'
        allowInsecure: false
      }
      secrets: [
        {
          name: 'database-url'
          keyVaultUrl: databaseUrl.properties.secretUri
          identity: identity.id
        }
        {
          name: 'data-keys'
          keyVaultUrl: dataKeys.properties.secretUri
          identity: identity.id
        }
      ]
    }
    template: {
      scale: {
        minReplicas: replicas
        maxReplicas: replicas
      }
      containers: [
        {
          name: 'irbot'
          image: image
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          env: [
            { name: 'IRBOT_TENANT_ID', value: tenant().tenantId }
            { name: 'IRBOT_APP_ID', value: botAppId }
            { name: 'IRBOT_MANAGED_IDENTITY_CLIENT_ID', value: identity.properties.clientId }
            { name: 'IRBOT_DATABASE_URL', secretRef: 'database-url' }
            { name: 'IRBOT_DATA_KEYS', secretRef: 'data-keys' }
            { name: 'IRBOT_RESPONDER_GROUPS', value: responderGroups }
            { name: 'IRBOT_APPROVER_GROUPS', value: approverGroups }
            { name: 'IRBOT_COMMUNICATOR_GROUPS', value: communicatorGroups }
            { name: 'IRBOT_ADMINISTRATOR_GROUPS', value: administratorGroups }
            { name: 'IRBOT_BREAK_GLASS_USERS', value: breakGlassUsers }
          ]
          probes: [
            {
              type: 'Liveness'
              httpGet: {
                path: '/healthz'
                port: 3978
              }
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/readyz'
                port: 3978
              }
            }
          ]
        }
      ]
    }
  }
}

resource bot 'Microsoft.BotService/botServices@2022-09-15' = {
  name: name
  location: 'global'
  kind: 'azurebot'
  sku: {
    name: 'S1'
  }
  properties: {
    displayName: 'IRBot'
    endpoint: 'https://${app.properties.configuration.ingress.fqdn}/api/messages'
    msaAppId: botAppId
    msaAppType: 'SingleTenant'
    msaAppTenantId: tenant().tenantId
    disableLocalAuth: true
  }
}

resource teams 'Microsoft.BotService/botServices/channels@2022-09-15' = {
  parent: bot
  name: 'MsTeamsChannel'
  location: 'global'
  properties: {
    channelName: 'MsTeamsChannel'
    properties: {
      isEnabled: true
    }
  }
}

@description('The bare host name, for app.py pack --host.')
output host string = app.properties.configuration.ingress.fqdn

@description('Subject and issuer of the federated credential to add to the app registration.')
output federatedCredential object = {
  issuer: 'https://login.microsoftonline.com/${tenant().tenantId}/v2.0'
  subject: identity.properties.principalId
  audience: 'api://AzureADTokenExchange'
}
