package main

// Dates. What depends on the present is left to tests of properties.
var dates = []string{
	`{{ date "2006-01-02 15:04:05" 0 }} {{ date "2006-01-02" 1700000000 }} {{ date "Mon Jan _2 15:04:05 MST 2006" (int64 1700000000) }} {{ date "2006" -1 }}`,
	`{{ dateInZone "2006-01-02 15:04:05 -0700 MST" 1700000000 "America/New_York" }} {{ date_in_zone "15:04 MST" 1700000000 "Europe/Berlin" }} {{ dateInZone "15:04 MST" 1700000000 "Nope/Nope" }} {{ dateInZone "15:04 MST" 1700000000 "" }} {{ dateInZone "15:04 MST -07:00" 1700000000 "Asia/Kolkata" }} {{ dateInZone "15:04 MST -07" 1720000000 "America/St_Johns" }} {{ dateInZone "MST" 1720000000 "Europe/Berlin" }} {{ dateInZone "15:04 MST" 0 "europe/berlin" }} {{ dateInZone "MST" 0 "UTC" }} {{ dateInZone "2006 MST Z07:00" 4102444800 "America/Los_Angeles" }} {{ dateInZone "MST -070000" -3000000000 "Europe/Paris" }}`,
	`{{ htmlDate 1700000000 }} {{ htmlDateInZone 1700000000 "Asia/Tokyo" }} {{ htmlDateInZone 0 "America/New_York" }}`,
	`{{ $t := toDate "2006-01-02T15:04:05.999999999Z07:00" "2024-02-09T03:07:08.12345Z" }}{{ range list "January Jan 1 01 Monday Mon 2 _2 02 __2 002 15 3 03 4 04 5 05 2006 06 PM pm" "-0700 -07:00 -07 -070000 -07:00:00 Z0700 Z07:00 Z07 Z070000 Z07:00:00 MST" ".0 .000 .000000000 .9 .999 .999999999 ,000 ,999 05.000 05.00x .0001" "Janet Monkey Jan2 Mon3 _2006 __2006 20060102150405 Januaryx Mondays JanMon" "é✓ 2006é plain text M J P p Z - _ . , 0 00 07 08" "" }}{{ date . $t }}
{{ end }}`,
	`{{ range list "0001-01-01 00:00:00" "1999-12-31 12:00:00" "2024-12-31 00:59:59" "9999-06-15 13:05:09" "0099-03-01 23:00:01" }}{{ $t := toDate "2006-01-02 15:04:05" . }}{{ date "06 2006 __2 002 3 03 15 PM pm Monday" $t }}|{{ unixEpoch $t }}|{{ $t }}
{{ end }}`,
	`{{ toDate "2006-01-02" "2017-12-31" }} {{ toDate "2006-01-02" "bad" }} {{ toDate "2006-01-02" "2017-02-30" }} {{ mustToDate "2006-01-02 15:04 -0700" "2017-12-31 10:00 +0200" }} {{ toDate "2006-01-02 15:04 MST" "2017-12-31 10:00 CEST" }} {{ toDate "2006-01-02 15:04 MST" "2017-12-31 10:00 GMT+3" }} {{ toDate "2006-01-02 MST" "2017-12-31 UTC" }} {{ toDate "2006-01-02 -0700 MST" "2017-12-31 +0100 CET" }} {{ toDate "2006-01-02 Z07:00" "2017-12-31 -05:30" }} {{ toDate "2006-01-02 Z07:00" "2017-12-31 Z" }}`,
	`{{ mustToDate "2006-01-02" "bad" }}`,
	`{{ mustToDate "2006-01-02" "2017-13-01" }}`,
	`{{ mustToDate "2006-01-02" "2017-01-01x" }}`,
	`{{ range list (list "Jan 2 2006" "Feb 3 2013") (list "January 2, 2006" "FEBRUARY 3, 2013") (list "Mon Jan _2 15:04:05 2006" "Thu Feb  4 21:00:57 2010") (list "Monday 02-Jan-06" "Thursday 04-Feb-69") (list "02-Jan-06" "04-Feb-68") (list "3:04PM" "9:07PM") (list "3:04PM" "12:07AM") (list "03:04 pm" "09:07 am") (list "3:04PM" "13:07PM") (list "15:04" "24:00") (list "15:04:05" "10:11:12.345") (list "15:04:05.000" "10:11:12.345") (list "15:04:05.000" "10:11:12.34") (list "15:04:05.999" "10:11:12") (list "15:04:05,999" "10:11:12,5") (list "2006 002" "2024 060") (list "2006 002" "2023 366") (list "2006 __2" "2023  45") (list "2006 01 02" "2023  5 6") (list "2006 1 2" "2023 5 6") (list "2006-01-02 15" "2023-05-06 7") (list "06" "5") (list "2006" "99999") (list "  2006" " 2023") (list "2006 15" "2023   07") (list "Z070000" "+012345") (list "-07:00:00" "-01:02:03") (list "-07" "+3") (list "-07" "+03") (list "MST" "+03") (list "MST" "WITA") (list "MST" "ABCD") (list "MST" "ABCDT") (list "MST" "ab") (list "Z0700" "+2500") (list "Jan" "Foo") (list "Mon" "Foo") (list "04" "60") (list "05" "7") (list "5" "7") (list "2006-01-02T15:04:05Z07:00" "2024-01-02T03:04:05.678+01:00") (list "2006 01 002" "2024 02 060") (list "2006 01 002" "2024 01 060") (list "15h" "7h") (list "2006x" "2023") }}{{ (toDate (first .) (last .)).Format "2006-01-02 15:04:05.999999999 -070000 MST" }}
{{ end }}`,
	`{{ $t := toDate "2006-01-02 15:04:05" "2024-02-28 23:59:00" }}{{ dateModify "1h" $t }} {{ date_modify "-25h30m" $t }} {{ dateModify "bad" $t }} {{ mustDateModify "1.5h" $t }} {{ must_date_modify "1m30s" $t }} {{ $t | dateModify "100ms" | date "05.000" }} {{ dateModify "" $t }} {{ dateModify "0" $t }} {{ dateModify "1d" $t }} {{ dateModify "+1us1ns" $t }}`,
	`{{ mustDateModify "bad" (toDate "2006" "2006") }}`,
	`{{ must_date_modify "1" (toDate "2006" "2006") }}`,
	`{{ dateModify "1h" 5 }}`,
	`{{ unixEpoch (toDate "2006-01-02" "2000-01-01") }} {{ unixEpoch (toDate "x" "y") }}`,
	`{{ unixEpoch 5 }}`,
	`{{ duration "95" }} {{ duration "3661" }} {{ duration (int64 86400) }} {{ duration 5 }} {{ duration "x" }} {{ duration "-61" }} {{ duration (add 59 1) }} {{ duration nil }} {{ duration "99999999999999" }}`,
	`{{ durationRound "2h10m5s" }} {{ durationRound "36h" }} {{ durationRound "100h" }} {{ durationRound "2400h10m5s" }} {{ durationRound "1s" }} {{ durationRound "1500ms" }} {{ durationRound "90m" }} {{ durationRound "x" }} {{ durationRound 5 }} {{ durationRound (int64 7200000000000) }} {{ durationRound "-3h" }} {{ durationRound "20000h" }} {{ durationRound "0" }} {{ durationRound "1h1ns" }} {{ durationRound "1.5h" }} {{ durationRound ".5h" }} {{ durationRound "1.s" }} {{ durationRound "61s60m" }} {{ durationRound "9999999h" }}`,
	`{{ $t := toDate "2006-01-02 15:04:05" "2024-02-29 13:04:05" }}{{ $t.Year }} {{ $t.Month }} {{ $t.Month | int }} {{ $t.Day }} {{ $t.Hour }} {{ $t.Minute }} {{ $t.Second }} {{ $t.Nanosecond }} {{ $t.Weekday }} {{ $t.YearDay }} {{ $t.Unix }} {{ $t.UnixMilli }} {{ $t.UnixNano }} {{ $t.IsZero }} {{ $t.UTC }} {{ $t.AddDate 1 0 0 }} {{ $t.AddDate 0 1 -1 }} {{ $t.AddDate -1 -14 40 }} {{ $t.Format "02/01/06" }} {{ $t.String }} {{ typeOf $t.Month }} {{ kindOf $t.Month }} {{ typeOf $t.Unix }}`,
	`{{ $a := toDate "2006" "2020" }}{{ $b := toDate "2006" "2021" }}{{ $a.Before $b }} {{ $a.After $b }} {{ $a.Equal $a }} {{ $b.Sub $a }} {{ typeOf ($b.Sub $a) }} {{ $a.Add ($b.Sub $a) }} {{ $b.Sub $a | int64 }}`,
	`{{ (toDate "2006" "2020").Nope }}`,
	`{{ (toDate "2006" "2020").Format 1 }}`,
	`{{ (toDate "2006" "2020").Format }}`,
	`{{ toDate "2006-01-02" "2024-05-06" | toJson }} {{ toDate "2006-01-02 15:04:05.000 -0700" "2024-05-06 01:02:03.400 +0200" | toJson }} {{ typeOf (toDate "2006" "2006") }} {{ kindOf (toDate "2006" "2006") }} {{ toDate "2006" "2006" | quote }} {{ list (toDate "2006" "2006") }}`,
	`{{ date "2006" (toDate "2006-01-02 -0700" "2024-01-01 +0200") }} {{ (toDate "2006-01-02 -0700" "2024-01-01 +0200").Format "2006-01-02 15:04" }}`,
	`{{ ago "x" }}{{ date "x" nil }}`,
}
