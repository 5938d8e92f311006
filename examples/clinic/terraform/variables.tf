variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "environment" {
  type    = string
  default = "production"
}

variable "office_cidrs" {
  description = "Networks of the two practices."
  type        = list(string)
  default     = ["203.0.113.0/28", "198.51.100.32/28"]
}

variable "database_password" {
  type      = string
  sensitive = true
}

locals {
  name = "clinic-${var.environment}"
}
