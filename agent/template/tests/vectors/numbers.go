package main

// Arithmetic and versions.
var numbers = []string{
	`{{ add 1 2 3 }} {{ add }} {{ add "4" 1.9 true nil }} {{ add1 41 }} {{ add1 "9" }} {{ sub 5 3 }} {{ mul 2 3 4 }} {{ mul 5 }} {{ div 7 2 }} {{ div -7 2 }} {{ mod 7 3 }} {{ mod -7 3 }} {{ add 9223372036854775807 1 }} {{ mul 9223372036854775807 2 }} {{ sub -9223372036854775808 1 }} {{ div -9223372036854775808 -1 }}`,
	`{{ div 1 0 }}`,
	`{{ mod 1 0 }}`,
	`{{ div 1 "x" }}`,
	`{{ sub 1 }}`,
	`{{ max 1 2 3 }} {{ max -1 }} {{ biggest 1 "5" 3 }} {{ min 3 1 2 }} {{ min 1.9 }} {{ maxf 1 2.5 "3.5" }} {{ minf 1.5 -2 }} {{ maxf 1 (float64 "nan") }} {{ minf 0.0 -0.0 }} {{ maxf "x" -1 }}`,
	`{{ ceil 1.1 }} {{ ceil -1.1 }} {{ floor 1.9 }} {{ floor "123.9999" }} {{ floor -1.1 }} {{ ceil "x" }} {{ floor 1e20 }} {{ ceil 5 }}`,
	`{{ round 123.555555 3 }} {{ round 123.5 0 }} {{ round -1.5 0 }} {{ round 2.5 0 }} {{ round 1234.5 -2 }} {{ round "1.005" 2 }} {{ round 0.1 20 }} {{ round 123.555 2 0.9 }} {{ round -123.555 2 }} {{ round 1 400 }}`,
	`{{ round 1.5 1.0 }}`,
	`{{ addf 0.1 0.2 }} {{ addf 1.5 2 "3.25" }} {{ addf }} {{ add1f 1.5 }} {{ subf 1 0.9 }} {{ subf 5 }} {{ mulf 1.1 1.1 }} {{ mulf 3 "2.5" 2 }} {{ divf 10 3 }} {{ divf 2 3 }} {{ divf -2 3 }} {{ divf 1 3 3 }} {{ divf 1 8 }} {{ mulf 0.1 0.2 0.3 }} {{ divf 10 4 2 }} {{ divf 0 5 }} {{ addf 1e300 1e-300 }} {{ mulf 1e200 1e200 }} {{ divf 1e-20 3 }} {{ addf 123456789.123 987654321.987 }} {{ subf 0.3 0.1 }} {{ divf 22 7 }} {{ divf 5 -3 }} {{ divf 1 1e17 }} {{ divf 5 1e17 }}`,
	`{{ divf 1 0 }}`,
	`{{ addf (float64 "nan") 1 }}`,
	`{{ addf (float64 "inf") 1 }}`,
	// versions
	`{{ semver "1.2.3-alpha.1+123" }} {{ (semver "v1.2.3-alpha.1+123").Major }} {{ (semver "1.2.3").Minor }} {{ (semver "1.2.3").Patch }} {{ (semver "1.2.3-a.1").Prerelease }} {{ (semver "1.2.3+m").Metadata }} {{ (semver "v1.2").Original }} {{ semver "1" }} {{ (semver "1.2.3").IncMajor }} {{ (semver "1.2.3").IncMinor.IncPatch }} {{ (semver "1.2.3-a").IncPatch }} {{ ((semver "1.2.3").Compare (semver "1.2.4")) }} {{ typeOf (semver "1.2.3").Major }}`,
	`{{ $v := semver "1.2.3" }}{{ $v.LessThan (semver "2.0") }} {{ $v.GreaterThan (semver "2.0") }} {{ $v.Equal (semver "1.2.3+x") }} {{ $v | toJson }} {{ $v | quote }} {{ printf "%s %v" $v $v }}`,
	`{{ semver "1.2.3.4" }}`,
	`{{ semver "" }}`,
	`{{ semver "1.02.3-01" }}`,
	`{{ semver "1.02.3" }} {{ semver "v01.2" }}`,
	`{{ semver "1.2.3-é" }}`,
	`{{ semver "99999999999999999999.0.0" }}`,
	`{{ (semver "1.2.3").Nope }}`,
	`{{ range $a := list "1.0.0-alpha" "1.0.0-alpha.1" "1.0.0-beta" "1.0.0-beta.2" "1.0.0-beta.11" "1.0.0-rc.1" "1.0.0" "1.0.0-1" }}{{ range $b := list "1.0.0-alpha" "1.0.0-beta.2" "1.0.0-beta.11" "1.0.0" "1.0.0-2" "1.0.0-alpha.beta" }}{{ (semver $a).Compare (semver $b) }} {{ end }}{{ end }}`,
	`{{ range $c := list "=1.2.3" "1.2.3" "!=1.2.3" ">1.2.3" "<1.2.3" ">=1.2.3" "=>1.2.3" "<=1.2.3" "=<1.2.3" "~1.2.3" "~>1.2.3" "^1.2.3" "1.2" "1" "*" "x" "1.x" "1.2.x" "!=1.2.x" "!=1.x" "!=1" ">1" ">1.2" "<1.2" "<=1.2" "<=1" "~1" "~1.2" "~1.x" "~0" "^0" "^0.0" "^0.0.3" "^0.2.3" "^0.2" "^1" "^1.x" "^*" "~*" ">=1.2.3-0" "^1.2.3-alpha" "~1.2.3-beta" ">1.2.3, <2" ">=1.2 <1.3" "1.2.0 - 1.4.5" "1.2 - 2.3.4" "=1 || >=3" "<1 || 1.2.3" ">= 1.2.3 , < 2.0.0" "!=1.2.3-alpha" "~0.0.0" "v1.2.3" ">=v1" "" "  " "1.2.3+build" ">*" "<=*" "!=*" "1.2.3-alpha - 2" "<1.2.3-beta" "=1.2.3-alpha" }}{{ $c }}:{{ range $v := list "0.0.3" "0.0.4" "0.2.3" "0.2.9" "0.3.0" "1.0.0" "1.2.0" "1.2.3" "1.2.4" "1.3.0" "1.4.5" "1.2.3-alpha" "1.2.3-beta.2" "1.2.4-rc1" "2.0.0" "2.3.4" "3.1.0" }}{{ if trim $c }}{{ semverCompare $c $v | ternary "y" "n" }}{{ end }}{{ end }}
{{ end }}`,
	`{{ semverCompare "" "1.2.3" }}`,
	`{{ semverCompare "nope" "1.2.3" }}`,
	`{{ semverCompare ">1 <2 &&" "1.2.3" }}`,
	`{{ semverCompare ">1" "nope" }}`,
	`{{ semverCompare "^1.2.3" "1.9.0" }}`,
	`{{ semverCompare ">1.2.3 || " "1.3.0" }}`,
	`{{ semverCompare "1.2.3.4" "1.2.3" }}`,
}
