# What a plan of infrastructure must be: grouped by type, joined, and its JSON texts read.
package plan

mandatory_tags := {"owner", "service", "environment"}

taggable := {"aws_s3_bucket", "aws_security_group", "aws_instance", "aws_db_instance", "aws_cloudwatch_log_group"}

instance_types := {"t3.micro", "t3.small", "m7g.large"}

weights := {"aws_db_instance": 10, "aws_s3_bucket": 5, "aws_iam_policy": 4, "aws_instance": 2}

environment := input.variables.environment.value

changed contains change if {
	some change in input.resource_changes
	some action in change.change.actions
	action in {"create", "update"}
}

by_type := {type: changes |
	some type in {change.type | some change in input.resource_changes}
	changes := [change | some change in input.resource_changes; change.type == type]
}

tags_of(change) := {key | some key, value in change.change.after.tags; value != ""}

encrypted(bucket) if {
	some configuration in by_type.aws_s3_bucket_server_side_encryption_configuration
	configuration.change.after.bucket == bucket.change.after.bucket
	some rule in configuration.change.after.rule
	rule.apply_server_side_encryption_by_default[_].sse_algorithm == "aws:kms"
}

actions(statement) := {statement.Action} if is_string(statement.Action)

actions(statement) := {action | some action in statement.Action} if is_array(statement.Action)

score := sum([points |
	some type, weight in weights
	points := weight * count([change | some change in changed; change.type == type])
])

limit := 100 if environment == "production"

limit := 1000 if environment != "production"

deny contains message if {
	some change in changed
	change.type in taggable
	missing := mandatory_tags - tags_of(change)
	count(missing) > 0
	message := sprintf("%s lacks the tags %s", [change.address, concat(", ", sort(missing))])
}

deny contains message if {
	some bucket in by_type.aws_s3_bucket
	not encrypted(bucket)
	message := sprintf("%s is not encrypted with a key of its own", [bucket.address])
}

deny contains message if {
	some group in by_type.aws_security_group
	some i, rule in group.change.after.ingress
	"0.0.0.0/0" in rule.cidr_blocks
	rule.from_port <= 22
	rule.to_port >= 22
	message := sprintf("%s lets the world in by rule %d, ports %d to %d", [group.address, i, rule.from_port, rule.to_port])
}

deny contains message if {
	some instance in by_type.aws_instance
	after := instance.change.after
	not after.instance_type in instance_types
	message := sprintf("%s is a %s, not one of %v", [instance.address, after.instance_type, instance_types])
}

deny contains message if {
	some instance in by_type.aws_instance
	some device in instance.change.after.root_block_device
	not device.encrypted
	message := sprintf("%s has a disk of %d GiB that is not encrypted", [instance.address, device.volume_size])
}

deny contains message if {
	some policy in by_type.aws_iam_policy
	some statement in json.unmarshal(policy.change.after.policy).Statement
	statement.Effect == "Allow"
	"*" in actions(statement)
	message := sprintf("%s allows everything", [policy.address])
}

deny contains message if {
	some database in by_type.aws_db_instance
	startswith(database.address, "module.")
	some problem in problems(database.change.after)
	message := sprintf("%s: %s", [database.address, problem])
}

deny contains message if {
	environment == "production"
	score > limit
	message := sprintf("the plan changes too much at once: %d is more than %d", [score, limit])
}

problems(database) := unencrypted | public | kept if {
	unencrypted := {"not encrypted" | not database.storage_encrypted}
	public := {"public" | database.publicly_accessible}
	kept := {sprintf("backups are kept for %d days", [days]) | days := database.backup_retention_period; days < 7}
}
