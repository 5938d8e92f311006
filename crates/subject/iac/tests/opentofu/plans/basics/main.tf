variable "environment" {
  description = "Where it runs."
  type        = string
  default     = "test"
}

variable "size" {
  type    = number
  default = "3"
}

variable "given" {
  type = list(string)
}

variable "settings" {
  type = object({
    name  = string
    port  = optional(number, 443)
    notes = optional(list(string))
  })
  default = { name = "a" }
}

variable "nothing" {
  default = null
}

variable "password" {
  type      = string
  default   = "Tr0ub4dor"
  sensitive = true
}

variable "flags" {
  type    = map(bool)
  default = { on = "true", off = false }
}

variable "names" {
  type    = set(string)
  default = ["b", "a", "b"]
}

locals {
  prefix = "${var.environment}-x"
  tags   = { Environment = var.environment, Size = var.size }
  secret = { user = "admin", password = var.password }
}

resource "terraform_data" "plain" {
  input = "a"
}

resource "terraform_data" "values" {
  input = {
    text    = "${local.prefix}-${upper("b")}"
    number  = var.size * 2.5
    large   = 12345678901234567890
    list    = [1, "two", true, null]
    empty   = { list = [], map = {} }
    tags    = merge(local.tags, { Name = "n" })
    heredoc = <<-EOT
      one
        two
    EOT
    null    = null
    given   = var.given
  }
  triggers_replace = [var.settings, var.flags]
}

resource "terraform_data" "counted" {
  count = var.size
  input = "number ${count.index + 1}"
}

resource "terraform_data" "none" {
  count = 0
  input = 1
}

resource "terraform_data" "each" {
  for_each = { for name in var.names : name => upper(name) }
  input    = [each.key, each.value]

  provisioner "local-exec" {
    command     = "echo ${self.id}"
    working_dir = "/tmp"
    environment = { A = "b", C = each.key }
  }

  provisioner "local-exec" {
    when    = destroy
    command = "true"
  }

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [input]
  }
}

resource "terraform_data" "set" {
  for_each = var.names
  input    = each.value
}

resource "terraform_data" "later" {
  input      = terraform_data.plain.id
  depends_on = [terraform_data.values, terraform_data.counted[0]]
}

resource "terraform_data" "mixed" {
  input = {
    known   = 1
    waits   = terraform_data.plain.output
    text    = "id: ${terraform_data.counted[1].id}"
    list    = [terraform_data.each["a"].id, "known"]
    all     = terraform_data.counted[*].id
    keys    = keys(terraform_data.each)
    nothing = var.nothing
  }
}

resource "terraform_data" "secret" {
  input            = local.secret
  triggers_replace = "${var.password}!"
}

resource "terraform_data" "secret_parts" {
  input = {
    list   = ["plain", var.password, { inner = sensitive("x") }]
    merged = merge({ a = 1 }, local.secret)
    plain  = nonsensitive(var.password)
    chosen = var.size > 1 ? var.password : "none"
  }
}

output "text" {
  description = "A text."
  value       = local.prefix
}

output "unknown" {
  value = terraform_data.plain.id
}

output "partly" {
  value = { id = terraform_data.plain.id, size = var.size, list = [terraform_data.plain.id] }
}

output "secret" {
  value     = var.password
  sensitive = true
}

output "constant" {
  value      = [1, "a", { b = true }]
  depends_on = [terraform_data.plain]
}

output "names" {
  value = var.names
}

output "nothing" {
  value = null
}

output "splat" {
  value = terraform_data.counted[*].input
}
