# METADATA
# title: Containers do not run as root
# description: >-
#   Who breaks out of a container that runs as root is root of the node, and so of the records of every patient on it.
# related_resources:
# - ref: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
#   description: how a Pod names its user
# custom:
#   id: CLINIC-USER-001
#   severity: high
#   category: workload
#   fix: Set securityContext.runAsUser to a number other than 0.
#   controls:
#   - control: soc2:CC6.1
#     serves: partly
#     why: Root in a container passes by the restrictions that protect what else is on the node.
package clinic.users

deny contains msg if {
	some container in containers
	user(container) == 0
	msg := sprintf("Container %q runs as root (SOC 2 CC6.1)", [container.name])
}

containers contains container if some container in pod.containers

containers contains container if some container in pod.initContainers

# The user of the container, or else that of its Pod.
user(container) := container.securityContext.runAsUser if {
	is_number(container.securityContext.runAsUser)
} else := pod.securityContext.runAsUser

pod := input.spec if input.kind == "Pod"

pod := input.spec.jobTemplate.spec.template.spec if input.kind == "CronJob"

pod := input.spec.template.spec if not input.kind in {"CronJob", "Pod"}
