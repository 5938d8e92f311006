package clinic.users_test

import data.clinic.users

test_root_is_denied if {
	users.deny == {"Container \"web\" runs as root (SOC 2 CC6.1)"} with input as pod({}, {"runAsUser": 0})
}

test_the_user_of_the_pod_counts_where_the_container_has_none if {
	count(users.deny) == 1 with input as pod({"runAsUser": 0}, {})
	count(users.deny) == 0 with input as pod({"runAsUser": 0}, {"runAsUser": 1000})
}

test_a_user_of_null_is_none if {
	count(users.deny) == 1 with input as pod({"runAsUser": 0}, {"runAsUser": null})
}

test_containers_that_prepare_count if {
	prepared := {"kind": "Pod", "spec": {"initContainers": [{"name": "prepare", "securityContext": {"runAsUser": 0}}]}}
	users.deny == {"Container \"prepare\" runs as root (SOC 2 CC6.1)"} with input as prepared
}

test_others_pass if {
	count(users.deny) == 0 with input as pod({}, {"runAsUser": 1000})
	count(users.deny) == 0 with input as {"kind": "Service", "spec": {}}
}

test_what_makes_pods_is_looked_at if {
	template := {"spec": pod({}, {"runAsUser": 0}).spec}
	count(users.deny) == 1 with input as {"kind": "Deployment", "spec": {"template": template}}
	count(users.deny) == 1 with input as {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": template}}}}
}

pod(pod_context, container_context) := {"kind": "Pod", "spec": {
	"securityContext": pod_context,
	"containers": [{"name": "web", "securityContext": container_context}],
}}
