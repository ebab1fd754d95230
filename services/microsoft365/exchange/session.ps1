# One Exchange session for a program: a JSON request a line on standard input, a JSON answer a line on standard output.
# Nothing else may reach standard output. The first line tells how to connect; its answer tells whether that worked.
$ErrorActionPreference = 'Stop'
$WarningPreference = 'SilentlyContinue'
$InformationPreference = 'SilentlyContinue'
$ProgressPreference = 'SilentlyContinue'
$VerbosePreference = 'SilentlyContinue'
$utf8 = [System.Text.UTF8Encoding]::new($false)
$requests = [System.IO.StreamReader]::new([Console]::OpenStandardInput(), $utf8)
$answers = [System.IO.StreamWriter]::new([Console]::OpenStandardOutput(), $utf8)
$answers.AutoFlush = $true

function Write-Answer([hashtable] $Answer) {
    $answers.WriteLine((ConvertTo-Json -InputObject $Answer -Depth 6 -Compress -EnumsAsStrings))
}

# A value as the HTTP interface would give it: text, number, boolean, null, or a list of text.
function ConvertTo-Plain($Value) {
    if ($null -eq $Value) { return $null }
    if ($Value -is [datetimeoffset]) { return $Value.UtcDateTime.ToString('o') }
    if ($Value -is [datetime]) {
        if ($Value.Kind -eq [System.DateTimeKind]::Unspecified) { return $Value.ToString('o') + 'Z' }
        return $Value.ToUniversalTime().ToString('o')
    }
    if ($Value -is [timespan]) { return $Value.ToString() }
    if ($Value -is [guid] -or $Value -is [enum]) { return $Value.ToString() }
    if ($Value -is [bool] -or $Value -is [int] -or $Value -is [long] -or $Value -is [uint64] -or $Value -is [double]) { return $Value }
    if ($Value -is [string]) { return $Value }
    if ($Value -is [System.Collections.IEnumerable]) {
        return , @($Value | ForEach-Object { if ($null -eq $_) { $null } else { $_.ToString() } })
    }
    $recipient = $Value.PSObject.Properties['ADRecipient']
    if ($null -ne $recipient -and $null -ne $recipient.Value) {
        return @{
            DisplayName = [string] $Value.DisplayName
            ADRecipient = @{ PrimarySmtpAddress = [string] $recipient.Value.PrimarySmtpAddress }
        }
    }
    return $Value.ToString()
}

function ConvertTo-Record($Object) {
    $record = @{}
    foreach ($property in $Object.PSObject.Properties) {
        if ($property.Name -notmatch '@' -and $property.Name -notmatch '^(PSComputerName|RunspaceId|PSShowComputerName)$') {
            $record[$property.Name] = ConvertTo-Plain $property.Value
        }
    }
    return $record
}

# "@edit" marks a change of a multi-valued property, which PowerShell takes as a hash table.
function ConvertTo-Parameter($Value) {
    if ($Value -is [System.Collections.IDictionary] -and $Value.Contains('@edit')) {
        $edit = @{}
        foreach ($side in @('Add', 'Remove')) {
            if ($Value['@edit'].Contains($side)) { $edit[$side] = @($Value['@edit'][$side]) }
        }
        return $edit
    }
    if ($Value -is [System.Collections.IList]) { return , @($Value) }
    return $Value
}

function Write-Failure($Id, $Record) {
    Write-Answer @{
        id        = $Id
        ok        = $false
        message   = [string] $Record.Exception.Message
        exception = $Record.Exception.GetType().Name
        error_id  = [string] $Record.FullyQualifiedErrorId
    }
}

$line = $requests.ReadLine()
if ($null -eq $line) { exit 2 }
$connection = ConvertFrom-Json -InputObject $line -AsHashtable
try {
    Import-Module -Name $connection['module'] -ErrorAction Stop | Out-Null
    $pem = $connection['certificate_file']
    $read = [System.Security.Cryptography.X509Certificates.X509Certificate2]::CreateFromPemFile($pem, $pem)
    # Windows signs only with a key that was imported, not with one that was merely read.
    $certificate = [System.Security.Cryptography.X509Certificates.X509Certificate2]::new($read.Export('Pkcs12'))
    $how = @{
        AppId        = $connection['app_id']
        Organization = $connection['organisation']
        Certificate  = $certificate
        ShowBanner   = $false
    }
    if ($connection['environment']) { $how['ExchangeEnvironmentName'] = $connection['environment'] }
    Connect-ExchangeOnline @how *> $null
    Write-Answer @{ id = 0; ok = $true; records = @(); warnings = @() }
}
catch {
    Write-Failure 0 $_
    exit 3
}

while ($null -ne ($line = $requests.ReadLine())) {
    $request = ConvertFrom-Json -InputObject $line -AsHashtable
    try {
        if ($request['cmdlet'] -eq 'Get-Command') {
            $names = @(Get-Command -CommandType Function, Cmdlet | Where-Object { $_.Source -like 'tmp*' -or $_.Source -eq $connection['module_name'] } | ForEach-Object { $_.Name })
            Write-Answer @{ id = $request['id']; ok = $true; records = @(@{ Names = $names }); warnings = @() }
            continue
        }
        if ($request['cmdlet'] -notmatch '^(Get|Set|New|Add|Remove|Enable|Disable|Clear|Search)-[A-Za-z0-9]+$') {
            throw [System.Management.Automation.CommandNotFoundException]::new($request['cmdlet'])
        }
        $parameters = @{}
        foreach ($name in $request['parameters'].Keys) { $parameters[$name] = ConvertTo-Parameter $request['parameters'][$name] }
        $warned = $null
        $found = @(& $request['cmdlet'] @parameters -WarningVariable warned -WarningAction SilentlyContinue -ErrorAction Stop 3> $null 4> $null 5> $null 6> $null)
        $records = @($found | Where-Object { $null -ne $_ } | ForEach-Object { ConvertTo-Record $_ })
        $warnings = @($warned | Where-Object { $null -ne $_ } | ForEach-Object { [string] $_ })
        Write-Answer @{ id = $request['id']; ok = $true; records = $records; warnings = $warnings }
    }
    catch {
        Write-Failure $request['id'] $_
    }
}
