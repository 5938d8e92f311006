# The same plan under other variables, and what it says anywhere within.
package plan.review

environments := ["development", "staging", "production"]

denied[environment] := count(denials) if {
	some environment in environments
	denials := data.plan.deny with input.variables.environment.value as environment
}

open_anywhere contains address if {
	some change in data.plan.changed
	walk(change.change.after, [path, value])
	path[count(path) - 1] in {"0", 0}
	value == "0.0.0.0/0"
	address := change.address
}

worst := {"environment": environment, "denied": most, "open": open_anywhere} if {
	most := max([count | some count in denied])
	some environment in environments
	denied[environment] == most
}
