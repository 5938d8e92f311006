variable "cidr" {}

variable "zone" {
  default = "none"
}

resource "terraform_data" "subnet" {
  input = { cidr = var.cidr, zone = var.zone }
}

output "cidr" {
  value = var.cidr
}
