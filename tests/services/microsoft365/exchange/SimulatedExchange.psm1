# Microsoft's module as far as session.ps1 needs it, over the simulated tenant: for the contract tests with a real pwsh.
$script:Tenant = $env:SIMULATED_EXCHANGE | ConvertFrom-Json -AsHashtable
$script:Headers = @{
    'Authorization'   = "Bearer $($script:Tenant['token'])"
    'X-AnchorMailbox' = 'APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}'
    'Accept-Encoding' = 'identity'
}

function Connect-ExchangeOnline {
    param($AppId, $Organization, $Certificate, $ShowBanner, $ExchangeEnvironmentName)
    if ($null -eq $Certificate -or -not $Certificate.HasPrivateKey) { throw 'a certificate with its key is needed' }
}

function Invoke-Simulated([string] $Cmdlet, [System.Collections.IDictionary] $Bound) {
    $parameters = @{}
    foreach ($name in $Bound.Keys) {
        if ($name -in 'WarningVariable', 'WarningAction', 'ErrorAction') { continue }
        $value = $Bound[$name]
        if ($value -is [hashtable]) { $value['@odata.type'] = '#Exchange.GenericHashTable' }
        if ($value -is [switch]) { $value = [bool] $value }
        $parameters[$name] = $value
    }
    $body = ConvertTo-Json -Depth 6 -InputObject @{ CmdletInput = @{ CmdletName = $Cmdlet; Parameters = $parameters } }
    $url = $script:Tenant['invoke']
    while ($url) {
        $answer = Invoke-WebRequest -Method Post -Uri $url -Headers $script:Headers -ContentType 'application/json; charset=utf-8' -Body ([System.Text.Encoding]::UTF8.GetBytes($body)) -SkipHttpErrorCheck
        if ($answer.StatusCode -eq 403) { throw [System.Management.Automation.CommandNotFoundException]::new($Cmdlet) }
        $json = ConvertFrom-Json -InputObject ([System.Text.Encoding]::UTF8.GetString($answer.RawContentStream.ToArray()))
        if ($answer.StatusCode -ge 300) { throw [System.Exception]::new($json.error.details[0].message) }
        foreach ($warning in $json.'@adminapi.warnings') { Write-Warning $warning }
        foreach ($row in $json.value) { $row }
        $url = $json.'@odata.nextLink'
    }
}

$asked = $script:Headers + @{ 'CommandName' = '*' }
$parts = Invoke-RestMethod -Uri "$($script:Tenant['module_file'])?Version=3.9.2" -Headers $asked
$held = @($parts.value | ForEach-Object { $_.exportedCmdlets -split ',' })
foreach ($line in Get-Content -LiteralPath $script:Tenant['parameters'] | Select-Object -Skip 1 | Group-Object { ($_ -split "`t")[0] }) {
    if ($line.Name -notin $held) { continue }
    $names = @($line.Group | ForEach-Object { ($_ -split "`t")[1] } | Where-Object { $_ } | ForEach-Object { "[object] `$$_" })
    $declared = $names -join ', '
    $text = "function $($line.Name) { [CmdletBinding(SupportsShouldProcess)] param($declared) Invoke-Simulated '$($line.Name)' `$PSBoundParameters }"
    Invoke-Expression $text
}
Export-ModuleMember -Function *
