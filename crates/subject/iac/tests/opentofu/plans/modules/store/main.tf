variable "name" {
  type = string
}

variable "label" {
  type    = string
  default = "none"
}

variable "token" {
  type      = string
  sensitive = true
  default   = "unset-token"
}

resource "terraform_data" "bucket" {
  input            = { name = var.name, label = var.label }
  triggers_replace = var.token
}

output "label" {
  value = "label of ${var.label}"
}

output "token" {
  value     = var.token
  sensitive = true
}
