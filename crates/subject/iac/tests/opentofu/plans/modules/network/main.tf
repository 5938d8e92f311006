variable "cidr" {
  type = string
}

variable "zones" {
  type        = list(string)
  description = "Where subnets are."
}

resource "terraform_data" "this" {
  input = var.cidr
}

module "subnet" {
  source = "./subnet"
  count  = length(var.zones)
  cidr   = cidrsubnet(var.cidr, 8, count.index)
  zone   = var.zones[count.index]
}

output "id" {
  value = terraform_data.this.id
}

output "subnets" {
  value      = module.subnet[*].cidr
  depends_on = [module.subnet]
}
